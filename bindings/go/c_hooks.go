package hotbackup

// #include <stdlib.h>
// #include "shim.h"
import "C"

import (
	"context"
	"errors"
	"runtime"
	"runtime/cgo"
	"strings"
	"sync/atomic"
	"unsafe"
)

// handles counts the cgo.Handles that C holds, for the tests.
var handles atomic.Int64

func newHandle(value any) C.uintptr_t {
	handles.Add(1)
	return C.uintptr_t(cgo.NewHandle(value))
}

//export hotbackupGoLetGo
func hotbackupGoLetGo(handle C.uintptr_t) {
	gcPoint()
	cgo.Handle(handle).Delete()
	handles.Add(-1)
}

// give sets the hooks. The one for progress is always set: the first call of any hook is where a
// backup that is run, and not started, becomes known.
func (s *hooks) give(options *C.backup_options) error {
	var failure *C.backup_error
	if s.checkpoint != nil {
		if err := result(C.hb_go_set_checkpoint(options, newHandle(s), &failure), failure); err != nil {
			return err
		}
	}
	if s.freeze != nil {
		if err := result(C.hb_go_set_freeze(options, newHandle(s), &failure), failure); err != nil {
			return err
		}
	}
	if s.release != nil {
		if err := result(C.hb_go_set_release(options, newHandle(s), &failure), failure); err != nil {
			return err
		}
	}
	if s.validate != nil {
		if err := result(C.hb_go_set_validate(options, newHandle(s), &failure), failure); err != nil {
			return err
		}
	}
	return result(C.hb_go_set_progress(options, newHandle(s), &failure), failure)
}

//export hotbackupGoHook
func hotbackupGoHook(handle C.uintptr_t, which C.int, hook *C.backup_hook) C.int32_t {
	s := cgo.Handle(handle).Value().(*hooks)
	var f func(*Hook) error
	switch which {
	case C.HB_GO_CHECKPOINT:
		f = s.checkpoint
	case C.HB_GO_FREEZE:
		f = s.freeze
	case C.HB_GO_THAW:
		f = s.thaw
	case C.HB_GO_RELEASE:
		f = s.release
	}
	return outcome(hook, s.call(hook, f))
}

//export hotbackupGoValidate
func hotbackupGoValidate(handle C.uintptr_t, staging *C.char, hook *C.backup_hook) C.int32_t {
	s := cgo.Handle(handle).Value().(*hooks)
	path := C.GoString(staging)
	return outcome(hook, s.call(hook, func(h *Hook) error { return s.validate(path, h) }))
}

//export hotbackupGoProgress
func hotbackupGoProgress(handle C.uintptr_t, given *C.backup_progress, hook *C.backup_hook) C.int32_t {
	s := cgo.Handle(handle).Value().(*hooks)
	// A library older than the header fills fewer fields than this side knows.
	var known C.backup_progress
	size := min(uintptr(given.size), C.sizeof_backup_progress)
	copy(unsafe.Slice((*byte)(unsafe.Pointer(&known)), size), unsafe.Slice((*byte)(unsafe.Pointer(given)), size))
	now := toProgress(&known)
	cancels := false
	failed := s.call(hook, func(h *Hook) error {
		if s.progress == nil {
			return nil
		}
		err := s.progress(now, h)
		if err != nil && (errors.Is(err, ErrCancelled) || errors.Is(err, context.Canceled)) {
			cancels, err = true, nil
		}
		return err
	})
	if cancels {
		return 1 // without an error set it is a cancel
	}
	return outcome(hook, failed)
}

// outcome reports a hook's failure to the library, which gives the error back as the job's cause.
func outcome(hook *C.backup_hook, failed *hookFailure) C.int32_t {
	gcPoint()
	if failed == nil {
		return 0
	}
	message := C.CString(strings.ReplaceAll(failed.message, "\x00", `\0`))
	defer C.free(unsafe.Pointer(message))
	C.hb_go_hook_set_error(hook, message, newHandle(failed.err))
	return 1
}

// ---- What a Hook can do

func hookAddFile(hook hookPtr, path string, class FileClass, length uint64) error {
	gcPoint()
	var given cStrings
	defer given.free()
	name, err := given.add("the path", path)
	if err != nil {
		return err
	}
	var failure *C.backup_error
	code := C.backup_hook_add_file(hook, name, C.int32_t(class), C.uint64_t(length), &failure)
	return result(code, failure)
}

func hookAddBytes(hook hookPtr, path string, content []byte) error {
	gcPoint()
	var given cStrings
	defer given.free()
	name, err := given.add("the path", path)
	if err != nil {
		return err
	}
	defer runtime.KeepAlive(content)
	var failure *C.backup_error
	code := C.backup_hook_add_bytes(hook, name, bytesPtr(content), C.size_t(len(content)), &failure)
	return result(code, failure)
}

func hookSetMetadata(hook hookPtr, metadata []byte) error {
	gcPoint()
	defer runtime.KeepAlive(metadata)
	var failure *C.backup_error
	code := C.backup_hook_set_metadata(hook, bytesPtr(metadata), C.size_t(len(metadata)), &failure)
	return result(code, failure)
}

func hookAddTag(hook hookPtr, tag string) error {
	gcPoint()
	var given cStrings
	defer given.free()
	text, err := given.add("the tag", tag)
	if err != nil {
		return err
	}
	var failure *C.backup_error
	code := C.backup_hook_add_tag(hook, text, &failure)
	return result(code, failure)
}

// hookJob is borrowed until the hook returns.
func hookJob(hook hookPtr) jobPtr { return C.backup_hook_job(hook) }
