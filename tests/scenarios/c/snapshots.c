/* Verifications, and what is on disk. */
#include "scene.h"

static backup_code verified(struct scene *scene, struct path snapshot) {
    scene->forgets = false;
    backup_job *job = NULL;
    SUCCEEDS(backup_verify_start(snapshot.text, scene->options, &job, &error));
    CHECK(strcmp(backup_location(job), snapshot.text) == 0);
    return ends(job);
}

static backup_code verify(struct scene *scene) {
    return verified(scene, scene_snapshot(scene));
}

static backup_code verify_corrupt(struct scene *scene) {
    struct path snapshot = scene_snapshot(scene);
    FILE *file = fopen(in(snapshot, "2.sst").text, "r+");
    CHECK(file && putc('!', file) == '!' && fclose(file) == 0); /* it was 0 */
    return verified(scene, snapshot);
}

/* The oldest first. */
static void three_snapshots(struct scene *scene, struct path snapshots[3]) {
    for (int i = 0; i < 3; i++) {
        if (i > 0) scene_change(scene);
        snapshots[i] = scene_snapshot(scene);
    }
}

static bool is_latest(struct scene *scene, struct path location) {
    backup_snapshot *latest = NULL;
    SUCCEEDS(backup_latest(scene->root.text, &latest, &error));
    bool is = strcmp(backup_snapshot_location(latest), location.text) == 0;
    backup_snapshot_free(latest);
    return is;
}

static backup_code list(struct scene *scene) {
    struct path snapshots[3];
    three_snapshots(scene, snapshots);
    backup_list *list = NULL;
    SUCCEEDS(backup_list_open(scene->root.text, &list, &error));
    CHECK(backup_list_count(list) == 3 && !backup_list_get(list, 3));
    for (size_t i = 0; i < 3; i++) {
        const backup_snapshot *one = backup_list_get(list, i);
        CHECK(strcmp(backup_snapshot_location(one), snapshots[2 - i].text) == 0);
        CHECK(strlen(backup_snapshot_id(one)) == 36);
        CHECK(backup_snapshot_files(one) == 3 && backup_snapshot_bytes(one) == 100023);
        CHECK(strcmp(backup_snapshot_layout(one), "generic") == 0 && !backup_snapshot_error(one));
    }
    backup_list_free(list);
    CHECK(is_latest(scene, snapshots[2]));
    return BACKUP_OK;
}

static backup_code list_unreadable(struct scene *scene) {
    struct path snapshots[3];
    three_snapshots(scene, snapshots);
    write_file(in(snapshots[1], "snapshot.manifest"), "{");
    backup_list *list = NULL;
    SUCCEEDS(backup_list_open(scene->root.text, &list, &error));
    CHECK(backup_list_count(list) == 3);
    CHECK(!backup_snapshot_error(backup_list_get(list, 0)) && !backup_snapshot_error(backup_list_get(list, 2)));
    const backup_snapshot *second = backup_list_get(list, 1);
    CHECK(strcmp(backup_snapshot_location(second), snapshots[1].text) == 0);
    backup_code code = backup_error_code(backup_snapshot_error(second));
    backup_list_free(list);
    return code;
}

static backup_code latest_of_nothing(struct scene *scene) {
    backup_snapshot *latest = NULL;
    backup_code code = backup_latest(scene->root.text, &latest, &error);
    FAILS(code, code);
    CHECK(!latest);
    return code;
}

static backup_code delete(struct scene *scene) {
    struct path first = scene_snapshot(scene);
    scene_change(scene);
    backup_snapshot *newest = NULL;
    SUCCEEDS(backup_snapshot_open(scene_snapshot(scene).text, &newest, &error));
    SUCCEEDS(backup_delete(scene->root.text, backup_snapshot_id(newest), &error));
    backup_snapshot_free(newest);
    CHECK(is_latest(scene, first) && scene_listed(scene) == 1);
    return BACKUP_OK;
}

static backup_code delete_missing(struct scene *scene) {
    scene_snapshot(scene);
    backup_code code = backup_delete(scene->root.text, "ts-1", &error);
    FAILS(code, code);
    CHECK(scene_listed(scene) == 1);
    return code;
}

