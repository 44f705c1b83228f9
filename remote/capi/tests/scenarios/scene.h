/* What a case has: a database, its latest snapshot, and a repository; and how they are looked at. */
#ifndef SCENE_H
#define SCENE_H

#include "../../../../tests/c/check.h"

#include <hotbackup_remote.h>

/* Of a table and a mutable file, so large that a push takes more than one pack of each. */
#define TABLE (3 << 20)

/* A database, its latest snapshot, and a repository that has been made. */
struct scene {
    struct path place, database, repository;
    backup_coordinator *coordinator;
    struct path snapshot;
    backup_remote *remote;
};

static inline char *url_of(struct path repository) {
    static char url[600];
    snprintf(url, sizeof url, "file://%s", repository.text);
    return url;
}

static inline backup_remote_options *options_with(const char *password) {
    struct path file = in(scratch, password);
    write_file(file, password);
    backup_remote_options *options = backup_remote_options_new();
    CHECK(options);
    SUCCEEDS(backup_remote_options_set(options, "password_file", file.text, &error));
    SUCCEEDS(backup_remote_options_set(options, "host", "scenarios", &error));
    return options;
}

static inline backup_remote *open_remote(struct path repository, backup_remote_options *options) {
    backup_remote *remote = NULL;
    SUCCEEDS(backup_remote_open(url_of(repository), options, &remote, &error));
    CHECK(remote && strcmp(backup_remote_url(remote), url_of(repository)) == 0);
    backup_remote_options_free(options);
    return remote;
}

static inline void write_table(struct path path, unsigned seed) {
    FILE *file = fopen(path.text, "w");
    CHECK(file);
    for (size_t i = 0; i < TABLE / sizeof seed; i++) {
        seed = seed * 1664525u + 1013904223u;
        CHECK(fwrite(&seed, sizeof seed, 1, file) == 1);
    }
    CHECK(fclose(file) == 0);
}

static inline bool table_holds(struct path path, unsigned seed) {
    FILE *file = fopen(path.text, "r");
    if (!file) return false;
    size_t same = 0;
    unsigned found;
    while (fread(&found, sizeof found, 1, file) == 1) {
        seed = seed * 1664525u + 1013904223u;
        if (found != seed) break;
        same++;
    }
    fclose(file);
    return same == TABLE / sizeof seed;
}

static inline bool is_the_database(struct path directory) {
    return table_holds(in(directory, "1.sst"), 1) && file_holds(in(directory, "data"), "mutable");
}

static inline void scene_set(struct scene *scene, const char *name) {
    scene->place = in(scratch, name);
    CHECK(mkdir(scene->place.text, 0700) == 0);
    scene->database = database();
    write_table(in(scene->database, "1.sst"), 1);
    backup_options *options = options_of_tables();
    scene->coordinator = open_with(scene->database, options);
    scene->snapshot = snapshot_of(scene->coordinator);
    scene->repository = in(scene->place, "repository");
    scene->remote = open_remote(scene->repository, options_with("open sesame"));
    SUCCEEDS(backup_remote_init(scene->remote, &error));
}

static inline void scene_strike(struct scene *scene) {
    backup_remote_close(scene->remote);
    backup_coordinator_close(scene->coordinator);
}

static inline backup_code end_of(backup_job *job) {
    backup_code code = backup_wait(job, -1, &error);
    backup_free(job);
    return code;
}

static inline backup_job *pushing(struct scene *scene, struct path snapshot, const backup_options *options) {
    backup_job *job = NULL;
    SUCCEEDS(backup_remote_push_start(scene->remote, snapshot.text, options, &job, &error));
    CHECK(job && strcmp(backup_location(job), snapshot.text) == 0);
    return job;
}

static inline void push(struct scene *scene, struct path snapshot) {
    SUCCEEDS(end_of(pushing(scene, snapshot, NULL)));
}

static inline uint64_t bytes_up(struct scene *scene) {
    backup_remote_requests now;
    SUCCEEDS(backup_remote_requests_now(scene->remote, &now, sizeof now, &error));
    CHECK(now.size == sizeof now);
    FAILS(BACKUP_INVALID_ARGUMENT, backup_remote_requests_now(scene->remote, &now, 7, &error));
    /* A program of an older header. */
    uint64_t older[2] = {0, UINT64_MAX};
    SUCCEEDS(backup_remote_requests_now(scene->remote, (backup_remote_requests *) older, 8, &error));
    CHECK(older[0] == 8 && older[1] == UINT64_MAX);
    return now.bytes_up;
}

static inline size_t listed(struct scene *scene, const char *host) {
    backup_remote_list *list = NULL;
    SUCCEEDS(backup_remote_list_open(scene->remote, host, &list, &error));
    size_t count = backup_remote_list_count(list);
    CHECK(!backup_remote_list_get(list, count) && !backup_remote_list_error(list, 0));
    backup_remote_list_free(list);
    return count;
}

static inline backup_code restore(struct scene *scene, const char *id, struct path target) {
    backup_job *job = NULL;
    SUCCEEDS(backup_remote_restore_start(scene->remote, id, target.text, NULL, &job, &error));
    CHECK(job && strcmp(backup_location(job), target.text) == 0);
    return end_of(job);
}

#endif
