/* Runs every case of the list in its first argument below the scratch directory in its second. Prints nothing
 * unless something is wrong. */
#include "scene.h"

#include <dirent.h>

static void a_snapshot_comes_back_as_it_was(struct scene *scene) {
    push(scene, scene->snapshot);
    struct path target = in(scene->place, "restored");
    SUCCEEDS(restore(scene, "latest", target));
    CHECK(is_the_database(target));
    /* Over what has become of it since. */
    write_file(in(target, "data"), "changed");
    SUCCEEDS(restore(scene, "latest", target));
    CHECK(is_the_database(target));
    SUCCEEDS(backup_restore_undo(target.text, &error));
    CHECK(file_holds(in(target, "data"), "changed"));
}

static void a_second_push_sends_less(struct scene *scene) {
    uint64_t before = bytes_up(scene);
    push(scene, scene->snapshot);
    uint64_t first = bytes_up(scene) - before;
    CHECK(first > TABLE / 2);
    write_file(in(scene->database, "data"), "changed");
    push(scene, snapshot_of(scene->coordinator));
    CHECK(bytes_up(scene) - before - first < first / 10);
    CHECK(listed(scene, NULL) == 2);
    struct path target = in(scene->place, "restored");
    SUCCEEDS(restore(scene, "latest", target));
    CHECK(table_holds(in(target, "1.sst"), 1) && file_holds(in(target, "data"), "changed"));
}

static void a_snapshot_that_is_there_is_not_sent_again(struct scene *scene) {
    push(scene, scene->snapshot);
    push(scene, scene->snapshot);
    CHECK(listed(scene, NULL) == 1);
}

static void a_fetched_snapshot_can_be_restored(struct scene *scene) {
    push(scene, scene->snapshot);
    struct path fetched = in(scene->place, "fetched"), target = in(scene->place, "restored");
    backup_job *job = NULL;
    SUCCEEDS(backup_remote_fetch_start(scene->remote, "latest", fetched.text, NULL, &job, &error));
    SUCCEEDS(end_of(job));
    SUCCEEDS(backup_remote_fetch_start(scene->remote, "latest", fetched.text, NULL, &job, &error));
    FAILS(BACKUP_CONFLICT, end_of(job));
    SUCCEEDS(backup_restore_start(fetched.text, target.text, NULL, &job, &error));
    SUCCEEDS(end_of(job));
    CHECK(is_the_database(target));
}

static void a_pushed_checkpoint_comes_back_and_is_gone_here(struct scene *scene) {
    backup_job *job = NULL;
    SUCCEEDS(backup_checkpoint_start(scene->coordinator, BACKUP_CHECKPOINT_LINKS_ARE_SAFE, &job, &error));
    struct path checkpoint;
    snprintf(checkpoint.text, sizeof checkpoint.text, "%s", backup_location(job));
    SUCCEEDS(end_of(job));
    CHECK(exists(in(checkpoint, "1.sst")));
    /* The database goes on, and deletes its table. */
    write_file(in(scene->database, "data"), "changed");
    CHECK(unlink(in(scene->database, "1.sst").text) == 0);
    push(scene, checkpoint);
    CHECK(!exists(checkpoint) && listed(scene, "scenarios") == 1);
    struct path target = in(scene->place, "restored");
    SUCCEEDS(restore(scene, "latest", target));
    CHECK(is_the_database(target) && !exists(in(target, "checkpoint.manifest")));
    CHECK(file_holds(in(scene->database, "data"), "changed"));
}

static void snapshots_are_listed_and_forgotten(struct scene *scene) {
    push(scene, scene->snapshot);
    backup_snapshot *local = NULL;
    SUCCEEDS(backup_snapshot_open(scene->snapshot.text, &local, &error));
    backup_remote_list *list = NULL;
    SUCCEEDS(backup_remote_list_open(scene->remote, "scenarios", &list, &error));
    const backup_remote_snapshot *snapshot = backup_remote_list_get(list, 0);
    CHECK(backup_remote_list_count(list) == 1 && snapshot);
    CHECK(strcmp(backup_remote_snapshot_id(snapshot), backup_snapshot_id(local)) == 0);
    CHECK(strlen(backup_remote_snapshot_object(snapshot)) == 64);
    CHECK(strcmp(backup_remote_snapshot_host(snapshot), "scenarios") == 0);
    CHECK(backup_remote_snapshot_is_pushed(snapshot) == 1 && !backup_remote_snapshot_tag(snapshot, 0));
    CHECK(strcmp(backup_remote_snapshot_layout(snapshot), backup_snapshot_layout(local)) == 0);
    CHECK(backup_remote_snapshot_time_ms(snapshot) / 1000 == backup_snapshot_finished_at_ms(local) / 1000);
    char number[32];
    snprintf(number, sizeof number, "ts-%llu", (unsigned long long) backup_remote_snapshot_number(snapshot));
    CHECK(strcmp(strrchr(scene->snapshot.text, '/') + 1, number) == 0);
    CHECK(listed(scene, "elsewhere") == 0);
    SUCCEEDS(backup_remote_forget(scene->remote, backup_remote_snapshot_id(snapshot), &error));
    CHECK(listed(scene, NULL) == 0);
    FAILS(BACKUP_NOT_FOUND, backup_remote_forget(scene->remote, "latest", &error));
    FAILS(BACKUP_NOT_FOUND, restore(scene, "latest", in(scene->place, "restored")));
    CHECK(!exists(in(scene->place, "restored")));
    backup_remote_list_free(list);
    backup_snapshot_free(local);
}

