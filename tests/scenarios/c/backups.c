/* Backups that succeed. */
#include "scene.h"

/* Makes a backup, which ends with *code, and returns where it is. */
static struct path made(struct scene *scene, backup_code *code) {
    struct path location;
    backup_job *job = scene_start(scene);
    snprintf(location.text, sizeof location.text, "%s", backup_location(job));
    *code = ends(job);
    return location;
}

static backup_code start(struct scene *scene) {
    backup_code code;
    struct path location = made(scene, &code);
    CHECK(holds_names(location, "1.sst 2.sst log snapshot.manifest wal "));
    return code;
}

static backup_code run_on_this_thread(struct scene *scene) {
    scene->caller = pthread_self();
    scene->on_caller = true;
    scene_open(scene);
    backup_job *job = NULL;
    backup_code code = backup_run(scene->coordinator, &job, &error);
    CHECK(!error && scene->progress_calls > 0);
    CHECK(ends(job) == code);
    return code;
}

static backup_code no_hooks(struct scene *scene) {
    backup_options *options = scene->options;
    SUCCEEDS(backup_options_set_checkpoint_hook(options, NULL, NULL, NULL, &error));
    SUCCEEDS(backup_options_set_freeze_hook(options, NULL, NULL, NULL, NULL, &error));
    SUCCEEDS(backup_options_set_release_hook(options, NULL, NULL, NULL, &error));
    SUCCEEDS(backup_options_set_validate_hook(options, NULL, NULL, NULL, &error));
    SUCCEEDS(backup_options_set_progress_hook(options, NULL, NULL, NULL, &error));
    backup_code code = start(scene);
    CHECK(scene->progress_calls == 0);
    return code;
}

static backup_code progress(struct scene *scene) {
    backup_job *job = scene_start(scene);
    SUCCEEDS(backup_wait(job, -1, &error));
    CHECK(scene->progress_calls > 0);
    backup_progress now;
    SUCCEEDS(backup_status(job, &now, sizeof now, &error));
    CHECK(now.percent == 100 && now.state == BACKUP_STATE_COMPLETED && now.kind == BACKUP_KIND_BACKUP);
    CHECK(now.phase == BACKUP_PHASE_NONE && now.files_done == 3 && now.bytes_done == 100023);
    return ends(job);
}

static void finds(struct scene *scene, const char *id, const backup_job *job) {
    backup_job *found = NULL;
    SUCCEEDS(backup_find(scene->coordinator, id, &found, &error));
    CHECK(strcmp(backup_id(found), backup_id(job)) == 0);
    CHECK(strcmp(backup_location(found), backup_location(job)) == 0);
    backup_free(found);
}

static backup_code find(struct scene *scene) {
    backup_job *job = scene_start(scene);
    finds(scene, backup_id(job), job);
    SUCCEEDS(backup_wait(job, -1, &error));
    finds(scene, backup_id(job), job);
    finds(scene, NULL, job);
    return ends(job);
}

static void set_bytes(struct scene *scene, const char *hook, backup_hook *view) {
    (void) scene;
    if (strcmp(hook, "checkpoint") == 0) SUCCEEDS(backup_hook_set_metadata(view, "\x00\xff\x0a", 3, &error));
}

static backup_code metadata(struct scene *scene) {
    static const char text[] = "from the options";
    SUCCEEDS(backup_options_set_metadata(scene->options, text, sizeof text - 1, &error));
    scene->during = set_bytes;
    backup_code code = ends(scene_start(scene));
    backup_snapshot *latest = NULL;
    SUCCEEDS(backup_latest(scene->root.text, &latest, &error));
    size_t size = 0;
    const void *found = backup_snapshot_metadata(latest, &size);
    CHECK(size == 3 && memcmp(found, "\x00\xff\x0a", 3) == 0);
    backup_snapshot_free(latest);
    return code;
}

static void adds_tag(struct scene *scene, const char *hook, backup_hook *view) {
    (void) scene;
    if (strcmp(hook, "checkpoint") == 0) SUCCEEDS(backup_hook_add_tag(view, "release", &error));
}

