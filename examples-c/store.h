/*
 * A small log-structured key-value store, so that the examples have a live database to back up.
 * It is not part of hotbackup and knows nothing about it.
 *
 * Its directory:
 *
 *   00000007.log   commits are appended to it, one checksummed record each. Full logs stay closed
 *                  until their records are in a segment; then they are deleted.
 *   00000003.seg   a sealed segment. A background thread writes it under a .tmp name and renames
 *                  it when it is complete, so under this name it never changes. Compaction merges
 *                  small segments into a larger one and deletes them.
 *   INDEX          the truth about all of these: which segments count, and from which log on.
 *                  It is rewritten in place, in two slots by turns.
 *   *.tmp, LOCK    a segment being built; the lock of the process that has the store open.
 *
 * Two promises hold at every instant, and make both crash recovery and a backup well defined:
 *
 *   - INDEX changes only under the commit lock, and after the new segment it names is complete.
 *     The files it stopped naming are deleted only after that edit is on the disk. So whoever
 *     holds the commit lock sees an INDEX all of whose files exist and stay.
 *   - Every commit has the next sequence number. Recovery reads the segments, which must be
 *     perfect, then the logs up to the first record that is torn or out of sequence. What it finds
 *     is exactly the commits 1..n for some n: never one without those before it.
 *
 * A commit survives the death of the process at once, and a power failure once its log has been
 * sealed or the store was closed. Keys are small numbers, so that an array can be the map from
 * keys to records; there is no delete.
 */
#ifndef STORE_H
#define STORE_H

#include <stddef.h>
#include <stdint.h>

#define STORE_VALUE_MAX 4096u
#define STORE_KEY_MAX 0xFFFFFFu
#define STORE_ERROR_MAX 512

typedef struct store store;

typedef struct store_figures {
    uint64_t last_seq;   /* sequence number of the last commit */
    uint64_t segments;   /* live segments */
    uint64_t bytes;      /* in live files */
    uint64_t merges;     /* segments written since the store was opened */
    uint64_t deleted;    /* files deleted since then */
    uint64_t torn_bytes; /* what recovery cut off the end of the logs when the store was opened */
} store_figures;

/* Opens the store in the directory `dir`, which is made if need be, and recovers it. On failure
 * it returns -1, says why in `why`, and has changed nothing that recovery could still use. */
int store_open(const char *dir, store **out, char why[STORE_ERROR_MAX]);

/* Commits a value under a key. `seq`, which may be NULL, gets its sequence number.
 * 1: the key or the value is too large; -1: the store has failed for good, see store_error.
 * Any thread. */
int store_put(store *s, uint32_t key, const void *value, size_t length, uint64_t *seq);

/* Gets a key's value (up to STORE_VALUE_MAX bytes) and its sequence number.
 * 0: found; 1: not there; -1: it cannot be read, and `why` says why. Any thread. */
int store_get(store *s, uint32_t key, void *value, size_t *length, uint64_t *seq,
              char why[STORE_ERROR_MAX]);

/* Takes the commit lock, ahead of the writers that wait for it, and keeps it until store_thaw is
 * called on the same thread. No commit and no edit of INDEX happens in between, and `last_seq` is
 * the last commit there is. The background thread goes on writing .tmp files, may rename a
 * finished one and delete files: none that INDEX names.
 * -1, and the lock is not held: the store has failed, see store_error. */
int store_freeze(store *s, uint64_t *last_seq);
void store_thaw(store *s);

void store_get_figures(store *s, store_figures *out);

/* Why the store has failed; NULL: it has not. */
const char *store_error(store *s);

/* Ends the background thread, syncs the log and frees everything. No other thread may use the
 * store any more. -1: the store had failed or the sync did. */
int store_close(store *s);

#endif
