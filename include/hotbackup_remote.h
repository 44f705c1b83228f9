/*
 * hotbackup_remote.h - sends hotbackup's snapshots to an object store, and brings them back.
 *
 * Generated from remote/capi/src; do not edit. SPDX-License-Identifier: Apache-2.0 OR MIT
 *
 * Snapshots go to S3, GCS, Azure, what speaks as S3 does, or a directory, encrypted, compressed, each
 * piece stored once. What lies there is a repository of restic's format, version 2: restic and rustic
 * check it and restore from it without this library. The least that sends one:
 *
 *     backup_remote_options *options = backup_remote_options_new();
 *     backup_remote *remote = NULL;
 *     backup_job *job = NULL;
 *     backup_error *error = NULL;
 *     if (backup_remote_options_set(options, "password_file", "/etc/db/password", &error) == BACKUP_OK
 *         && backup_remote_open("s3://bucket/db", options, &remote, &error) == BACKUP_OK
 *         && backup_remote_push_start(remote, "/backup/ts-1", NULL, &job, &error) == BACKUP_OK
 *         && backup_wait(job, -1, &error) == BACKUP_OK)
 *         printf("sent %s\n", backup_location(job));
 *     else
 *         fprintf(stderr, "%s\n", backup_error_message(error));
 *     backup_error_free(error);
 *     backup_free(job);
 *     backup_remote_close(remote);
 *     backup_remote_options_free(options);
 *
 * Jobs, options of jobs and errors are libhotbackup's, and so is all that hotbackup.h says of them: one
 * waits for a job, watches and cancels it by that header's functions. A job goes with its last handle.
 * The conventions of hotbackup.h are true here too. What waits for the store says so; it returns within
 * the store's timeouts and its budget of retries.
 *
 * A program links with both libraries: -lhotbackup_remote -lhotbackup.
 */
#ifndef HOTBACKUP_REMOTE_H
#define HOTBACKUP_REMOTE_H

#include <hotbackup.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Types ------------------------------------------------------------------------------- */

/// A repository in an object store. Any thread may use a handle at any time, until it is closed.
typedef struct backup_remote backup_remote;

/// The snapshots that a repository had at one instant. Nothing ever changes in it; any thread may
/// look until it is freed.
typedef struct backup_remote_list backup_remote_list;

/// How a repository is reached. One thread at a time.
typedef struct backup_remote_options backup_remote_options;

/// A snapshot in a repository: borrowed from its list, so never freed itself.
typedef struct backup_remote_snapshot backup_remote_snapshot;

/// What a password function is given for the time of its call, to give the password by. On the
/// function's own thread alone, and not after it has returned.
typedef struct backup_secret backup_secret;

/// Gives a repository's password, by backup_secret_set. 0: done. Anything else: there is none, and
/// what was asked for fails with BACKUP_HOOK_FAILED. It must not unwind.
typedef int32_t (*backup_secret_fn)(void *user_data, backup_secret *secret);

/// What a remote has asked of its store so far, of all its jobs. Read no field beyond size: the
/// library that wrote it may be older than this header. New fields come at the end.
typedef struct {
    /// How many bytes of this struct the library filled.
    uint64_t size;
    /// Objects sent.
    uint64_t puts;
    /// Objects or parts of them fetched, and their heads.
    uint64_t gets;
    /// Pages of listings.
    uint64_t lists;
    /// Objects deleted.
    uint64_t deletes;
    /// Bytes of bodies sent.
    uint64_t bytes_up;
    /// Bytes of bodies fetched.
    uint64_t bytes_down;
    /// Requests that were made again; they count above, too.
    uint64_t retries;
} backup_remote_requests;

/* ---- Options ----------------------------------------------------------------------------- */

/// What backup_remote_options_new calls, with backup_extension_table(): so all jobs and errors are
/// those of the libhotbackup which the caller uses. The caller frees it. NULL for NULL. (since 0.1)
backup_remote_options *backup_remote_options_new_for(const backup_extension *table);

/// Sets one of the choices, which docs/remote.md lists: endpoint, region, path_style, access_key,
/// secret_key, session_token, profile, credentials_file, ca_file, proxy, connect_timeout,
/// idle_timeout, retries, retry_budget, connections, rate_limit_up, rate_limit_down, host, prefix,
/// compression, password_file, piece, index_memory, lock_wait, accept, read_back. Times have a unit
/// or are seconds ("500ms", "15m"), sizes and rates have one or are bytes ("64KiB", "16M"). An
/// unknown key or a value that is none is BACKUP_INVALID_ARGUMENT, and changes nothing. What is
/// secret is in no error. (since 0.1)
backup_code backup_remote_options_set(backup_remote_options *options,
                                      const char *key,
                                      const char *value,
                                      backup_error **error);