static backup_code tags(struct scene *scene) {
    SUCCEEDS(backup_options_add_tag(scene->options, "nightly", &error));
    scene->during = adds_tag;
    backup_code code = ends(scene_start(scene));
    backup_snapshot *latest = NULL;
    SUCCEEDS(backup_latest(scene->root.text, &latest, &error));
    CHECK(strcmp(backup_snapshot_tag(latest, 0), "nightly") == 0);
    CHECK(strcmp(backup_snapshot_tag(latest, 1), "release") == 0 && !backup_snapshot_tag(latest, 2));
    CHECK(backup_snapshot_freeze_ns(latest) > 0 && !backup_snapshot_is_damaged(latest));
    CHECK(backup_snapshot_verified_at_ms(latest) >= backup_snapshot_started_at_ms(latest));
    CHECK(backup_snapshot_verified_level(latest) == BACKUP_VERIFY_CHECKSUM);
    backup_snapshot_free(latest);
    return code;
}

static void names_files(struct scene *scene, const char *hook, backup_hook *view) {
    (void) scene;
    if (strcmp(hook, "freeze") != 0) return;
    SUCCEEDS(backup_hook_add_file(view, "1.sst", BACKUP_FILE_IMMUTABLE, UINT64_MAX, &error));
    SUCCEEDS(backup_hook_add_file(view, "log", BACKUP_FILE_APPEND_ONLY, 3, &error));
    SUCCEEDS(backup_hook_add_bytes(view, "LABEL", "made here", 9, &error));
}

static backup_code live_files(struct scene *scene) {
    scene->during = names_files;
    backup_code code;
    struct path location = made(scene, &code);
    CHECK(holds_names(location, "1.sst LABEL log snapshot.manifest "));
    CHECK(file_holds(in(location, "1.sst"), "an immutable table"));
    CHECK(file_holds(in(location, "log"), "a l") && file_holds(in(location, "LABEL"), "made here"));
    return code;
}

static backup_code second_source(struct scene *scene) {
    struct path beside = in(scene->directory, "beside");
    CHECK(mkdir(beside.text, 0700) == 0);
    write_file(in(beside, "file"), "of the second source");
    SUCCEEDS(backup_options_add_source(scene->options, beside.text, "second", &error));
    backup_code code;
    struct path location = made(scene, &code);
    CHECK(same_trees(beside, in(location, "second")) && file_holds(in(location, "log"), "a log"));
    return code;
}

static backup_code non_utf8_path(struct scene *scene) {
    static const char name[] = {0x64, (char) 0xff, (char) 0xfe, 0};
    scene_strike(scene);
    scene_set(scene, in(scene->directory, "odd"), name);
    write_file(in(scene->data, name), "odd");
    backup_code code;
    struct path location = made(scene, &code), elsewhere = in(scene->directory, "elsewhere");
    struct path target = in(elsewhere, name);

    backup_list *list = NULL;
    SUCCEEDS(backup_list_open(scene->root.text, &list, &error));
    CHECK(strcmp(backup_snapshot_location(backup_list_get(list, 0)), location.text) == 0);
    backup_list_free(list);
    CHECK(mkdir(elsewhere.text, 0700) == 0);
    backup_job *job = NULL;
    SUCCEEDS(backup_restore_start(location.text, target.text, NULL, &job, &error));
    CHECK(strcmp(backup_location(job), target.text) == 0);
    CHECK(ends(job) == BACKUP_OK && same_trees(scene->data, target));
    CHECK(file_holds(in(target, name), "odd"));
    return code;
}

const struct scenario backups[] = {
    {"start", start},
    {"run-on-this-thread", run_on_this_thread},
    {"no-hooks", no_hooks},
    {"progress", progress},
    {"find", find},
    {"metadata", metadata},
    {"tags", tags},
    {"live-files", live_files},
    {"second-source", second_source},
    {"non-utf8-path", non_utf8_path},
    {NULL, NULL},
};
