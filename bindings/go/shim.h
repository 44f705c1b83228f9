// What cgo cannot say itself: hooks as C functions that call Go, and Go handles, which are numbers
// and not pointers, as user_data.
#ifndef HOTBACKUP_GO_SHIM_H
#define HOTBACKUP_GO_SHIM_H

#include <hotbackup.h>
#include <stdint.h>

// The hooks of one call of Open, Restore or Verify; the values are known in c_hooks.go.
enum { HB_GO_CHECKPOINT, HB_GO_FREEZE, HB_GO_THAW, HB_GO_RELEASE };

// Each takes over the Go handle, also when it fails.
backup_code hb_go_set_checkpoint(backup_options *, uintptr_t handle, backup_error **);
backup_code hb_go_set_freeze(backup_options *, int with_freeze, int with_thaw, uintptr_t handle, backup_error **);
backup_code hb_go_set_release(backup_options *, uintptr_t handle, backup_error **);
backup_code hb_go_set_validate(backup_options *, uintptr_t handle, backup_error **);
backup_code hb_go_set_progress(backup_options *, uintptr_t handle, backup_error **);

void hb_go_hook_set_error(backup_hook *, const char *message, uintptr_t cause);
uintptr_t hb_go_error_cause(const backup_error *);

// A number for the calling thread that no other living thread has.
uintptr_t hb_go_thread(void);

// A descriptor of the caller's own for the job's eventfd, close-on-exec; -1: there is none.
int hb_go_event(const backup_job *);

// Whether that descriptor is readable now.
int hb_go_is_readable(int descriptor);

#endif
