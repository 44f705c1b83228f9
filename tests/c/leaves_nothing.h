/* Doing something again and again, after which no thread and no descriptor is left of it. */
#ifndef LEAVES_NOTHING_H
#define LEAVES_NOTHING_H

#include "check.h"

#include <dirent.h>

static inline int entries(const char *directory) {
    int count = 0;
    DIR *open = opendir(directory);
    CHECK(open);
    while (readdir(open)) count++;
    closedir(open);
    return count;
}

static inline int threads(void) { return entries("/proc/self/task"); }
static inline int descriptors(void) { return entries("/proc/self/fd"); }

/* Does `what` once, so that what is made once is made, then often enough that a leak of one a time would show, and wants
 * nothing more. */
static inline void leaves_nothing(void (*what)(void), int times) {
    what();
    usleep(10 * 1000);
    int threads_before = threads(), descriptors_before = descriptors();
    for (int i = 0; i < times; i++) what();
    /* The kernel lists a thread for an instant after it could be joined, and not all are waited for. */
    for (int i = 0; i < 500 && threads() > threads_before; i++) usleep(10 * 1000);
    CHECK(threads() <= threads_before);
    CHECK(descriptors() == descriptors_before);
}

#endif
