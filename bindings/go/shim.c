#define _GNU_SOURCE
#include "shim.h"
#include "_cgo_export.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>

static int32_t checkpoint(void *handle, backup_hook *hook) {
    return hotbackupGoHook((uintptr_t)handle, HB_GO_CHECKPOINT, hook);
}

static int32_t freeze(void *handle, backup_hook *hook) {
    return hotbackupGoHook((uintptr_t)handle, HB_GO_FREEZE, hook);
}

static int32_t thaw(void *handle, backup_hook *hook) {
    return hotbackupGoHook((uintptr_t)handle, HB_GO_THAW, hook);
}

static int32_t release(void *handle, backup_hook *hook) {
    return hotbackupGoHook((uintptr_t)handle, HB_GO_RELEASE, hook);
}

static int32_t validate(void *handle, const char *staging, backup_hook *hook) {
    return hotbackupGoValidate((uintptr_t)handle, (char *)staging, hook);
}

static int32_t progress(void *handle, const backup_progress *now, backup_hook *hook) {
    return hotbackupGoProgress((uintptr_t)handle, (backup_progress *)now, hook);
}

static void let_go(void *handle) {
    hotbackupGoLetGo((uintptr_t)handle);
}

backup_code hb_go_set_checkpoint(backup_options *options, uintptr_t handle, backup_error **error) {
    return backup_options_set_checkpoint_hook(options, checkpoint, (void *)handle, let_go, error);
}

backup_code hb_go_set_freeze(backup_options *options, int with_freeze, int with_thaw, uintptr_t handle,
                             backup_error **error) {
    return backup_options_set_freeze_hook(options, with_freeze ? freeze : NULL, with_thaw ? thaw : NULL,
                                          (void *)handle, let_go, error);
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
    return descriptor < 0 ? -1 : fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
}

int hb_go_is_readable(int descriptor) {
    struct pollfd polled = {descriptor, POLLIN, 0};
    return poll(&polled, 1, 0) > 0;
}
