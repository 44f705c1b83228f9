/* What stands around a piece of C in the documentation, so that it compiles and runs by itself.
 * Arguments: a data directory, a root, an empty directory. */
#define _GNU_SOURCE
#include <hotbackup.h>

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int32_t freeze(void *db, backup_hook *hook) { (void)db, (void)hook; return 0; }
static int32_t thaw(void *db, backup_hook *hook) { (void)db, (void)hook; return 0; }

@top@

int main(int argc, char **argv) {
    if (argc != 4)
        return 99;
    const char *data_dir = argv[1], *root = argv[2], *target = argv[3];
    backup_options *options = backup_options_new();
    backup_coordinator *coordinator = NULL;
    backup_job *job = NULL;
    backup_error *error = NULL;
    void *db = NULL;
    (void)target, (void)db;
    backup_options_set_root(options, root, NULL);
    backup_options_set_freeze_hook(options, freeze, thaw, NULL, NULL, NULL);
    backup_code code = backup_coordinator_open(data_dir, options, &coordinator, &error);
    if (code == BACKUP_OK)
        code = backup_run(coordinator, &job, &error);
    backup_free(job);
    job = NULL;
    if (code == BACKUP_OK)
        code = backup_start(coordinator, &job, &error);
    if (code == BACKUP_OK) {
@body@
    }
    if (code != BACKUP_OK)
        fprintf(stderr, "%s: %s\n", backup_code_name(code), backup_error_message(error));
    backup_error_free(error);
    backup_wait(job, -1, NULL);
    backup_free(job);
    backup_coordinator_close(coordinator);
    backup_options_free(options);
    return code;
}
