/* Backups that are cancelled, got in the way of or waited for while they run. */
#include "scene.h"

static void waits_at_gate(struct scene *scene, const char *hook, backup_hook *view) {
    (void) view;
    if (strcmp(hook, "validate") == 0) gate_pass(&scene->gate);
}

/* A backup whose validate hook waits at the gate. */
static backup_job *waiting(struct scene *scene) {
    scene->during = waits_at_gate;
    backup_job *job = scene_start(scene);
    gate_await(&scene->gate);
    return job;
}

static backup_code progress_cancels(struct scene *scene) {
    scene->progress_says_stop = true;
    backup_code code = ends(scene_start(scene));
    CHECK(scene_listed(scene) == 0);
    return code;
}

static void cancels(struct scene *scene, const char *hook, backup_hook *view) {
    (void) scene;
    if (strcmp(hook, "checkpoint") == 0) SUCCEEDS(backup_cancel(backup_hook_job(view), &error));
}

static backup_code hook_cancels(struct scene *scene) {
    scene->during = cancels;
    backup_code code = ends(scene_start(scene));
    CHECK(scene_listed(scene) == 0);
    return code;
}

static backup_code cancel(struct scene *scene) {
    backup_job *job = waiting(scene);
    SUCCEEDS(backup_cancel(job, &error));
    gate_open(&scene->gate);
    backup_progress now;
    CHECK(backup_wait(job, -1, NULL) == BACKUP_CANCELLED);
    SUCCEEDS(backup_status(job, &now, sizeof now, &error));
    CHECK(now.state == BACKUP_STATE_CANCELLED && scene_listed(scene) == 0);
    return ends(job);
}

/* Nobody sees from outside when a close has asked for the cancel. So the job is slowed down before
 * its hook returns: what is read back after that takes longer than the close does to ask. */
static void *closes(void *user_data) {
    struct scene *scene = user_data;
    gate_open(&scene->gate);
    backup_coordinator_close(scene->coordinator);
    return NULL;
}

static backup_code close_cancels(struct scene *scene) {
    backup_job *job = waiting(scene);
    SUCCEEDS(backup_set_rate_limit(job, 1000, &error));
    pthread_t closer;
    CHECK(pthread_create(&closer, NULL, closes, scene) == 0 && pthread_join(closer, NULL) == 0);
    scene->coordinator = NULL;
    CHECK(backup_wait(job, 0, NULL) != BACKUP_TIMEOUT);
    CHECK(scene_listed(scene) == 0);
    return ends(job);
}

static backup_code second_start(struct scene *scene) {
    backup_job *job = waiting(scene), *second = NULL;
    backup_code code = backup_start(scene->coordinator, &second, &error);
    FAILS(code, code);
    CHECK(!second);
    gate_open(&scene->gate);
    CHECK(ends(job) == BACKUP_OK && scene_listed(scene) == 1);
    return code;
}

static void waits_for_itself(struct scene *scene, const char *hook, backup_hook *view) {
    if (strcmp(hook, "validate") != 0) return;
    scene->in_hook = backup_wait(backup_hook_job(view), -1, &error);
    FAILS(scene->in_hook, scene->in_hook);
}

static backup_code wait_in_own_hook(struct scene *scene) {
    scene->during = waits_for_itself;
    CHECK(ends(scene_start(scene)) == BACKUP_OK);
    return scene->in_hook;
}

static backup_code wait_times_out(struct scene *scene) {
    backup_job *job = waiting(scene);
    backup_code code = backup_wait(job, 10, &error);
    CHECK(!error);
    gate_open(&scene->gate);
    CHECK(ends(job) == BACKUP_OK);
    return code;
}

const struct scenario interruptions[] = {
    {"progress-cancels", progress_cancels},
    {"hook-cancels", hook_cancels},
    {"cancel", cancel},
    {"close-cancels", close_cancels},
    {"second-start", second_start},
    {"wait-in-own-hook", wait_in_own_hook},
    {"wait-times-out", wait_times_out},
    {NULL, NULL},
};
