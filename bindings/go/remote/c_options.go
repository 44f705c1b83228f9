package remote

// #include <stdlib.h>
// #include "shim.h"
import "C"

import (
	"maps"
	"runtime"
	"runtime/cgo"
	"slices"
	"strings"
	"sync/atomic"
	"unsafe"

	"hotbackup/internal/lent"
)

// handles counts the cgo.Handles that C holds, for the tests.
var handles atomic.Int64

// withOptions gives the options that are chosen to use.
func withOptions[T any](chosen Options, use func(*C.backup_remote_options) (T, error)) (T, error) {
	lent.GCPoint()
	var none T
	options := C.backup_remote_options_new()
	defer C.backup_remote_options_free(options)
	// In an order of their own, so that of several that are wrong it is always the same that is told.
	for _, key := range slices.Sorted(maps.Keys(chosen.Settings)) {
		if err := set(options, key, chosen.Settings[key]); err != nil {
			return none, err
		}
	}
	password, err := chosen.password()
	if err != nil {
		return none, err
	}
	if password != nil {
		handles.Add(1)
		handle := C.uintptr_t(cgo.NewHandle(password))
		var failure *C.backup_error
		code := C.hb_go_remote_set_password(options, handle, &failure)
		if err := result(code, failure); err != nil {
			return none, err
		}
	}
	return use(options)
}

func set(options *C.backup_remote_options, key, value string) error {
	// Their text, which may be secret, is in no error.
	if strings.IndexByte(value, 0) >= 0 {
		return lent.Invalid("the value of %q holds a NUL byte", key)
	}
	var given cStrings
	defer func() { given.free() }()
	name, err := given.add("the key", key)
	if err != nil {
		return err
	}
	text, err := given.add("the value", value)
	if err != nil {
		return err
	}
	var failure *C.backup_error
	code := C.backup_remote_options_set(options, name, text, &failure)
	return result(code, failure)
}

//export hotbackupRemoteGoLetGo
func hotbackupRemoteGoLetGo(handle C.uintptr_t) {
	lent.GCPoint()
	cgo.Handle(handle).Delete()
	handles.Add(-1)
}

//export hotbackupRemoteGoPassword
func hotbackupRemoteGoPassword(handle C.uintptr_t, secret *C.backup_secret) C.int32_t {
	lent.GCPoint()
	defer lent.GCPoint()
	text, failed := ask(cgo.Handle(handle).Value().(passwordFunc))
	if failed == nil {
		defer runtime.KeepAlive(text)
		var failure *C.backup_error
		bytes := (*C.char)(unsafe.Pointer(unsafe.StringData(text)))
		failed = result(C.backup_secret_set(secret, bytes, C.size_t(len(text)), &failure), failure)
	}
	if failed == nil {
		return 0
	}
	message := C.CString(strings.ReplaceAll(failed.Error(), "\x00", `\0`))
	defer C.free(unsafe.Pointer(message))
	C.backup_secret_set_error(secret, message)
	return 1
}
