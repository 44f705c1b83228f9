/* A coordinator and its jobs may be used from any thread at any time. */
#include "check.h"

#define THREADS 6
#define ROUNDS 15

static backup_coordinator *shared;
static atomic_int made, refused;

/* Backs up again and again; a backup that another thread's is in the way of is a conflict. */
static void *back_up(void *none) {
    for (int i = 0; i < ROUNDS; i++) {
        backup_job *job = NULL;
        backup_error *mine = NULL;
        backup_code code = i % 2 ? backup_start(shared, &job, &mine) : backup_run(shared, &job, &mine);
        if (code == BACKUP_OK) {
            CHECK(backup_wait(job, -1, NULL) == BACKUP_OK);
            made++;
        } else {
            CHECK(code == BACKUP_CONFLICT && backup_error_code(mine) == BACKUP_CONFLICT && !job);
            refused++;
        }
        backup_error_free(mine);
        backup_free(job);
    }
    return none;
}

/* Looks at whatever is there. */
static void *look(void *none) {
    for (int i = 0; i < ROUNDS * 4; i++) {
        backup_job *job = NULL;
        backup_list *list = NULL;
        backup_progress progress;
        if (backup_find(shared, NULL, &job, NULL) == BACKUP_OK) {
            CHECK(backup_status(job, &progress, sizeof progress, NULL) == BACKUP_OK);
            CHECK(progress.percent <= 100 && backup_location(job)[0] == '/' && backup_eventfd(job) >= 0);
            CHECK(backup_set_rate_limit(job, 0, NULL) == BACKUP_OK);
        }
        CHECK(backup_list_open(backup_coordinator_root(shared), &list, NULL) == BACKUP_OK);
        backup_list_free(list);
        backup_free(job);
    }
    return none;
}

static void one_backup_runs_at_a_time_and_no_thread_hangs(void) {
    pthread_t threads[THREADS];
    shared = open_plain(database());
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, i < THREADS / 2 ? back_up : look, NULL) == 0);
    for (int i = 0; i < THREADS; i++) CHECK(pthread_join(threads[i], NULL) == 0);
    CHECK(made > 0 && made + refused == THREADS / 2 * ROUNDS);
    backup_list *list = NULL;
    SUCCEEDS(backup_list_open(backup_coordinator_root(shared), &list, &error));
    CHECK(backup_list_count(list) == (size_t) made);
    backup_list_free(list);
    backup_coordinator_close(shared);
}

static void *wait_for(void *job) {
    CHECK(backup_wait(job, -1, NULL) == BACKUP_CANCELLED);
    return NULL;
}

static void all_who_wait_learn_the_end(void) {
    struct gate gate = GATE;
    backup_coordinator *coordinator = open_at(database(), quick_options(), &gate);
    backup_job *job = started_at(coordinator, &gate);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) CHECK(pthread_create(&threads[i], NULL, wait_for, job) == 0);
    SUCCEEDS(backup_cancel(job, &error));
    gate_open(&gate);
    for (int i = 0; i < THREADS; i++) CHECK(pthread_join(threads[i], NULL) == 0);
    backup_free(job);
    backup_coordinator_close(coordinator);
}

int main(int argc, char **argv) {
    check_begin(argc, argv);
    TRY(one_backup_runs_at_a_time_and_no_thread_hangs);
    TRY(all_who_wait_learn_the_end);
    return 0;
}
