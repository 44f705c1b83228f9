/* What a case has: a fresh data directory, options with hooks that write down their names, and a
 * coordinator. A case returns the code that it ended with. */
#ifndef SCENE_H
#define SCENE_H

#include "../../c/check.h"

#include <dirent.h>

struct scene {
    struct path directory; /* the case's own */
    struct path data;      /* the data directory */
    struct path root;      /* its backups */
    backup_options *options;
    backup_coordinator *coordinator;

    const char *fails;  /* the hook that says no */
    int its_exception;  /* whose address is the cause that it gives along */
    bool progress_says_stop;
    /* What a case does in a hook, besides. */
    void (*during)(struct scene *, const char *hook, backup_hook *);
    struct gate gate;   /* for a hook to wait at */
    backup_code in_hook; /* what the hook found */

    char calls[128];    /* the names of the hooks called, but progress */
    bool forgets;       /* no more of them are written down */
    unsigned progress_calls;
    uint32_t percent;
    pthread_t caller;   /* whose thread the hooks run on, if not the library's */
    bool on_caller;
};

struct scenario {
    const char *name;
    backup_code (*ends_with)(struct scene *);
};

/* Each ends with one that has no name. */
extern const struct scenario backups[], checkpoints[], failures[], interruptions[], looks[], restores[],
    sharing[], snapshots[];

void scene_set(struct scene *, struct path directory, const char *data_name);
void scene_strike(struct scene *);

/* Opens the coordinator of the scene. */
void scene_open(struct scene *);

/* A job of it, not waited for. */
backup_job *scene_start(struct scene *);

/* Waits for a job and frees it; a failure has a proper error, which is looked at and freed. */
backup_code ends(backup_job *);

/* Makes a backup and returns where it is. The hook calls from here on are forgotten. */
struct path scene_snapshot(struct scene *);

/* Opens its coordinator anew, with the options as they are now. */
void scene_reopen(struct scene *);

/* Changes `log`, and not its length. */
void scene_change(struct scene *);

/* Counts what is listed in the root. */
size_t scene_listed(struct scene *);

/* Whether two trees have the same names and bytes, but for .lifecycle at their top. */
bool same_trees(struct path, struct path);

/* Whether a directory holds exactly these names, in order and each followed by a space. */
bool holds_names(struct path, const char *names);

#endif
