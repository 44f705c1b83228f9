/* A host of little memory: backs up the directory that it is given, and prints by how many KiB
 * its peak has grown, or why it could not. */
#include "../c/check.h"

#include <sys/resource.h>

static long peak_kib(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

int main(int argc, char **argv) {
    check_begin(argc, argv);
    long before = peak_kib();
    backup_coordinator *coordinator = open_with(scratch, options_of_tables());
    snapshot_of(coordinator);
    backup_coordinator_close(coordinator);
    printf("%ld\n", peak_kib() - before);
    return 0;
}
