/* Paths are bytes, need not be UTF-8, and are made absolute when taken. */
#include "check.h"

static void every_path_may_hold_any_bytes(void) {
    struct path odd = in(scratch, "odd \xff\n\"'\x01"), data = in(odd, "data\xfe");
    struct path wal = in(odd, "wal\xfd"), root = in(odd, "root\xfc"), target = in(odd, "target\xfb");
    CHECK(mkdir(odd.text, 0700) == 0 && mkdir(data.text, 0700) == 0 && mkdir(wal.text, 0700) == 0);
    write_file(in(data, "file\xfa"), "data");
    write_file(in(wal, "log\xf9"), "log");
    backup_options *options = quick_options();
    SUCCEEDS(backup_options_set_root(options, root.text, &error));
    SUCCEEDS(backup_options_add_source(options, wal.text, "wal\xf8", &error));
    backup_coordinator *coordinator = open_with(data, options);
    CHECK(strcmp(backup_coordinator_root(coordinator), root.text) == 0);
    struct path snapshot = snapshot_of(coordinator);
    CHECK(file_holds(in(snapshot, "file\xfa"), "data"));
    CHECK(file_holds(in(snapshot, "wal\xf8/log\xf9"), "log"));

    backup_job *job = NULL;
    SUCCEEDS(backup_restore_start(snapshot.text, target.text, NULL, &job, &error));
    SUCCEEDS(backup_wait(job, -1, &error));
    CHECK(strcmp(backup_location(job), target.text) == 0);
    CHECK(file_holds(in(target, "wal\xf8/log\xf9"), "log"));
    backup_free(job);
    backup_coordinator_close(coordinator);
}

static void relative_paths_are_made_absolute_when_taken(void) {
    struct path elsewhere = in(scratch, "elsewhere"), here = in(scratch, "here");
    CHECK(mkdir(elsewhere.text, 0700) == 0 && mkdir(here.text, 0700) == 0);
    CHECK(mkdir(in(here, "db").text, 0700) == 0 && mkdir(in(here, "wal").text, 0700) == 0);
    write_file(in(here, "wal/log"), "log");
    CHECK(chdir(here.text) == 0);
    backup_options *options = quick_options();
    SUCCEEDS(backup_options_set_root(options, "root", &error));
    SUCCEEDS(backup_options_add_source(options, "wal", "wal", &error));
    backup_coordinator *coordinator = NULL;
    SUCCEEDS(backup_coordinator_open("db", options, &coordinator, &error));
    backup_options_free(options);
    CHECK(chdir(elsewhere.text) == 0);

    struct path snapshot = snapshot_of(coordinator);
    CHECK(strcmp(backup_coordinator_root(coordinator), in(here, "root").text) == 0);
    CHECK(strncmp(snapshot.text, in(here, "root").text, strlen(in(here, "root").text)) == 0);
    CHECK(file_holds(in(snapshot, "wal/log"), "log"));
    backup_coordinator_close(coordinator);
    CHECK(chdir(here.text) == 0);

    backup_snapshot *latest = NULL;
    SUCCEEDS(backup_latest("root", &latest, &error));
    CHECK(strcmp(backup_snapshot_location(latest), snapshot.text) == 0);
    backup_snapshot_free(latest);
    backup_job *job = NULL;
    SUCCEEDS(backup_restore_start(snapshot.text, "target", NULL, &job, &error));
    CHECK(chdir("/") == 0);
    SUCCEEDS(backup_wait(job, -1, &error));
    CHECK(strcmp(backup_location(job), in(here, "target").text) == 0);
    CHECK(file_holds(in(here, "target/wal/log"), "log"));
    backup_free(job);
}

int main(int argc, char **argv) {
    check_begin(argc, argv);
    TRY(every_path_may_hold_any_bytes);
    TRY(relative_paths_are_made_absolute_when_taken);
    return 0;
}
