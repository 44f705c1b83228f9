/* Hosts that run out of address space, each with a little more room than the one before: each backs up the
 * directory that it is given, and verifies and restores the snapshot, until one does all of it. Each
 * failure must be a proper error of one line. Prints how many hosts were short of memory. */
#include "../c/check.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define STEP (128 << 10)
#define MOST_STEPS 1000

/* Whether a call was done; its error must be one of too little memory. */
static int done(const char *what, backup_code code, backup_error *error) {
    if (code == BACKUP_OK) return 1;
    int shortage = backup_error_os_error(error) == ENOMEM || backup_error_os_error(error) == EAGAIN;
    if (code != BACKUP_IO || !shortage || strchr(backup_error_message(error), '\n')) {
        fprintf(stderr, "%s: %s: %s\n", what, backup_code_name(code), backup_error_message(error));
        exit(1);
    }
    backup_error_free(error);
    return 0;
}

static int back_up(const char *data, const backup_options *options) {
    backup_coordinator *coordinator = NULL;
    backup_job *job = NULL;
    backup_error *error = NULL;
    backup_code code = backup_coordinator_open(data, options, &coordinator, &error);
    if (!code) code = backup_start(coordinator, &job, &error);
    if (!code) code = backup_wait(job, -1, &error);
    int is_done = done("backup", code, error);
    backup_free(job);
    backup_coordinator_close(coordinator);
    return is_done;
}

/* Waits for what was started, if it was. */
static int ends(const char *what, backup_code code, backup_job **job, backup_error **error) {
    if (!code) code = backup_wait(*job, -1, error);
    backup_free(*job);
    return done(what, code, *error);
}

static int look(const char *location, const char *target, const backup_options *options) {
    backup_job *job = NULL;
    backup_snapshot *snapshot = NULL;
    backup_error *error = NULL;
    backup_code code = backup_snapshot_open(location, &snapshot, &error);
    int all = done("open", code, error);
    backup_snapshot_free(snapshot);
    error = NULL;
    all &= ends("verify", backup_verify_start(location, options, &job, &error), &job, &error);
    job = NULL, error = NULL;
    return ends("restore", backup_restore_start(location, target, options, &job, &error), &job, &error) & all;
}

/* Of this process, in bytes. */
static rlim_t address_space(void) {
    unsigned long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%lu", &pages) != 1) exit(1);
    fclose(file);
    return pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

/* Whether a host with so much room does everything. */
static int all_is_done(char **argv, rlim_t room) {
    backup_options *options = options_of_tables();
    struct rlimit limit = {address_space() + room, RLIM_INFINITY};
    if (setrlimit(RLIMIT_AS, &limit)) exit(1);
    int all = back_up(argv[1], options) & look(argv[2], argv[3], options);
    backup_options_free(options);
    return all;
}

int main(int argc, char **argv) {
    if (argc != 4) return 2;
    for (int step = 0; step < MOST_STEPS; step++) {
        pid_t host = fork();
        if (host == 0) return all_is_done(argv, (rlim_t)step * STEP) ? 0 : 3;
        int status;
        waitpid(host, &status, 0);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
            printf("%d\n", step);
            return 0;
        }
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 3) {
            fprintf(stderr, "with %d KiB: ended with %#x\n", step * (STEP >> 10), status);
            return 1;
        }
    }
    fprintf(stderr, "none has enough\n");
    return 1;
}
