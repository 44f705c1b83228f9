/* What sqlite.c does with SQLite that has nothing to do with backups: it writes, in this process
 * and in another one, reads, runs checkpoints, and compares. */
#ifndef SQLITE_DB_H
#define SQLITE_DB_H

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "host.h"

/* Opens a database; a connection waits up to 30 s for a lock, and looks often. NULL: it printed
 * why. `uri` may be a path or file:...?immutable=1. */
sqlite3 *db_open(const char *uri);
void db_close(sqlite3 *db);

int db_exec(sqlite3 *db, const char *sql);    /* 0; or -1: sqlite3_errmsg says why */
int db_seq(sqlite3 *db, uint64_t *seq);       /* the last commit that the connection sees */
int db_check(sqlite3 *db, const char *pragma, char *why, size_t size); /* integrity_check ... */

/* Makes a database in that journal mode. -1: it printed why. */
int db_create(const char *path, const char *journal_mode);

/* The next commit, whichever that is; a writer may call this as often as it likes. `seconds` gets
 * what it took once it had the writer's lock, and may be NULL. */
int db_commit(sqlite3 *db, double *seconds);

/* Whether the database holds exactly the commits 1..seq. -1: it printed what is wrong. */
int db_compare(sqlite3 *db, host_model *m, uint64_t seq);

/* Those who never rest: a thread and another process that write, and a thread that reads and, in
 * WAL mode, runs checkpoints of all kinds. */
typedef struct db_users {
    char path[EXAMPLE_PATH];
    int wal;
    pthread_t writer, restless;
    pid_t process;
    int process_stdin; /* closing it ends the process */
    atomic_int stop;
    atomic_int failed;
    host_times commits; /* the writing thread's */
} db_users;

int db_users_start(db_users *u, const char *path, int wal);
int db_users_stop(db_users *u); /* -1: one of them failed, and printed why */

/* Whether another process gets the writer's lock at once: 1, or 0: it is refused with SQLITE_BUSY.
 * -1: it printed why it cannot tell. */
int db_other_process_may_write(const char *path);

/* What those other processes do: this program, started with a word before the path. -1: it is not
 * one of them, else its exit status. */
int db_other_process(int argc, char **argv);

int db_copy_file(const char *from, const char *to); /* -1: errno */

#endif