/// Sets what gives the repository's password each time it is opened, in place of password_file and
/// of RESTIC_PASSWORD and RESTIC_PASSWORD_FILE in the environment. It is called on a thread of its
/// own, which shares the descriptors of the thread that calls this; never twice at once. destroy is
/// called there with user_data exactly once: when this fails, or once the options, all remotes that
/// were opened with them, and their jobs are gone.
/// (since 0.1)
backup_code backup_remote_options_set_password_hook(backup_remote_options *options,
                                                    backup_secret_fn hook,
                                                    void *user_data,
                                                    backup_destroy_fn destroy,
                                                    backup_error **error);

/// Frees options. NULL is fine. (since 0.1)
void backup_remote_options_free(backup_remote_options *options);

/// Options of a remote: the defaults. The caller frees it; NULL: out of memory. (since 0.1)
static inline backup_remote_options *backup_remote_options_new(void) {
    return backup_remote_options_new_for(backup_extension_table());
}

/* ---- In a password function ---------------------------------------------------------------- */

/// Gives the password: length bytes of UTF-8, copied. A second call replaces the first. (since 0.1)
backup_code backup_secret_set(backup_secret *secret,
                              const char *text,
                              size_t length,
                              backup_error **error);

/// Says why there is no password: it counts once the function returns non-zero. message: UTF-8,
/// copied, one line. (since 0.1)
void backup_secret_set_error(backup_secret *secret, const char *message);

/* ---- Repositories ------------------------------------------------------------------------- */

/// Opens a repository by its URL: s3://bucket/prefix, gs://bucket/prefix,
/// az://account/container/prefix or file:///path. Nothing is asked of the store yet. The options,
/// which are needed, are copied. The caller closes *out. (since 0.1)
backup_code backup_remote_open(const char *url,
                               const backup_remote_options *options,
                               backup_remote **out,
                               backup_error **error);

/// Closes a remote and frees it. Its jobs are cancelled, and it does not wait for them: their
/// handles stay good, and say when they have ended. NULL is fine. (since 0.1)
void backup_remote_close(backup_remote *remote);

/// Its URL, without credentials. Valid until it is closed; NULL for NULL. (since 0.1)
const char *backup_remote_url(const backup_remote *remote);

/// Makes the repository, and waits for it. BACKUP_CONFLICT: there is one. (since 0.1)
backup_code backup_remote_init(const backup_remote *remote, backup_error **error);

/// The id of the repository, 64 hexadecimal digits, asked of the store: one that was made anew at
/// the same place has another, and then this is BACKUP_CONFLICT. Valid until the remote is closed.
/// (since 0.1)
backup_code backup_remote_repository_id(const backup_remote *remote,
                                        const char **out,
                                        backup_error **error);

/// Starts to send a finished snapshot, by its directory, and returns at once; it cannot be deleted
/// or pruned meanwhile. One that is there already is not sent again, but for packs that the
/// store has lost since, of which a warning tells. Of what an earlier push of this host has sent,
/// only what may have changed is read, and only what did is sent. The job
/// completes once the repository lists the snapshot; killed before that, the next push goes on with
/// what was sent. A checkpoint, by its job's location, arrives as a snapshot too, and is removed
/// once it has; a push that fails leaves it. As the job's result BACKUP_CORRUPT: the snapshot is
/// not what its manifest says, or a live file of the checkpoint was changed, or that is a copy;
/// BACKUP_CONFLICT: another program held the repository alone for longer than lock_wait, or it is
/// another repository than that which earlier snapshots of the same root went to, and the option
/// accept is not "any". Options (copied; NULL: defaults): threads, rate limit (of what is read, and
/// of what is sent) and the progress hook; the rest is ignored. The caller frees *out. (since 0.1)
backup_code backup_remote_push_start(const backup_remote *remote,
                                     const char *snapshot,
                                     const backup_options *options,
                                     backup_job **out,
                                     backup_error **error);

/// Starts to bring a snapshot as a directory target, which must not exist, and returns at once. id:
/// its id, the beginning of its object's name, or "latest". It goes on with what an earlier fetch
/// of it to the same place has left. Options (copied; NULL: defaults): threads, rate limit, min
/// free and the progress hook; the rest is ignored. The caller frees *out. (since 0.1)
backup_code backup_remote_fetch_start(const backup_remote *remote,
                                      const char *id,
                                      const char *target,
                                      const backup_options *options,
                                      backup_job **out,
                                      backup_error **error);

/// Starts a restore of a snapshot to target, as backup_restore_start does: the target is as it was
/// until all has come and was compared with the manifest's checksums. id: as for
/// backup_remote_fetch_start. Options (copied; NULL: defaults): those of backup_restore_start. The
/// caller frees *out. (since 0.1)
backup_code backup_remote_restore_start(const backup_remote *remote,
                                        const char *id,
                                        const char *target,
                                        const backup_options *options,
                                        backup_job **out,
                                        backup_error **error);

