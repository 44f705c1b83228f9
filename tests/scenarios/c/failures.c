/* Backups that fail, each for a reason that its host gave. */
#include "scene.h"

/* The error has the hook's message and its exception, nothing is published, and another backup
 * without a failure succeeds. */
static backup_code says_no(struct scene *scene, const char *hook, backup_code code) {
    char message[64];
    snprintf(message, sizeof message, "%s said no", hook);
    CHECK(error && backup_error_code(error) == code);
    CHECK(strstr(backup_error_message(error), message) && backup_error_cause(error) == &scene->its_exception);
    backup_error_free(error);
    error = NULL;
    CHECK(scene_listed(scene) == 0);
    scene->fails = NULL;
    scene->forgets = true;
    scene->percent = 0;
    scene_change(scene);
    CHECK(ends(scene_start(scene)) == BACKUP_OK && scene_listed(scene) == 1);
    return code;
}

static backup_code started(struct scene *scene, const char *hook) {
    scene->fails = hook;
    backup_job *job = scene_start(scene);
    backup_code code = backup_wait(job, -1, &error);
    backup_free(job);
    return says_no(scene, hook, code);
}

static backup_code checkpoint_fails(struct scene *scene) {
    return started(scene, "checkpoint");
}

static backup_code freeze_fails(struct scene *scene) {
    return started(scene, "freeze");
}

static backup_code thaw_fails(struct scene *scene) {
    return started(scene, "thaw");
}

static backup_code release_fails(struct scene *scene) {
    return started(scene, "release");
}

static backup_code validate_fails(struct scene *scene) {
    return started(scene, "validate");
}

static backup_code progress_fails(struct scene *scene) {
    return started(scene, "progress");
}

static backup_code run_freeze_fails(struct scene *scene) {
    scene->fails = "freeze";
    scene->caller = pthread_self();
    scene->on_caller = true;
    scene_open(scene);
    backup_job *job = NULL;
    backup_code code = backup_run(scene->coordinator, &job, &error);
    backup_free(job);
    scene->on_caller = false;
    return says_no(scene, "freeze", code);
}

static backup_code opens(struct scene *scene, struct path data) {
    backup_coordinator *coordinator = NULL;
    backup_code code = backup_coordinator_open(data.text, scene->options, &coordinator, &error);
    CHECK(code != BACKUP_OK && !coordinator);
    FAILS(code, code);
    return code;
}

static backup_code missing_directory(struct scene *scene) {
    return opens(scene, in(scene->data, "missing"));
}

static backup_code directory_is_a_file(struct scene *scene) {
    return opens(scene, in(scene->data, "log"));
}

static backup_code bad_rule(struct scene *scene) {
    backup_code code = backup_options_add_rule(scene->options, "[", BACKUP_FILE_MUTABLE, &error);
    FAILS(code, code);
    return code;
}

static backup_code unknown_layout(struct scene *scene) {
    backup_code code = backup_options_set_layout(scene->options, "no such layout", &error);
    FAILS(code, code);
    return code;
}

const struct scenario failures[] = {
    {"checkpoint-fails", checkpoint_fails},
    {"freeze-fails", freeze_fails},
    {"thaw-fails", thaw_fails},
    {"release-fails", release_fails},
    {"validate-fails", validate_fails},
    {"progress-fails", progress_fails},
    {"run-freeze-fails", run_freeze_fails},
    {"missing-directory", missing_directory},
    {"directory-is-a-file", directory_is_a_file},
    {"bad-rule", bad_rule},
    {"unknown-layout", unknown_layout},
    {NULL, NULL},
};
