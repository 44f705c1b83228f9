package hotbackup

// #include "shim.h"
import "C"

import (
	"context"
	"unsafe"

	"hotbackup/internal/lent"
)

func init() {
	lent.Result = func(code int32, failure unsafe.Pointer) error {
		return result(C.backup_code(code), (*C.backup_error)(failure))
	}
	lent.Borrowed = func(failure unsafe.Pointer) error {
		why := (*C.backup_error)(failure)
		return toError(Code(C.backup_error_code(why)), why)
	}
	lent.Text = func(name, value string) (unsafe.Pointer, error) {
		var given cStrings
		text, err := given.add(name, value)
		return unsafe.Pointer(text), err
	}
	lent.Invalid, lent.Closed, lent.GCPoint = invalid, closed, gcPoint
	lent.Start = func(ctx context.Context, owner any, opts []Option, start lent.Starter) (*Job, error) {
		return owned(ctx, owner, opts, func(options optionsPtr) (jobPtr, error) {
			job, err := start(unsafe.Pointer(options))
			return jobPtr(job), err
		})
	}
}
