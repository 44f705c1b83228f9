/* Checkpoints. */
#include "scene.h"

#include <sys/stat.h>

/* Two names of one file. */
static bool same_file(struct path one, struct path other) {
    struct stat a, b;
    CHECK(stat(one.text, &a) == 0 && stat(other.text, &b) == 0);
    return a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

static bool is_there(struct path place) {
    struct stat found;
    return stat(place.text, &found) == 0;
}

static struct path location_of(const backup_job *job) {
    struct path location;
    snprintf(location.text, sizeof location.text, "%s", backup_location(job));
    return location;
}

static backup_job *begun(struct scene *scene, int32_t flags) {
    scene_open(scene);
    backup_job *job = NULL;
    SUCCEEDS(backup_checkpoint_start(scene->coordinator, flags | BACKUP_CHECKPOINT_LINKS_ARE_SAFE, &job, &error));
    return job;
}

static void looked_at_and_removed(struct scene *scene, const backup_job *job) {
    struct path made = location_of(job);
    backup_progress now;
    SUCCEEDS(backup_status(job, &now, sizeof now, &error));
    CHECK(now.kind == BACKUP_KIND_CHECKPOINT && now.percent == 100);
    CHECK(now.bytes_linked == 100018 && now.bytes_copied == 5);
    CHECK(holds_names(made, "1.sst 2.sst checkpoint.manifest log wal "));
    CHECK(same_file(in(made, "1.sst"), in(scene->data, "1.sst")));
    CHECK(same_file(in(made, "2.sst"), in(scene->data, "2.sst")));
    CHECK(!same_file(in(made, "log"), in(scene->data, "log")) && file_holds(in(made, "log"), "a log"));
    CHECK(strstr(made.text, "/.lifecycle/checkpoints/checkpoint-"));
    CHECK(scene_listed(scene) == 0);
    SUCCEEDS(backup_checkpoint_remove(made.text, &error));
    CHECK(!is_there(made) && file_holds(in(scene->data, "1.sst"), "an immutable table"));
}

static backup_code checkpoint(struct scene *scene) {
    backup_job *job = begun(scene, 0);
    SUCCEEDS(backup_wait(job, -1, &error));
    looked_at_and_removed(scene, job);
    return ends(job);
}

static backup_code checkpoint_run(struct scene *scene) {
    scene->caller = pthread_self();
    scene->on_caller = true;
    scene_open(scene);
    backup_job *job = NULL;
    backup_code code =
        backup_checkpoint_run(scene->coordinator, BACKUP_CHECKPOINT_LINKS_ARE_SAFE, &job, &error);
    CHECK(!error && scene->progress_calls > 0);
    looked_at_and_removed(scene, job);
    CHECK(ends(job) == code);
    return code;
}

static backup_code unvouched(struct scene *scene) {
    scene_open(scene);
    backup_job *job = NULL;
    FAILS(BACKUP_INVALID_ARGUMENT, backup_checkpoint_start(scene->coordinator, 4, &job, &error));
    backup_error_free(error);
    backup_code code = backup_checkpoint_start(scene->coordinator, 0, &job, &error);
    CHECK(!job && strstr(backup_error_message(error), "generic"));
    backup_error_free(error);
    error = NULL;
    return code;
}

static backup_code no_snapshot(struct scene *scene) {
    backup_job *job = begun(scene, 0);
    SUCCEEDS(backup_wait(job, -1, &error));
    backup_snapshot *snapshot = NULL;
    backup_code code = backup_snapshot_open(backup_location(job), &snapshot, &error);
    CHECK(!snapshot && strstr(backup_error_message(error), "it is a checkpoint"));
    backup_error_free(error);
    error = NULL;
    CHECK(ends(job) == BACKUP_OK);
    return code;
}

static backup_code until_close(struct scene *scene) {
    backup_job *job = begun(scene, BACKUP_CHECKPOINT_UNTIL_CLOSE);
    struct path made = location_of(job);
    SUCCEEDS(backup_wait(job, -1, &error));
    CHECK(is_there(made));
    backup_coordinator_close(scene->coordinator);
    scene->coordinator = NULL;
    CHECK(!is_there(made));
    return ends(job);
}

static backup_code freeze_fails(struct scene *scene) {
    scene->fails = "freeze";
    backup_job *job = begun(scene, 0);
    struct path made = location_of(job);
    backup_code code = ends(job);
    CHECK(!is_there(made));
    return code;
}

static backup_code remove_none(struct scene *scene) {
    struct path none = in(scene->data, ".lifecycle/checkpoints/checkpoint-1");
    backup_code code = backup_checkpoint_remove(none.text, &error);
    CHECK(strcmp(backup_error_path(error), none.text) == 0);
    backup_error_free(error);
    error = NULL;
    return code;
}

const struct scenario checkpoints[] = {
    {"checkpoint", checkpoint},
    {"checkpoint-run", checkpoint_run},
    {"checkpoint-unvouched", unvouched},
    {"checkpoint-no-snapshot", no_snapshot},
    {"checkpoint-until-close", until_close},
    {"checkpoint-freeze-fails", freeze_fails},
    {"checkpoint-remove-none", remove_none},
    {NULL, NULL},
};
