/* A host of little memory: backs up the directory that it is given, and prints by how many KiB
 * its peak has grown, or why it could not. */
#include <hotbackup.h>

#include <stdio.h>
#include <sys/resource.h>

static int32_t nothing(void *user_data, backup_hook *hook) {
    (void)user_data;
    (void)hook;
    return 0;
}

static long peak_kib(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    long before = peak_kib();
    backup_options *options = backup_options_new();
    backup_coordinator *coordinator = NULL;
    backup_job *job = NULL;
    backup_error *error = NULL;
    backup_code code = backup_options_add_rule(options, "*.sst", BACKUP_FILE_IMMUTABLE, NULL);
    if (!code) code = backup_options_set_freeze_hook(options, nothing, nothing, NULL, NULL, &error);
    if (!code) code = backup_coordinator_open(argv[1], options, &coordinator, &error);
    if (!code) code = backup_run(coordinator, &job, &error);
    if (code) fprintf(stderr, "%s\n", backup_error_message(error));
    backup_error_free(error);
    backup_free(job);
    backup_coordinator_close(coordinator);
    backup_options_free(options);
    printf("%ld\n", peak_kib() - before);
    return code;
}
