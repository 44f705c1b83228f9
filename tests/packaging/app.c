/* Backs up the directory that it is given, and prints where the snapshot is. */
#include <hotbackup.h>
#include <stdio.h>

int main(int argc, char **argv) {
    backup_coordinator *coordinator = NULL;
    backup_job *job = NULL;
    backup_error *error = NULL;
    backup_code code = backup_coordinator_open(argv[argc - 1], NULL, &coordinator, &error);
    if (code == BACKUP_OK) code = backup_run(coordinator, &job, &error);
    if (code == BACKUP_OK) printf("%s\n", backup_location(job));
    else fprintf(stderr, "%s\n", backup_error_message(error));
    backup_error_free(error);
    backup_free(job);
    backup_coordinator_close(coordinator);
    return code;
}