static void a_second_init_is_a_conflict(struct scene *scene) {
    const char *id = NULL, *same = NULL;
    SUCCEEDS(backup_remote_repository_id(scene->remote, &id, &error));
    FAILS(BACKUP_CONFLICT, backup_remote_init(scene->remote, &error));
    SUCCEEDS(backup_remote_repository_id(scene->remote, &same, &error));
    CHECK(strlen(id) == 64 && strcmp(id, same) == 0);
}

static void another_password_is_refused(struct scene *scene) {
    backup_remote *other = open_remote(scene->repository, options_with("open wheat"));
    backup_remote_list *list = NULL;
    FAILS(BACKUP_UNAUTHORIZED, backup_remote_list_open(other, NULL, &list, &error));
    backup_job *job = NULL;
    SUCCEEDS(backup_remote_push_start(other, scene->snapshot.text, NULL, &job, &error));
    FAILS(BACKUP_UNAUTHORIZED, end_of(job));
    backup_remote_close(other);
    CHECK(!list && listed(scene, NULL) == 0);
}

struct keeper {
    const char *password;
    atomic_int let_go;
};

static int32_t tell(void *user_data, backup_secret *secret) {
    struct keeper *keeper = user_data;
    if (!keeper->password) {
        backup_secret_set_error(secret, "the vault is sealed");
        return 1;
    }
    return backup_secret_set(secret, keeper->password, strlen(keeper->password), NULL);
}

static void let_go(void *user_data) {
    atomic_fetch_add(&((struct keeper *) user_data)->let_go, 1);
}

static void a_password_hook_says_why_there_is_none(struct scene *scene) {
    struct keeper keeper = {NULL, 0};
    backup_remote_options *options = backup_remote_options_new();
    SUCCEEDS(backup_remote_options_set_password_hook(options, tell, &keeper, let_go, &error));
    backup_remote *remote = open_remote(scene->repository, options);
    backup_remote_list *list = NULL;
    CHECK(backup_remote_list_open(remote, NULL, &list, &error) == BACKUP_HOOK_FAILED);
    CHECK(strstr(backup_error_message(error), "the vault is sealed"));
    backup_error_free(error);
    keeper.password = "open sesame";
    SUCCEEDS(backup_remote_list_open(remote, NULL, &list, &error));
    backup_remote_list_free(list);
    CHECK(keeper.let_go == 0);
    backup_remote_close(remote);
    CHECK(keeper.let_go == 1);
    FAILS(BACKUP_INVALID_ARGUMENT, backup_remote_options_set_password_hook(NULL, tell, &keeper, let_go, &error));
    CHECK(keeper.let_go == 2);
}

/* Removes one file below a directory. */
static bool remove_a_file(struct path directory) {
    DIR *entries = opendir(directory.text);
    bool removed = false;
    for (struct dirent *entry; entries && !removed && (entry = readdir(entries));) {
        if (entry->d_name[0] == '.') continue;
        struct path path = in(directory, entry->d_name);
        removed = remove_a_file(path) || unlink(path.text) == 0;
    }
    if (entries) closedir(entries);
    return removed;
}

static void a_pack_that_is_gone_is_found(struct scene *scene) {
    push(scene, scene->snapshot);
    backup_job *job = NULL;
    SUCCEEDS(backup_remote_verify_start(scene->remote, "latest", NULL, &job, &error));
    SUCCEEDS(end_of(job));
    while (remove_a_file(in(scene->repository, "data"))) continue;
    backup_options *options = backup_options_new();
    SUCCEEDS(backup_options_set_verify_level(options, BACKUP_VERIFY_SIZE, &error));
    SUCCEEDS(backup_remote_verify_start(scene->remote, "latest", options, &job, &error));
    FAILS(BACKUP_CORRUPT, end_of(job));
    backup_options_free(options);
    struct path target = in(scene->place, "restored");
    FAILS(BACKUP_CORRUPT, restore(scene, "latest", target));
    CHECK(!exists(target));
}

