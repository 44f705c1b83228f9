package hotbackup

// The files c_*.go hold all that calls C or is called by it; the others are plain Go.

// #cgo !hotbackup_pkgconfig CFLAGS: -I${SRCDIR}/../../include
// #cgo !hotbackup_pkgconfig LDFLAGS: -L${SRCDIR}/../../target/release -l:libhotbackup.a -lpthread -lm -ldl
// #cgo hotbackup_pkgconfig pkg-config: hotbackup
// #include <stdlib.h>
// #include "shim.h"
import "C"

import (
	"runtime/cgo"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

func init() { C.hb_go_init() }

type (
	coordinatorPtr = *C.backup_coordinator
	jobPtr         = *C.backup_job
	optionsPtr     = *C.backup_options
	hookPtr        = *C.backup_hook
)

// Version is the library's, such as "0.1.0".
func Version() string {
	return C.GoString(C.backup_version())
}

// strings for the time of one C call. A NUL would silently end a string for C.
type cStrings []*C.char

func (all *cStrings) add(name, value string) (*C.char, error) {
	if strings.IndexByte(value, 0) >= 0 {
		return nil, invalid("%s holds a NUL byte: %q", name, value)
	}
	text := C.CString(value)
	*all = append(*all, text)
	return text, nil
}

func (all cStrings) free() {
	for _, text := range all {
		C.free(unsafe.Pointer(text))
	}
}

// result makes a Go error of what a call returned and gave, and frees that.
func result(code C.backup_code, given *C.backup_error) error {
	gcPoint()
	defer C.backup_error_free(given)
	if code == C.BACKUP_OK {
		return nil
	}
	return toError(Code(code), given)
}

// toError copies an error, which may be NULL, and leaves it to its owner.
func toError(code Code, given *C.backup_error) *Error {
	if given == nil {
		return &Error{Code: code, Message: strings.TrimPrefix(code.Error(), "hotbackup: ")}
	}
	made := &Error{
		Code:    code,
		Message: C.GoString(C.backup_error_message(given)),
		Errno:   syscall.Errno(C.backup_error_os_error(given)),
		Path:    C.GoString(C.backup_error_path(given)),
	}
	if cause := C.hb_go_error_cause(given); cause != 0 {
		made.Err, _ = cgo.Handle(cause).Value().(error)
	}
	return made
}

// ---- Coordinators

func openCoordinator(dir string, options *C.backup_options) (coordinatorPtr, string, error) {
	gcPoint()
	var given cStrings
	defer given.free()
	path, err := given.add("the data directory", dir)
	if err != nil {
		return nil, "", err
	}
	var out coordinatorPtr
	var failure *C.backup_error
	code := C.backup_coordinator_open(path, options, &out, &failure)
	if err := result(code, failure); err != nil {
		return nil, "", err
	}
	return out, C.GoString(C.backup_coordinator_root(out)), nil
}

func closeCoordinator(coordinator coordinatorPtr) {
	gcPoint()
	C.backup_coordinator_close(coordinator)
}

// noCheckpoint stands for a backup where flags of a checkpoint are asked for.
const noCheckpoint CheckpointFlags = -1

func startBackup(coordinator coordinatorPtr, flags CheckpointFlags) (jobPtr, error) {
	gcPoint()
	var out jobPtr
	var failure *C.backup_error
	var code C.backup_code
	if flags == noCheckpoint {
		code = C.backup_start(coordinator, &out, &failure)
	} else {
		code = C.backup_checkpoint_start(coordinator, C.int32_t(flags), &out, &failure)
	}
	return out, result(code, failure)
}

// runBackup writes *out before it calls the first hook.
func runBackup(coordinator coordinatorPtr, flags CheckpointFlags, out *jobPtr) error {
	gcPoint()
	var failure *C.backup_error
	code := C.hb_go_run(coordinator, C.int32_t(flags), out, &failure)
	return result(code, failure)
}

func findBackup(coordinator coordinatorPtr, id string) (jobPtr, error) {
	gcPoint()
	var given cStrings
	defer given.free()
	var text *C.char
	if id != "" {
		var err error
		if text, err = given.add("the id", id); err != nil {
			return nil, err
		}
	}
	var out jobPtr
	var failure *C.backup_error
	code := C.backup_find(coordinator, text, &out, &failure)
	return out, result(code, failure)
}

// thread is a number for the calling thread.
func thread() uintptr {
	return uintptr(C.hb_go_thread())
}

// ---- Jobs

func jobID(job jobPtr) string       { return C.GoString(C.backup_id(job)) }
func jobLocation(job jobPtr) string { return C.GoString(C.backup_location(job)) }

// inHook says whether the calling thread is in a hook of the job. A goroutine that is in one is locked to
// its thread, as all that C calls are.
func inHook(job jobPtr) bool {
	gcPoint()
	return C.backup_in_hook(job) != 0
}

// jobWait waits without end if forever, else not at all: then ErrTimeout says that it runs.
func jobWait(job jobPtr, forever bool) error {
	gcPoint()
	timeout := C.int64_t(0)
	if forever {
		timeout = -1
	}
	var failure *C.backup_error
	code := C.backup_wait(job, timeout, &failure)
	return result(code, failure)
}

func jobStatus(job jobPtr) (Progress, error) {
	gcPoint()
	var status C.backup_progress
	var failure *C.backup_error
	code := C.backup_status(job, &status, C.sizeof_backup_progress, &failure)
	return toProgress(&status), result(code, failure)
}

// jobWarnings are those that there are by now.
func jobWarnings(job jobPtr) ([]error, error) {
	gcPoint()
	var all []error
	for {
		var out, failure *C.backup_error
		code := C.backup_warning(job, C.size_t(len(all)), &out, &failure)
		if err := result(code, failure); err != nil {
			if code == C.BACKUP_NOT_FOUND {
				err = nil
			}
			return all, err
		}
		all = append(all, result(C.backup_error_code(out), out))
	}
}

func jobCancel(job jobPtr) error {
	gcPoint()
	var failure *C.backup_error
	code := C.backup_cancel(job, &failure)
	return result(code, failure)
}

func jobSetRateLimit(job jobPtr, bytesPerSecond uint64) error {
	gcPoint()
	var failure *C.backup_error
	code := C.backup_set_rate_limit(job, C.uint64_t(bytesPerSecond), &failure)
	return result(code, failure)
}

// jobEvent is a descriptor that becomes readable when the job has ended, for the caller to close;
// -1: there is none to give.
func jobEvent(job jobPtr) int { return int(C.hb_go_event(job)) }

func isReadable(descriptor uintptr) bool { return C.hb_go_is_readable(C.int(descriptor)) != 0 }

func jobFree(job jobPtr) {
	gcPoint()
	C.backup_free(job)
}

// toProgress reads the fields that the library filled; backup_status has zeroed the others.
func toProgress(from *C.backup_progress) Progress {
	return Progress{
		Kind:         Kind(from.kind),
		State:        State(from.state),
		Phase:        Phase(from.phase),
		Percent:      int(from.percent),
		BytesTotal:   uint64(from.bytes_total),
		BytesDone:    uint64(from.bytes_done),
		FilesTotal:   uint64(from.files_total),
		FilesDone:    uint64(from.files_done),
		BytesCopied:  uint64(from.bytes_copied),
		BytesCloned:  uint64(from.bytes_cloned),
		BytesLinked:  uint64(from.bytes_linked),
		BytesHoles:   uint64(from.bytes_holes),
		FilesSkipped: uint64(from.files_skipped),
		FilesLeftOut: uint64(from.files_left_out),
		Freeze:       time.Duration(from.freeze_ns),
		StartedAt:    toTime(from.started_at_ms),
		FinishedAt:   toTime(from.finished_at_ms),
	}
}

func toTime(ms C.uint64_t) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(ms))
}