/// Starts to verify a snapshot, and returns at once: that all it needs is there
/// (BACKUP_VERIFY_SIZE, or NONE), or that all of it can be read and is what its manifest says (any
/// other level, the default). If not, the job fails with BACKUP_CORRUPT, and each pack that is not
/// there or too short is one of its warnings; where all are there, each file that is bad is. id: as
/// for backup_remote_fetch_start. Options (copied; NULL: defaults): threads, rate limit, verify level
/// and the progress hook; the rest is ignored. The caller frees *out. (since 0.1)
backup_code backup_remote_verify_start(const backup_remote *remote,
                                       const char *id,
                                       const backup_options *options,
                                       backup_job **out,
                                       backup_error **error);

/// Takes a snapshot out of the list, and waits for it. What it alone needs stays until restic's
/// prune removes it. id: as for backup_remote_fetch_start. (since 0.1)
backup_code backup_remote_forget(const backup_remote *remote, const char *id, backup_error **error);

/* ---- Snapshots in a repository ------------------------------------------------------------ */

/// Lists the snapshots of a repository, the oldest first, and waits for it; of those that are of
/// one local snapshot the oldest alone. host: those of that host; NULL: of all. The caller frees
/// *out. (since 0.1)
backup_code backup_remote_list_open(const backup_remote *remote,
                                    const char *host,
                                    backup_remote_list **out,
                                    backup_error **error);

/// How many snapshots a list has; 0 for NULL. (since 0.1)
size_t backup_remote_list_count(const backup_remote_list *list);

/// One snapshot of a list, counted from 0, the oldest: borrowed until the list is freed, so never
/// freed itself. NULL when out of range. (since 0.1)
const backup_remote_snapshot *backup_remote_list_get(const backup_remote_list *list, size_t index);

/// Why a snapshot's record cannot be read, counted from 0; NULL when out of range. Its host is not
/// known, so it is in every list. Borrowed until the list is freed, so never freed itself. (since
/// 0.1)
const backup_error *backup_remote_list_error(const backup_remote_list *list, size_t index);

/// Frees a list and all that was borrowed from it. NULL is fine. (since 0.1)
void backup_remote_list_free(backup_remote_list *list);

/// The id of the local snapshot that it is of; of one that restic made the name of its object.
/// Valid until the list is freed; NULL for NULL. (since 0.1)
const char *backup_remote_snapshot_id(const backup_remote_snapshot *snapshot);

/// The name of its object, by which restic knows it: 64 hexadecimal digits, of which the first
/// eight are enough. Valid until the list is freed; NULL for NULL. (since 0.1)
const char *backup_remote_snapshot_object(const backup_remote_snapshot *snapshot);

/// What its host is called. Valid until the list is freed; NULL for NULL. (since 0.1)
const char *backup_remote_snapshot_host(const backup_remote_snapshot *snapshot);

/// The name of its layout; empty where that is not known. Valid until the list is freed; NULL for
/// NULL. (since 0.1)
const char *backup_remote_snapshot_layout(const backup_remote_snapshot *snapshot);

/// A tag of it, counted from 0, but for those that the push gave it; NULL when out of range, and
/// for NULL. Valid until the list is freed. (since 0.1)
const char *backup_remote_snapshot_tag(const backup_remote_snapshot *snapshot, size_t index);

/// When the local snapshot was finished, in milliseconds since 1970; 0 for NULL. (since 0.1)
uint64_t backup_remote_snapshot_time_ms(const backup_remote_snapshot *snapshot);

/// The number n in the local snapshot's name ts-<n>; UINT64_MAX: it had none, and for NULL. (since
/// 0.1)
uint64_t backup_remote_snapshot_number(const backup_remote_snapshot *snapshot);

/// Whether a push made it: 1; 0: restic did, and for NULL. (since 0.1)
int32_t backup_remote_snapshot_is_pushed(const backup_remote_snapshot *snapshot);

/* ---- Requests ----------------------------------------------------------------------------- */

/// Counts the requests of a remote, without waiting. size is sizeof *out; fields that this library
/// does not know become 0. A size below 8 is refused. (since 0.1)
backup_code backup_remote_requests_now(const backup_remote *remote,
                                       backup_remote_requests *out,
                                       size_t size,
                                       backup_error **error);

/* ---- Version ------------------------------------------------------------------------------ */

/// The version of libhotbackup_remote, such as "0.1.0". A constant string. Any thread. (since 0.1)
const char *backup_remote_version(void);

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* HOTBACKUP_REMOTE_H */