static void an_unknown_key_is_refused(struct scene *scene) {
    backup_remote_options *options = backup_remote_options_new();
    FAILS(BACKUP_INVALID_ARGUMENT, backup_remote_options_set(options, "colour", "red", &error));
    FAILS(BACKUP_INVALID_ARGUMENT, backup_remote_options_set(options, "retries", "red", &error));
    FAILS(BACKUP_INVALID_ARGUMENT, backup_remote_options_set(options, NULL, "red", &error));
    FAILS(BACKUP_INVALID_ARGUMENT, backup_remote_options_set(NULL, "retries", "1", &error));
    backup_remote *remote = NULL;
    FAILS(BACKUP_INVALID_ARGUMENT, backup_remote_open("nowhere://x", options, &remote, &error));
    FAILS(BACKUP_INVALID_ARGUMENT, backup_remote_open("file:///x", NULL, &remote, &error));
    FAILS(BACKUP_INVALID_ARGUMENT, backup_remote_open("file:///x", options, NULL, &error));
    backup_job *job = NULL;
    FAILS(BACKUP_INVALID_ARGUMENT, backup_remote_push_start(NULL, "/x", NULL, &job, &error));
    FAILS(BACKUP_INVALID_ARGUMENT, backup_remote_push_start(scene->remote, "", NULL, &job, &error));
    FAILS(BACKUP_INVALID_ARGUMENT, backup_remote_restore_start(scene->remote, NULL, "/x", NULL, &job, &error));
    CHECK(!remote && !job && !backup_remote_options_new_for(NULL) && !backup_remote_url(NULL));
    backup_remote_close(NULL);
    backup_remote_list_free(NULL);
    backup_remote_options_free(NULL);
    backup_remote_options_free(options);
}

static int32_t cancel(void *user_data, const backup_progress *progress, backup_hook *hook) {
    (void) hook;
    atomic_fetch_add((atomic_int *) user_data, 1);
    return progress->phase == BACKUP_PHASE_UPLOAD;
}

static void a_cancelled_push_lists_nothing(struct scene *scene) {
    atomic_int calls = 0;
    backup_options *options = backup_options_new();
    SUCCEEDS(backup_options_set_progress_hook(options, cancel, &calls, NULL, &error));
    FAILS(BACKUP_CANCELLED, end_of(pushing(scene, scene->snapshot, options)));
    backup_options_free(options);
    CHECK(calls > 0 && listed(scene, NULL) == 0);
    push(scene, scene->snapshot);
    CHECK(listed(scene, NULL) == 1);
}

static void a_remote_can_be_closed_before_its_job_ends(struct scene *scene) {
    backup_options *options = backup_options_new();
    SUCCEEDS(backup_options_set_rate_limit(options, 1 << 10, &error));
    backup_remote *other = open_remote(scene->repository, options_with("open sesame"));
    backup_job *job = NULL;
    SUCCEEDS(backup_remote_push_start(other, scene->snapshot.text, options, &job, &error));
    backup_options_free(options);
    backup_progress progress = {0};
    while (progress.phase != BACKUP_PHASE_UPLOAD) {
        CHECK(backup_wait(job, 5, &error) == BACKUP_TIMEOUT);
        SUCCEEDS(backup_status(job, &progress, sizeof progress, &error));
        CHECK(progress.kind == BACKUP_KIND_PUSH);
    }
    backup_remote_close(other);
    FAILS(BACKUP_CANCELLED, end_of(job));
    /* One that has hardly begun, too. */
    other = open_remote(scene->repository, options_with("open sesame"));
    SUCCEEDS(backup_remote_push_start(other, scene->snapshot.text, NULL, &job, &error));
    backup_remote_close(other);
    FAILS(BACKUP_CANCELLED, end_of(job));
    CHECK(listed(scene, NULL) == 0);
}

#define CASE(name) {#name, name}

static const struct {
    const char *name;
    void (*run)(struct scene *);
} all[] = {
    CASE(a_snapshot_comes_back_as_it_was),
    CASE(a_second_push_sends_less),
    CASE(a_snapshot_that_is_there_is_not_sent_again),
    CASE(a_fetched_snapshot_can_be_restored),
    CASE(a_pushed_checkpoint_comes_back_and_is_gone_here),
    CASE(snapshots_are_listed_and_forgotten),
    CASE(a_second_init_is_a_conflict),
    CASE(another_password_is_refused),
    CASE(a_password_hook_says_why_there_is_none),
    CASE(a_pack_that_is_gone_is_found),
    CASE(an_unknown_key_is_refused),
    CASE(a_cancelled_push_lists_nothing),
    CASE(a_remote_can_be_closed_before_its_job_ends),
};

#define CASES (sizeof all / sizeof *all)

int main(int argc, char **argv) {
    CHECK(argc == 3 && strcmp(backup_remote_version(), backup_version()) == 0);
    snprintf(scratch.text, sizeof scratch.text, "%s", argv[2]);
    FILE *list = fopen(argv[1], "r");
    CHECK(list);
    char line[256];
    size_t done = 0;
    while (fgets(line, sizeof line, list)) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] == '#' || line[0] == '\0') continue;
        size_t which = 0;
        while (which < CASES && strcmp(all[which].name, line) != 0) which++;
        behaviour = line;
        CHECK(which < CASES);
        struct scene scene;
        scene_set(&scene, line);
        all[which].run(&scene);
        scene_strike(&scene);
        done++;
    }
    behaviour = "the list";
    CHECK(!ferror(list) && fclose(list) == 0 && done == CASES);
    return 0;
}
