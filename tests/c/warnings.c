/* Warnings do not fail a job, stay with it, and belong to whoever asked for them. */
#include "check.h"

#include <fcntl.h>

/* What an output holds that nobody has written. */
#define UNTOUCHED ((backup_error *) 0x10)

static void set_time(struct path path, time_t seconds) {
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = seconds}};
    CHECK(utimensat(AT_FDCWD, path.text, times, 0) == 0);
}

/* A coordinator whose next backup finds its stored 1.sst rotten, and where that is. */
static backup_coordinator *open_rotten(struct path *stored) {
    struct path directory = database();
    time_t hour_ago = time(NULL) - 3600;
    set_time(in(directory, "1.sst"), hour_ago);
    backup_options *options = options_of_tables();
    SUCCEEDS(backup_options_set_reread_after(options, 0, &error));
    backup_coordinator *coordinator = open_with(directory, options);
    *stored = in(snapshot_of(coordinator), "1.sst");
    write_file(*stored, "immutablE");
    set_time(*stored, hour_ago);
    return coordinator;
}

static backup_error *warning_of(const backup_job *job, size_t index) {
    backup_error *warning = NULL;
    SUCCEEDS(backup_warning(job, index, &warning, &error));
    CHECK(backup_error_code(warning) == BACKUP_CORRUPT && !backup_error_cause(warning));
    return warning;
}

static void a_warning_does_not_fail_the_job_and_names_the_file(void) {
    struct path stored;
    backup_coordinator *coordinator = open_rotten(&stored);
    backup_job *job = NULL;
    SUCCEEDS(backup_run(coordinator, &job, &error));
    backup_error *warning = warning_of(job, 0);
    CHECK(strcmp(backup_error_path(warning), stored.text) == 0 && backup_error_os_error(warning) == 0);
    CHECK(strstr(backup_error_message(warning), stored.text) && !strchr(backup_error_message(warning), '\n'));
    struct path made;
    snprintf(made.text, sizeof made.text, "%s", backup_location(job));
    CHECK(file_holds(in(made, "1.sst"), "immutable") && file_holds(stored, "immutablE"));
    backup_error_free(warning);
    backup_free(job);
    backup_coordinator_close(coordinator);
}

static void a_warning_is_its_askers_and_outlives_the_job(void) {
    struct path stored;
    backup_coordinator *coordinator = open_rotten(&stored);
    backup_job *job = NULL;
    SUCCEEDS(backup_run(coordinator, &job, &error));
    backup_error *one = warning_of(job, 0), *two = warning_of(job, 0);
    CHECK(one != two && strcmp(backup_error_message(one), backup_error_message(two)) == 0);
    backup_error_free(one);
    backup_coordinator_close(coordinator);
    backup_error *three = warning_of(job, 0);
    backup_free(job);
    CHECK(strcmp(backup_error_path(two), stored.text) == 0 && strcmp(backup_error_path(three), stored.text) == 0);
    backup_error_free(two);
    backup_error_free(three);
}

static void a_warning_that_is_not_there_is_not_found_and_nothing_is_written(void) {
    struct path stored;
    backup_coordinator *coordinator = open_rotten(&stored);
    backup_job *job = NULL;
    backup_error *warning = UNTOUCHED;
    SUCCEEDS(backup_run(coordinator, &job, &error));
    FAILS(BACKUP_NOT_FOUND, backup_warning(job, 1, &warning, &error));
    FAILS(BACKUP_NOT_FOUND, backup_warning(job, SIZE_MAX, &warning, &error));
    FAILS(BACKUP_INVALID_ARGUMENT, backup_warning(job, 0, NULL, &error));
    CHECK(warning == UNTOUCHED && backup_warning(job, 1, &warning, NULL) == BACKUP_NOT_FOUND);
    CHECK(warning == UNTOUCHED);
    backup_free(job);
    backup_coordinator_close(coordinator);
}

static void what_is_found_is_told_while_the_job_runs(void) {
    struct path stored, directory;
    struct gate gate = GATE;
    backup_coordinator_close(open_rotten(&stored));
    snprintf(directory.text, sizeof directory.text, "%s", stored.text);
    *strstr(directory.text, "/.lifecycle/") = '\0';
    backup_options *options = options_of_tables();
    SUCCEEDS(backup_options_set_reread_after(options, 0, &error));
    backup_coordinator *coordinator = open_at(directory, options, &gate);
    backup_job *job = started_at(coordinator, &gate);
    backup_error_free(warning_of(job, 0));
    gate_open(&gate);
    SUCCEEDS(backup_wait(job, -1, &error));
    backup_error_free(warning_of(job, 0));
    backup_free(job);
    backup_coordinator_close(coordinator);
}

static void restores_and_verifications_have_none(void) {
    backup_coordinator *coordinator = open_plain(database());
    struct path snapshot = snapshot_of(coordinator);
    backup_job *job = NULL;
    backup_error *warning = UNTOUCHED;
    SUCCEEDS(backup_verify_start(snapshot.text, NULL, &job, &error));
    SUCCEEDS(backup_wait(job, -1, &error));
    FAILS(BACKUP_NOT_FOUND, backup_warning(job, 0, &warning, &error));
    CHECK(warning == UNTOUCHED);
    backup_free(job);
    backup_coordinator_close(coordinator);
}

int main(int argc, char **argv) {
    check_begin(argc, argv);
    TRY(a_warning_does_not_fail_the_job_and_names_the_file);
    TRY(a_warning_is_its_askers_and_outlives_the_job);
    TRY(a_warning_that_is_not_there_is_not_found_and_nothing_is_written);
    TRY(what_is_found_is_told_while_the_job_runs);
    TRY(restores_and_verifications_have_none);
    return 0;
}
