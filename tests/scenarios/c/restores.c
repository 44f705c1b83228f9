/* Restores, and what undoes and recovers them. */
#include "scene.h"

static backup_code restored(struct scene *scene, struct path snapshot, struct path target) {
    scene->forgets = false;
    backup_job *job = NULL;
    backup_code code = backup_restore_start(snapshot.text, target.text, scene->options, &job, &error);
    if (code == BACKUP_OK) return ends(job);
    FAILS(code, code);
    return code;
}

static backup_code restore(struct scene *scene) {
    struct path snapshot = scene_snapshot(scene), target = in(scene->directory, "target");
    backup_code code = restored(scene, snapshot, target);
    CHECK(same_trees(scene->data, target));
    return code;
}

/* A restore that ends so that its target is still not there. */
static backup_code leaves_nothing(struct scene *scene, struct path snapshot) {
    struct path target = in(scene->directory, "target");
    backup_code code = restored(scene, snapshot, target);
    CHECK(!exists(target));
    return code;
}

static backup_code restore_validate_fails(struct scene *scene) {
    struct path snapshot = scene_snapshot(scene);
    scene->fails = "validate";
    return leaves_nothing(scene, snapshot);
}

static backup_code restore_cancelled(struct scene *scene) {
    struct path snapshot = scene_snapshot(scene);
    scene->progress_says_stop = true;
    return leaves_nothing(scene, snapshot);
}

static backup_code restore_and_undo(struct scene *scene) {
    struct path snapshot = scene_snapshot(scene), target = in(scene->directory, "target");
    CHECK(mkdir(target.text, 0700) == 0);
    write_file(in(target, "old"), "of before");
    backup_code code = restored(scene, snapshot, target);
    CHECK(same_trees(scene->data, target));
    SUCCEEDS(backup_restore_undo(target.text, &error));
    CHECK(holds_names(target, "old ") && file_holds(in(target, "old"), "of before"));
    return code;
}

static backup_code restore_under_a_host(struct scene *scene) {
    struct path snapshot = scene_snapshot(scene);
    return restored(scene, snapshot, scene->data);
}

static backup_code recover_nothing(struct scene *scene) {
    int32_t outcome = -1;
    SUCCEEDS(backup_recover(scene->data.text, &outcome, &error));
    CHECK(outcome == BACKUP_RECOVERED_NOTHING);
    return BACKUP_OK;
}

static backup_code undo_nothing(struct scene *scene) {
    backup_code code = backup_restore_undo(scene->data.text, &error);
    FAILS(code, code);
    return code;
}

const struct scenario restores[] = {
    {"restore", restore},
    {"restore-validate-fails", restore_validate_fails},
    {"restore-cancelled", restore_cancelled},
    {"restore-and-undo", restore_and_undo},
    {"restore-under-a-host", restore_under_a_host},
    {"recover-nothing", recover_nothing},
    {"undo-nothing", undo_nothing},
    {NULL, NULL},
};
