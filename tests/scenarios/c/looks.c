/* What can be looked at without changing anything. */
#include "scene.h"

static bool is_called(const backup_contents *contents, size_t index, const char *path) {
    size_t length = 0;
    const void *found = backup_contents_path(contents, index, &length);
    return found && length == strlen(path) && memcmp(found, path, length) == 0;
}

static backup_code contents(struct scene *scene) {
    backup_contents *contents = NULL;
    SUCCEEDS(backup_contents_open(scene_snapshot(scene).text, &contents, &error));
    static const struct {
        const char *path;
        int32_t kind, file_class;
        uint64_t size;
    } expected[] = {
        {"wal", BACKUP_ENTRY_DIRECTORY, 0, 0},
        {"1.sst", BACKUP_ENTRY_FILE, BACKUP_FILE_IMMUTABLE, 18},
        {"2.sst", BACKUP_ENTRY_FILE, BACKUP_FILE_IMMUTABLE, 100000},
        {"log", BACKUP_ENTRY_FILE, BACKUP_FILE_MUTABLE, 5},
    };
    CHECK(backup_contents_count(contents) == 4 && backup_contents_kind(contents, 4) == 0);
    for (size_t i = 0; i < 4; i++) {
        CHECK(is_called(contents, i, expected[i].path));
        CHECK(backup_contents_kind(contents, i) == expected[i].kind);
        CHECK(backup_contents_class(contents, i) == expected[i].file_class);
        CHECK(backup_contents_size(contents, i) == expected[i].size);
        CHECK((backup_contents_crc32(contents, i) == 0) == (expected[i].kind == BACKUP_ENTRY_DIRECTORY));
        CHECK(!backup_contents_origin(contents, i) && backup_contents_verified_at_ms(contents, i) == 0);
        CHECK(!backup_contents_target(contents, i, NULL));
        uint32_t mode = 0, uid = 0, ns = 0;
        int64_t seconds = 0;
        struct stat source;
        CHECK(stat(in(scene->data, expected[i].path).text, &source) == 0);
        CHECK(backup_contents_attributes(contents, i, &mode, &uid, NULL, &seconds, &ns) == 1);
        CHECK(mode == (source.st_mode & 07777) && uid == source.st_uid);
        CHECK(seconds == source.st_mtim.tv_sec && ns == (uint32_t) source.st_mtim.tv_nsec);
    }
    CHECK(backup_contents_attributes(contents, 4, NULL, NULL, NULL, NULL, NULL) == 0);
    backup_contents_free(contents);
    return BACKUP_OK;
}

static backup_code contents_of_nothing(struct scene *scene) {
    backup_contents *contents = NULL;
    backup_code code = backup_contents_open(in(scene->directory, "missing").text, &contents, &error);
    FAILS(code, code);
    CHECK(!contents && backup_contents_count(contents) == 0);
    return code;
}

static backup_preview *preview_of(struct scene *scene) {
    backup_preview *preview = NULL;
    SUCCEEDS(backup_preview_open(scene->data.text, scene->options, &preview, &error));
    return preview;
}

static backup_code preview(struct scene *scene) {
    backup_preview *told = preview_of(scene);
    static const struct {
        const char *path, *rule;
        int32_t file_class, outcome;
        uint64_t size;
    } expected[] = {
        {"1.sst", "*.sst", BACKUP_FILE_IMMUTABLE, BACKUP_OUTCOME_COPIED_AFTER_FREEZE, 18},
        {"2.sst", "*.sst", BACKUP_FILE_IMMUTABLE, BACKUP_OUTCOME_COPIED_AFTER_FREEZE, 100000},
        {"log", NULL, BACKUP_FILE_MUTABLE, BACKUP_OUTCOME_COPIED_IN_FREEZE, 5},
    };
    CHECK(backup_preview_count(told) == 3 && backup_preview_outcome(told, 3) == 0);
    for (size_t i = 0; i < 3; i++) {
        size_t length = 0;
        const void *path = backup_preview_path(told, i, &length);
        CHECK(length == strlen(expected[i].path) && memcmp(path, expected[i].path, length) == 0);
        const char *rule = backup_preview_rule(told, i);
        CHECK(expected[i].rule ? rule && strcmp(rule, expected[i].rule) == 0 : !rule);
        CHECK(backup_preview_kind(told, i) == BACKUP_ENTRY_FILE);
        CHECK(backup_preview_class(told, i) == expected[i].file_class);
        CHECK(backup_preview_outcome(told, i) == expected[i].outcome);
        CHECK(backup_preview_size(told, i) == expected[i].size);
    }
    uint64_t available = 0, needed = 0;
    const char *place = backup_preview_space(told, 0, &available, &needed, NULL);
    CHECK(strcmp(place, backup_preview_root(told)) == 0 && available > 0 && needed >= 100023);
    CHECK(!backup_preview_space(told, 1, NULL, NULL, NULL));
    CHECK(backup_preview_is_one_file_system(told) == 1 && backup_preview_directories(told) == 1);
    CHECK(!backup_preview_previous(told) && !backup_preview_refusal(told, 0));
    backup_preview_free(told);
    CHECK(access(in(scene->data, ".lifecycle").text, F_OK) != 0);
    return BACKUP_OK;
}

static backup_code preview_refused(struct scene *scene) {
    struct path link = in(scene->data, "link");
    CHECK(symlink("nowhere", link.text) == 0);
    backup_preview *told = preview_of(scene);
    CHECK(backup_preview_outcome(told, 2) == BACKUP_OUTCOME_REFUSED);
    const backup_error *refusal = backup_preview_refusal(told, 0);
    CHECK(strcmp(backup_error_path(refusal), link.text) == 0 && !backup_preview_refusal(told, 1));
    backup_code code = backup_error_code(refusal);
    backup_preview_free(told);
    return code;
}

const struct scenario looks[] = {
    {"contents", contents},
    {"contents-of-nothing", contents_of_nothing},
    {"preview", preview},
    {"preview-refused", preview_refused},
    {NULL, NULL},
};
