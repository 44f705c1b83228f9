#define _GNU_SOURCE
#include "shim.h"
#include "_cgo_export.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>

// The library's threads block all signals. A process that a hook starts there would inherit that, and
// not be ended by SIGTERM; so hooks run with the signal mask that all threads of Go's have. Go remembers
// the mask with which a thread first called it, so it is set before.
static sigset_t usual;

void hb_go_init(void) {
    pthread_sigmask(SIG_SETMASK, NULL, &usual);
}

// How many calls of Run are under way on this thread: it is Go's then, and keeps its mask.
static __thread int runs;

static void enter(sigset_t *before) {
    pthread_sigmask(SIG_SETMASK, runs ? NULL : &usual, before);
}

static int32_t leave(const sigset_t *before, int32_t outcome) {
    pthread_sigmask(SIG_SETMASK, before, NULL);
    return outcome;
}

static int32_t call(void *handle, int which, backup_hook *hook) {
    sigset_t before;
    enter(&before);
    return leave(&before, hotbackupGoHook((uintptr_t)handle, which, hook));
}

static int32_t checkpoint(void *handle, backup_hook *hook) {
    return call(handle, HB_GO_CHECKPOINT, hook);
}

static int32_t freeze(void *handle, backup_hook *hook) {
    return call(handle, HB_GO_FREEZE, hook);
}

static int32_t thaw(void *handle, backup_hook *hook) {
    return call(handle, HB_GO_THAW, hook);
}

static int32_t release(void *handle, backup_hook *hook) {
    return call(handle, HB_GO_RELEASE, hook);
}

static int32_t validate(void *handle, const char *staging, backup_hook *hook) {
    sigset_t before;
    enter(&before);
    return leave(&before, hotbackupGoValidate((uintptr_t)handle, (char *)staging, hook));
}

static int32_t progress(void *handle, const backup_progress *now, backup_hook *hook) {
    sigset_t before;
    enter(&before);
    return leave(&before, hotbackupGoProgress((uintptr_t)handle, (backup_progress *)now, hook));
}

backup_code hb_go_run(backup_coordinator *coordinator, int32_t flags, backup_job **out, backup_error **error) {
    runs++;
    backup_code code = flags < 0 ? backup_run(coordinator, out, error)
                                 : backup_checkpoint_run(coordinator, flags, out, error);
    runs--;
    return code;
}

static void let_go(void *handle) {
    hotbackupGoLetGo((uintptr_t)handle);
}

backup_code hb_go_set_checkpoint(backup_options *options, uintptr_t handle, backup_error **error) {
    return backup_options_set_checkpoint_hook(options, checkpoint, (void *)handle, let_go, error);
}

backup_code hb_go_set_freeze(backup_options *options, uintptr_t handle, backup_error **error) {
    return backup_options_set_freeze_hook(options, freeze, thaw, (void *)handle, let_go, error);
}

backup_code hb_go_set_release(backup_options *options, uintptr_t handle, backup_error **error) {
    return backup_options_set_release_hook(options, release, (void *)handle, let_go, error);
}

backup_code hb_go_set_validate(backup_options *options, uintptr_t handle, backup_error **error) {
    return backup_options_set_validate_hook(options, validate, (void *)handle, let_go, error);
}

backup_code hb_go_set_progress(backup_options *options, uintptr_t handle, backup_error **error) {
    return backup_options_set_progress_hook(options, progress, (void *)handle, let_go, error);
}

void hb_go_hook_set_error(backup_hook *hook, const char *message, uintptr_t cause) {
    backup_hook_set_error(hook, message, (void *)cause, let_go);
}

uintptr_t hb_go_error_cause(const backup_error *error) {
    return (uintptr_t)backup_error_cause(error);
}

uintptr_t hb_go_thread(void) {
    return (uintptr_t)pthread_self();
}

int hb_go_event(const backup_job *job) {
    int descriptor = backup_eventfd(job);
    // Above those of the standard streams, also where a daemon has closed them: what is printed there
    // would make it readable.
    return descriptor < 0 ? -1 : fcntl(descriptor, F_DUPFD_CLOEXEC, 3);
}

int hb_go_is_readable(int descriptor) {
    struct pollfd polled = {descriptor, POLLIN, 0};
    return poll(&polled, 1, 0) > 0;
}