static backup_code prune(struct scene *scene) {
    struct path snapshots[3];
    three_snapshots(scene, snapshots);
    uint32_t deleted = 0;
    SUCCEEDS(backup_prune(scene->root.text, 1, &deleted, &error));
    CHECK(deleted == 2 && scene_listed(scene) == 1 && is_latest(scene, snapshots[2]));
    return BACKUP_OK;
}

static backup_code prune_to_none(struct scene *scene) {
    scene_snapshot(scene);
    uint32_t deleted = 7;
    backup_code code = backup_prune(scene->root.text, 0, &deleted, &error);
    FAILS(code, code);
    CHECK(deleted == 7 && scene_listed(scene) == 1);
    return code;
}

static backup_retention *policy(void) {
    backup_retention *retention = backup_retention_new();
    SUCCEEDS(backup_retention_keep(retention, BACKUP_KEEP_NEWEST, 1, &error));
    SUCCEEDS(backup_retention_keep(retention, BACKUP_KEEP_YEARLY, 1, &error));
    SUCCEEDS(backup_retention_keep_tag(retention, "release", &error));
    return retention;
}

/* Frees the verdicts on three snapshots, of which at most the oldest goes. */
static void say(backup_verdicts *verdicts, struct path snapshots[3], const char *const reasons[3], int32_t goes) {
    CHECK(backup_verdicts_count(verdicts) == 3);
    for (size_t i = 0; i < 3; i++) {
        CHECK(strcmp(backup_verdicts_location(verdicts, i), snapshots[2 - i].text) == 0);
        CHECK(strcmp(backup_verdicts_reasons(verdicts, i), reasons[i]) == 0);
        CHECK(backup_verdicts_goes(verdicts, i) == (i == 2 ? goes : 0));
    }
    backup_verdicts_free(verdicts);
}

static backup_code prune_by(struct scene *scene) {
    static const char *const planned[3] = {"newest 1 of 1, yearly 1 of 1, within 1 hour, the newest good one",
                                           "unreadable", "within 1 hour"};
    static const char *const done[3] = {"newest 1 of 1, yearly 1 of 1, the newest good one", "unreadable",
                                        "no rule keeps it"};
    struct path snapshots[3];
    three_snapshots(scene, snapshots);
    write_file(in(snapshots[1], "snapshot.manifest"), "{");
    backup_retention *retention = policy();
    backup_verdicts *verdicts = NULL;
    SUCCEEDS(backup_retention_keep_within_ms(retention, 3600000, &error));
    SUCCEEDS(backup_retention_plan(scene->root.text, retention, &verdicts, &error));
    say(verdicts, snapshots, planned, 0);
    CHECK(scene_listed(scene) == 3);
    SUCCEEDS(backup_retention_keep_within_ms(retention, 0, &error));
    SUCCEEDS(backup_prune_by(scene->root.text, retention, &verdicts, &error));
    say(verdicts, snapshots, done, 1);
    backup_retention_free(retention);
    CHECK(scene_listed(scene) == 2 && !exists(snapshots[0]) && is_latest(scene, snapshots[2]));
    return BACKUP_OK;
}

static backup_code prune_by_nothing(struct scene *scene) {
    scene_snapshot(scene);
    backup_retention *retention = backup_retention_new();
    backup_verdicts *verdicts = NULL;
    backup_code code = backup_prune_by(scene->root.text, retention, &verdicts, &error);
    FAILS(code, code);
    backup_retention_free(retention);
    CHECK(!verdicts && scene_listed(scene) == 1);
    return code;
}

const struct scenario snapshots[] = {
    {"verify", verify},
    {"verify-corrupt", verify_corrupt},
    {"list", list},
    {"list-unreadable", list_unreadable},
    {"latest-of-nothing", latest_of_nothing},
    {"delete", delete},
    {"delete-missing", delete_missing},
    {"prune", prune},
    {"prune-to-none", prune_to_none},
    {"prune-by", prune_by},
    {"prune-by-nothing", prune_by_nothing},
    {NULL, NULL},
};
