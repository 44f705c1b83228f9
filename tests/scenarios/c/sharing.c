/* What a backup shares with the snapshot before it. */
#include "scene.h"

#include <fcntl.h>

/* Only what has settled is shared. */
static void make_old(struct path path) {
    struct timespec hour_ago[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = time(NULL) - 3600}};
    CHECK(utimensat(AT_FDCWD, path.text, hour_ago, 0) == 0);
}

/* A scene whose tables can be shared. */
static void share_always(struct scene *scene) {
    make_old(in(scene->data, "1.sst"));
    make_old(in(scene->data, "2.sst"));
    SUCCEEDS(backup_options_set_share(scene->options, BACKUP_SHARE_ALWAYS, &error));
}

static size_t warnings(const backup_job *job) {
    backup_error *warning = NULL;
    for (size_t count = 0;; count++) {
        backup_code code = backup_warning(job, count, &warning, &error);
        if (code == BACKUP_OK) {
            backup_error_free(warning);
            continue;
        }
        FAILS(code, code);
        CHECK(code == BACKUP_NOT_FOUND);
        return count;
    }
}

/* Makes a backup of the scene, after a change, that shares so much; gives its location and its job. */
static struct path shares(struct scene *scene, uint64_t files, uint64_t bytes, backup_job **job) {
    scene_change(scene);
    struct path location = scene_snapshot(scene);
    SUCCEEDS(backup_find(scene->coordinator, NULL, job, &error));
    CHECK(strcmp(backup_location(*job), location.text) == 0);
    backup_progress now;
    SUCCEEDS(backup_status(*job, &now, sizeof now, &error));
    backup_snapshot *made = NULL;
    SUCCEEDS(backup_snapshot_open(location.text, &made, &error));
    CHECK(now.bytes_linked == bytes && backup_snapshot_bytes_shared(made) == bytes);
    CHECK(backup_snapshot_files_shared(made) == files && backup_snapshot_files(made) == 3);
    backup_snapshot_free(made);
    return location;
}

/* The same, without warnings. */
static struct path shares_quietly(struct scene *scene, uint64_t files, uint64_t bytes) {
    backup_job *job = NULL;
    struct path location = shares(scene, files, bytes, &job);
    CHECK(warnings(job) == 0);
    backup_free(job);
    return location;
}

static backup_code share_unchanged(struct scene *scene) {
    share_always(scene);
    shares_quietly(scene, 0, 0);
    shares_quietly(scene, 2, 100018);
    return BACKUP_OK;
}

static backup_code share_never(struct scene *scene) {
    share_always(scene);
    shares_quietly(scene, 0, 0);
    SUCCEEDS(backup_options_set_share(scene->options, BACKUP_SHARE_NEVER, &error));
    scene_reopen(scene);
    shares_quietly(scene, 0, 0);
    return BACKUP_OK;
}

/* As a disk does it. */
static void rot(struct path stored) {
    struct stat before;
    CHECK(stat(stored.text, &before) == 0);
    FILE *file = fopen(stored.text, "r+");
    CHECK(file && putc('!', file) == '!' && fclose(file) == 0); /* it was 0 */
    struct timespec times[2] = {before.st_atim, before.st_mtim};
    CHECK(utimensat(AT_FDCWD, stored.text, times, 0) == 0);
}

static const char *name_of(const struct path *location) {
    return strrchr(location->text, '/') + 1;
}

static backup_code share_rotted(struct scene *scene) {
    struct path made[3];
    share_always(scene);
    made[0] = shares_quietly(scene, 0, 0);
    made[1] = shares_quietly(scene, 2, 100018);
    rot(in(made[1], "2.sst"));
    SUCCEEDS(backup_options_set_reread_after(scene->options, UINT64_MAX, &error));
    scene_reopen(scene);
    made[2] = shares_quietly(scene, 2, 100018);

    SUCCEEDS(backup_options_set_reread_after(scene->options, 0, &error));
    scene_reopen(scene);
    backup_job *job = NULL, *verification = NULL;
    struct path good = shares(scene, 1, 18, &job);
    CHECK(warnings(job) == 1);
    backup_error *warning = NULL;
    SUCCEEDS(backup_warning(job, 0, &warning, &error));
    backup_free(job);
    CHECK(strcmp(backup_error_path(warning), in(made[2], "2.sst").text) == 0);
    for (int i = 0; i < 3; i++) CHECK(strstr(backup_error_message(warning), name_of(&made[i])));
    backup_code code = backup_error_code(warning);
    backup_error_free(warning);
    SUCCEEDS(backup_verify_start(good.text, NULL, &verification, &error));
    CHECK(ends(verification) == BACKUP_OK);
    return code;
}

static backup_code scrubbed(struct scene *scene, const char *root, size_t count, const char *name) {
    backup_job *job = NULL;
    (void) scene;
    SUCCEEDS(backup_scrub_start(root, 0, 0, NULL, &job, &error));
    backup_code code = backup_wait(job, -1, &error);
    FAILS(code, code);
    CHECK(warnings(job) == count);
    if (count > 0) {
        backup_error *warning = NULL;
        SUCCEEDS(backup_warning(job, 0, &warning, &error));
        CHECK(strstr(backup_error_message(warning), name) && backup_error_code(warning) == BACKUP_CORRUPT);
        backup_error_free(warning);
    }
    backup_free(job);
    return code;
}

static backup_code scrub_rotted(struct scene *scene) {
    share_always(scene);
    shares_quietly(scene, 0, 0);
    struct path second = shares_quietly(scene, 2, 100018);
    CHECK(scrubbed(scene, scene->root.text, 0, NULL) == BACKUP_OK);
    rot(in(second, "2.sst"));
    backup_code code = scrubbed(scene, scene->root.text, 1, name_of(&second));
    backup_snapshot *damaged = NULL;
    SUCCEEDS(backup_snapshot_open(second.text, &damaged, &error));
    CHECK(backup_snapshot_is_damaged(damaged));
    backup_snapshot_free(damaged);
    return code;
}

static backup_code scrub_no_root(struct scene *scene) {
    return scrubbed(scene, scene->data.text, 0, NULL);
}

const struct scenario sharing[] = {
    {"share-unchanged", share_unchanged},
    {"share-never", share_never},
    {"share-rotted", share_rotted},
    {"scrub-rotted", scrub_rotted},
    {"scrub-no-root", scrub_no_root},
    {NULL, NULL},
};
