/* A case's data directory, and its hooks. */
#include "scene.h"

/* --- Hooks --- */

static int32_t called(struct scene *scene, const char *name, backup_hook *hook) {
    if (scene->on_caller) CHECK(pthread_equal(pthread_self(), scene->caller));
    if (!scene->forgets) {
        size_t length = strlen(scene->calls);
        snprintf(scene->calls + length, sizeof scene->calls - length, "%s%s", length ? " " : "", name);
    }
    if (scene->during) scene->during(scene, name, hook);
    if (!scene->fails || strcmp(scene->fails, name) != 0) return 0;
    char message[64];
    snprintf(message, sizeof message, "%s said no", name);
    backup_hook_set_error(hook, message, &scene->its_exception, NULL);
    return 1;
}

static int32_t checkpoint(void *scene, backup_hook *hook) {
    return called(scene, "checkpoint", hook);
}

static int32_t freeze(void *scene, backup_hook *hook) {
    return called(scene, "freeze", hook);
}

static int32_t thaw(void *scene, backup_hook *hook) {
    return called(scene, "thaw", hook);
}

static int32_t release(void *scene, backup_hook *hook) {
    return called(scene, "release", hook);
}

static int32_t validate(void *scene, const char *staging, backup_hook *hook) {
    CHECK(staging[0] == '/');
    return called(scene, "validate", hook);
}

static int32_t progress(void *user_data, const backup_progress *now, backup_hook *hook) {
    struct scene *scene = user_data;
    if (scene->on_caller) CHECK(pthread_equal(pthread_self(), scene->caller));
    CHECK(now->size == sizeof *now && now->percent >= scene->percent && now->percent <= 100);
    scene->percent = now->percent;
    scene->progress_calls++;
    if (scene->fails && strcmp(scene->fails, "progress") == 0) {
        backup_hook_set_error(hook, "progress said no", &scene->its_exception, NULL);
        return 1;
    }
    return scene->progress_says_stop;
}

/* --- The scene --- */

static void write_table(struct path path) {
    FILE *file = fopen(path.text, "w");
    CHECK(file);
    for (int i = 0; i < 100000; i++) CHECK(putc(i % 251, file) != EOF);
    CHECK(fclose(file) == 0);
}

void scene_set(struct scene *scene, struct path directory, const char *data_name) {
    *scene = (struct scene) {.directory = directory, .gate = GATE};
    scene->data = in(directory, data_name);
    scene->root = in(scene->data, ".lifecycle/backup");
    CHECK(mkdir(directory.text, 0700) == 0 && mkdir(scene->data.text, 0700) == 0);
    write_file(in(scene->data, "1.sst"), "an immutable table");
    write_table(in(scene->data, "2.sst"));
    write_file(in(scene->data, "log"), "a log");
    CHECK(mkdir(in(scene->data, "wal").text, 0700) == 0);

    backup_options *options = scene->options = backup_options_new();
    SUCCEEDS(backup_options_add_rule(options, "*.sst", BACKUP_FILE_IMMUTABLE, &error));
    SUCCEEDS(backup_options_set_checkpoint_hook(options, checkpoint, scene, NULL, &error));
    SUCCEEDS(backup_options_set_freeze_hook(options, freeze, thaw, scene, NULL, &error));
    SUCCEEDS(backup_options_set_release_hook(options, release, scene, NULL, &error));
    SUCCEEDS(backup_options_set_validate_hook(options, validate, scene, NULL, &error));
    SUCCEEDS(backup_options_set_progress_hook(options, progress, scene, NULL, &error));
}

void scene_strike(struct scene *scene) {
    backup_coordinator_close(scene->coordinator);
    backup_options_free(scene->options);
}

void scene_open(struct scene *scene) {
    SUCCEEDS(backup_coordinator_open(scene->data.text, scene->options, &scene->coordinator, &error));
    CHECK(strcmp(backup_coordinator_root(scene->coordinator), scene->root.text) == 0);
}

void scene_reopen(struct scene *scene) {
    backup_coordinator_close(scene->coordinator);
    scene_open(scene);
}

backup_job *scene_start(struct scene *scene) {
    if (!scene->coordinator) scene_open(scene);
    backup_job *job = NULL;
    SUCCEEDS(backup_start(scene->coordinator, &job, &error));
    return job;
}

backup_code ends(backup_job *job) {
    backup_code code = backup_wait(job, -1, &error);
    if (code == BACKUP_OK)
        CHECK(!error);
    else
        FAILS(code, code);
    backup_free(job);
    return code;
}

struct path scene_snapshot(struct scene *scene) {
    struct path location;
    backup_job *job = scene_start(scene);
    snprintf(location.text, sizeof location.text, "%s", backup_location(job));
    CHECK(ends(job) == BACKUP_OK);
    scene->forgets = true;
    scene->percent = 0;
    scene->calls[0] = '\0';
    return location;
}

void scene_change(struct scene *scene) {
    static char log[] = "log 0";
    log[4] = log[4] == '9' ? '0' : (char) (log[4] + 1);
    write_file(in(scene->data, "log"), log);
}

size_t scene_listed(struct scene *scene) {
    backup_list *list = NULL;
    SUCCEEDS(backup_list_open(scene->root.text, &list, &error));
    size_t count = backup_list_count(list);
    backup_list_free(list);
    return count;
}

/* --- Trees --- */

static int is_data(const struct dirent *entry) {
    return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0
           && strcmp(entry->d_name, ".lifecycle") != 0;
}

static bool same_bytes(struct path left, struct path right) {
    FILE *a = fopen(left.text, "r"), *b = fopen(right.text, "r");
    bool same = a && b;
    for (int byte = 0; same && byte != EOF;) same = (byte = getc(a)) == getc(b);
    if (a) fclose(a);
    if (b) fclose(b);
    return same;
}

bool same_trees(struct path left, struct path right) {
    struct stat a, b;
    if (lstat(left.text, &a) != 0 || lstat(right.text, &b) != 0) return false;
    if ((a.st_mode & S_IFMT) != (b.st_mode & S_IFMT)) return false;
    if (!S_ISDIR(a.st_mode)) return same_bytes(left, right);
    struct dirent **as, **bs;
    int count = scandir(left.text, &as, is_data, alphasort);
    int others = scandir(right.text, &bs, is_data, alphasort);
    CHECK(count >= 0 && others >= 0);
    bool same = count == others;
    for (int i = 0; i < count && same; i++)
        same = strcmp(as[i]->d_name, bs[i]->d_name) == 0
               && same_trees(in(left, as[i]->d_name), in(right, bs[i]->d_name));
    for (int i = 0; i < count; i++) free(as[i]);
    for (int i = 0; i < others; i++) free(bs[i]);
    free(as), free(bs);
    return same;
}

bool holds_names(struct path directory, const char *names) {
    char found[256] = "";
    struct dirent **entries;
    int count = scandir(directory.text, &entries, is_data, alphasort);
    CHECK(count >= 0);
    for (int i = 0; i < count; i++) {
        size_t length = strlen(found);
        snprintf(found + length, sizeof found - length, "%s ", entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    return strcmp(found, names) == 0;
}
