/* The store's own structures, shared by store.c, store_open.c and store_merge.c. */
#ifndef STORE_INTERNAL_H
#define STORE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "store.h"
#include "store_files.h"

#define LOG_LIMIT (1u << 20)  /* a log that has reached this is closed */
#define CLOSED_LOGS_MAX 32u   /* commits wait while so many logs are not yet sealed */
#define SEGMENTS_MAX 8u       /* when there are so many, the smaller half is merged */

/* A live log or segment. */
typedef struct file {
    struct file *next;
    uint64_t number;
    uint64_t size;
    uint64_t last_seq; /* of a closed log */
    int is_log;
    int fd;
} file;

/* Where the newest record of a key is. */
typedef struct slot {
    uint64_t seq; /* 0: the key is not there */
    file *file;
    uint64_t offset;
} slot;

struct store {
    int dir_fd, lock_fd, index_fd;
    pthread_t thread;

    pthread_mutex_t commit_lock;
    pthread_cond_t may_commit, may_seal;
    atomic_uint urgent; /* threads that want the commit lock ahead of the writers */

    /* below: under the commit lock */
    index_state index;
    file *files; /* the live ones */
    file *log;   /* the one that commits go to */
    unsigned closed_logs;
    slot *slots;
    size_t slot_count;
    uint64_t last_seq;
    uint64_t merges, deleted, torn_bytes;
    int stopping;
    char failed[STORE_ERROR_MAX];
    unsigned char record[RECORD_MAX];
};

/* The commit lock, ahead of the writers: they give way while someone asks for it so. A plain
 * mutex would let a writer that never pauses starve a freeze. */
void store_hold(store *s);
void store_let_go(store *s);

/* Records under the lock why the store has failed for good; the first reason stays. */
void store_fail(store *s, const char *what, const char *name, const char *why);

/* The slot of a key, made if need be; NULL: no memory. Under the lock. */
slot *store_slot(store *s, uint32_t key);

int store_recover(store *s, char why[STORE_ERROR_MAX]);
file *store_add_file(store *s, uint64_t number, int is_log, int fd); /* NULL: no memory */
int store_new_log(store *s, uint64_t number);   /* -1: errno says why */
void store_close_file(file *f);
void *store_background(void *s);

void must(int pthread_result); /* such a failure is a bug of the program */

#endif
