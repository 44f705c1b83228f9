/*
 * What the examples write, in such a way that a store's whole contents follow from one number:
 * commit number `seq` always goes to the same key with the same value. So whoever knows how many
 * commits a store holds knows every record that must be in it, and no copy of it has to be kept.
 */
#ifndef WORKLOAD_H
#define WORKLOAD_H

#include <pthread.h>
#include <stdatomic.h>

#include "store.h"

#define WORKLOAD_KEYS 100000u /* the first so many commits make each key once: about 60 MB */

/* Makes commit number `seq`, which must be the store's next. 0, or -1: `why` says why not. */
int workload_commit(store *s, uint64_t seq, char why[STORE_ERROR_MAX]);

/* Checks that the store holds exactly the commits 1..last: each key has the value of its last
 * commit among them, bit for bit, and nothing is newer. `records` gets how many were compared. */
int workload_check(store *s, uint64_t last, uint64_t *records, char why[STORE_ERROR_MAX]);

/* The same of the store in a directory, which is opened as after any restart: no log of it may be
 * torn. It is closed again. */
int workload_check_directory(const char *dir, uint64_t last, uint64_t *records,
                             char why[STORE_ERROR_MAX]);

/* A thread that makes commit after commit, from `first` on, until it is told to stop; it rests for
 * so many seconds after each 64 of them, which are some 38 KB. */
typedef struct workload_writer {
    store *store;
    uint64_t first;
    double rest;
    pthread_t thread;
    atomic_int stop;
    int failed;
    char why[STORE_ERROR_MAX];
} workload_writer;

int workload_start(workload_writer *w, store *s, uint64_t first,
                   double rest); /* -1: errno says why */
int workload_stop(workload_writer *w); /* joins it; -1: it had failed, w->why says why */

#endif
