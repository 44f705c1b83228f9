package hotbackup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"
)

// Code says what kind of failure an [Error] is. Codes are errors themselves, to be compared with:
//
//	if errors.Is(err, hotbackup.ErrConflict) { … }
//
// Expect codes that are not listed here from a newer library.
type Code int32

// The codes, with the values of the C header.
const (
	// ErrInvalidArgument: an argument or an option is wrong, or two of them do not go together. Also
	// what is closed was used, which is [fs.ErrClosed] too.
	ErrInvalidArgument Code = 1
	// ErrNotFound: a directory, a snapshot, a job or a named file is not there. Also [fs.ErrNotExist].
	ErrNotFound Code = 2
	// ErrConflict: something else is at work here: another backup, another process, a running host. Also
	// a job that is waited for from its own hook.
	ErrConflict Code = 3
	// ErrIO: a system call failed; [Error.Errno] says how, [Error.Path] on what.
	ErrIO Code = 4
	// ErrNoSpace: a disk or a quota is full, or would be below the wanted reserve.
	ErrNoSpace Code = 5
	// ErrSourceChanged: a source file broke the promise of its class while it was read.
	ErrSourceChanged Code = 6
	// ErrCorrupt: a snapshot, a manifest or a staged copy is not what it should be.
	ErrCorrupt Code = 7
	// ErrHookFailed: a hook failed; its own error is wrapped.
	ErrHookFailed Code = 8
	// ErrFreezeTimeout: the freeze window took longer than the freeze timeout. The host was thawed.
	ErrFreezeTimeout Code = 9
	// ErrCancelled: the job was cancelled. Also [context.Canceled], and the cause of the context whose
	// end cancelled it.
	ErrCancelled Code = 10
	// ErrTimeout is of the C API and ends no job. Where Go waits, a context says for how long. Also
	// [context.DeadlineExceeded].
	ErrTimeout Code = 11
	// ErrRestoreUnfinished: an interrupted restore lies here: call [Recover] first.
	ErrRestoreUnfinished Code = 12
	// ErrUnsupported: this system, file system or build of the library cannot do it. Also
	// [errors.ErrUnsupported].
	ErrUnsupported Code = 13
	// ErrInternal: a defect of the library.
	ErrInternal Code = 14
	// ErrUnauthorized: a store refuses what was asked: no credentials, wrong or expired ones, or too few rights.
	// Also [fs.ErrPermission].
	ErrUnauthorized Code = 15
	// ErrUnreachable: a store cannot be reached, or does not answer in time.
	ErrUnreachable Code = 16
)

var codeTexts = map[Code]string{
	ErrInvalidArgument:   "invalid argument",
	ErrNotFound:          "not found",
	ErrConflict:          "conflict",
	ErrIO:                "input/output error",
	ErrNoSpace:           "no space",
	ErrSourceChanged:     "source changed",
	ErrCorrupt:           "corrupt",
	ErrHookFailed:        "hook failed",
	ErrFreezeTimeout:     "freeze timeout",
	ErrCancelled:         "cancelled",
	ErrTimeout:           "timeout",
	ErrRestoreUnfinished: "restore unfinished",
	ErrUnsupported:       "unsupported",
	ErrInternal:          "internal error",
	ErrUnauthorized:      "unauthorized",
	ErrUnreachable:       "unreachable",
}

// Error is the code in words.
func (c Code) Error() string {
	if text, known := codeTexts[c]; known {
		return "hotbackup: " + text
	}
	return fmt.Sprintf("hotbackup: code %d", int32(c))
}

// Is makes the codes that the standard library has words for equal to those.
func (c Code) Is(target error) bool {
	switch target {
	case fs.ErrNotExist:
		return c == ErrNotFound
	case fs.ErrPermission:
		return c == ErrUnauthorized
	case fs.ErrInvalid:
		return c == ErrInvalidArgument
	case context.Canceled:
		return c == ErrCancelled
	case context.DeadlineExceeded:
		return c == ErrTimeout
	case errors.ErrUnsupported:
		return c == ErrUnsupported
	}
	return false
}

// Error is why a call or a job failed. All errors of this package are of type *Error, but for the
// ctx.Err() of a [Job.Wait] that was given up. Nothing ever changes in it.
//
// With [errors.Is] it equals its code, what that equals (see [Code]), its errno, what that equals
// (such as [fs.ErrPermission]), and what Err wraps.
type Error struct {
	// Code is the kind of failure.
	Code Code
	// Message is one line for a person: what was being done, to which path, why it failed, what is
	// unharmed. Control characters are escaped.
	Message string
	// Errno is that of the system call that failed; 0 if it was none.
	Errno syscall.Errno
	// Path is the path concerned, its bytes as they are on disk; empty if there is none.
	Path string
	// Err is the cause on this side: the error that a hook returned, a [*PanicError], the cause of the
	// context that cancelled the job; nil if there is none.
	Err error
}

// Error is the message.
func (e *Error) Error() string { return "hotbackup: " + e.Message }

// Unwrap gives the code, the errno and the cause to [errors.Is] and [errors.As].
func (e *Error) Unwrap() []error {
	all := []error{e.Code}
	if e.Errno != 0 {
		all = append(all, e.Errno)
	}
	if e.Err != nil {
		all = append(all, e.Err)
	}
	return all
}

// PanicError is the cause of a job that failed because one of its hooks panicked: the panic ends
// there, and the job fails with [ErrHookFailed]. Nothing panics again; who wants that finds Value
// with [errors.As].
type PanicError struct {
	// Value is what the hook panicked with.
	Value any
	// Stack is that of the hook's goroutine, as by [runtime/debug.Stack].
	Stack []byte
}

// Error is the value in words, without the stack.
func (p *PanicError) Error() string { return fmt.Sprintf("panic: %v", p.Value) }

// Unwrap is the value, if that is an error.
func (p *PanicError) Unwrap() error {
	err, _ := p.Value.(error)
	return err
}

func invalid(format string, arguments ...any) error {
	return &Error{Code: ErrInvalidArgument, Message: fmt.Sprintf(format, arguments...)}
}

func closed(what string) error {
	return &Error{Code: ErrInvalidArgument, Message: what + " is closed", Err: fs.ErrClosed}
}

// notStarted is the error of a start whose context has ended already; nil: it has not.
func notStarted(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	message := fmt.Sprintf("cancelled before it started: %v", context.Cause(ctx))
	return &Error{Code: ErrCancelled, Message: message, Err: context.Cause(ctx)}
}