// ---- Restores and verifications

func startRestore(snapshot, target string, options *C.backup_options) (jobPtr, error) {
	gcPoint()
	var given cStrings
	defer given.free()
	from, err := given.add("the snapshot", snapshot)
	if err != nil {
		return nil, err
	}
	to, err := given.add("the target", target)
	if err != nil {
		return nil, err
	}
	var out jobPtr
	var failure *C.backup_error
	code := C.backup_restore_start(from, to, options, &out, &failure)
	return out, result(code, failure)
}

func startVerify(snapshot string, options *C.backup_options) (jobPtr, error) {
	gcPoint()
	var given cStrings
	defer given.free()
	from, err := given.add("the snapshot", snapshot)
	if err != nil {
		return nil, err
	}
	var out jobPtr
	var failure *C.backup_error
	code := C.backup_verify_start(from, options, &out, &failure)
	return out, result(code, failure)
}

func startScrub(root string, maxBytes, maxMs uint64, options *C.backup_options) (jobPtr, error) {
	gcPoint()
	var given cStrings
	defer given.free()
	path, err := given.add("the root", root)
	if err != nil {
		return nil, err
	}
	var out jobPtr
	var failure *C.backup_error
	code := C.backup_scrub_start(path, C.uint64_t(maxBytes), C.uint64_t(maxMs), options, &out, &failure)
	return out, result(code, failure)
}

func recoverTarget(target string) (Recovered, error) {
	gcPoint()
	var given cStrings
	defer given.free()
	path, err := given.add("the target", target)
	if err != nil {
		return 0, err
	}
	var outcome C.int32_t
	var failure *C.backup_error
	code := C.backup_recover(path, &outcome, &failure)
	return Recovered(outcome), result(code, failure)
}

func undoRestore(target string) error {
	gcPoint()
	var given cStrings
	defer given.free()
	path, err := given.add("the target", target)
	if err != nil {
		return err
	}
	var failure *C.backup_error
	code := C.backup_restore_undo(path, &failure)
	return result(code, failure)
}
