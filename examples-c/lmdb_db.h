/* What lmdb.c does with LMDB that has nothing to do with backups: it writes and compares. */
#ifndef LMDB_DB_H
#define LMDB_DB_H

#include <lmdb.h>
#include <pthread.h>
#include <stdatomic.h>

#include "host.h"

/* The databases of an environment: rows in two of them, by whether their key is even; which rows
 * have a value of some length; and the last commit's number. */
typedef struct db {
    MDB_env *env;
    MDB_dbi rows[2], by_length, last;
} db;

int db_open(db *d, const char *dir, unsigned flags); /* makes it if need be; -1: it printed why */
void db_close(db *d);

int db_seq(const db *d, MDB_txn *txn, uint64_t *seq); /* an LMDB code */
/* The next commit, whichever that is. `seconds` gets what it took once it had the writer's lock,
 * and may be NULL. -1: it printed why it failed. */
int db_commit(const db *d, double *seconds);

/* Whether the environment holds exactly the commits 1..seq, the last one being LMDB's transaction
 * `txnid`; walks all of its databases. -1: it printed what is wrong. */
int db_compare(const db *d, host_model *m, uint64_t seq, size_t txnid);
int db_remove_a_row(const db *d);

/* Threads that never stop writing. */
#define DB_WRITERS 2
typedef struct db_writers {
    const db *db;
    pthread_t threads[DB_WRITERS];
    atomic_int stop, failed, started;
    host_times commits[DB_WRITERS];
} db_writers;

int db_writers_start(db_writers *w, const db *d);
int db_writers_stop(db_writers *w); /* -1: one of them failed, and printed why */

int db_failed(const char *what, int code); /* prints it; -1 */

#endif
