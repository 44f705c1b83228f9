// Package lent is what package hotbackup lends to package remote, and to nobody else: how errors and jobs of
// C's become Go's. Pointers of C's pass as unsafe.Pointer, as each package has C types of its own.
package lent

import "unsafe"

// Package hotbackup sets these when it is initialised, which is before package remote is.
var (
	// Result makes a Go error of what a call returned and gave, and frees that.
	Result func(code int32, failure unsafe.Pointer) error
	// Borrowed makes one of an error that stays its owner's.
	Borrowed func(failure unsafe.Pointer) error
	// Text is a string for C, which the caller frees; one with a NUL byte is refused by its name.
	Text func(name, value string) (unsafe.Pointer, error)
	// Invalid is the error of a wrong argument, Closed that of the use of what is closed.
	Invalid func(format string, arguments ...any) error
	Closed  func(what string) error
	// GCPoint stands at each call of the library.
	GCPoint func()
	// Start gives the C options that opts choose to start, and makes a Go job of the job that it has started:
	//
	//	func(ctx context.Context, owner any, opts []hotbackup.Option, start Starter) (*hotbackup.Job, error)
	//
	// The owner is not forgotten before the job has ended.
	Start any
)

// Starter starts a job by options that are there until it returns.
type Starter = func(options unsafe.Pointer) (job unsafe.Pointer, err error)
