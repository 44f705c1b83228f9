package hotbackup

import (
	"context"
	"errors"
	"os"
	"sync"
)

// watch is what all handles of a job share: the library's handle, and what waits for the job's end, which
// is one parked goroutine and one descriptor, however many handles there are.
type watch struct {
	id, location string
	core         *core // nil: no backup
	done         chan struct{}

	mu       sync.RWMutex
	ptr      jobPtr      // nil once it has ended
	owner    any         // its coordinator or remote, which is not forgotten before that
	stop     func() bool // lets go of the context of the start
	why      error       // the cause of that context, which cancelled the job
	final    Progress
	warnings []error
	result   error
}

// newWatch takes over the handle.
func newWatch(ptr jobPtr) *watch {
	return &watch{id: jobID(ptr), location: jobLocation(ptr), done: make(chan struct{}), ptr: ptr}
}

// begin waits for the end of the job, elsewhere if it still runs. Called once.
func (w *watch) begin() {
	if now, err := jobStatus(w.ptr); err == nil && now.State >= StateCompleted {
		w.finish()
		return
	}
	go func() {
		w.awaitEvent()
		w.finish()
	}()
}

// awaitEvent parks this goroutine in the runtime's poller until the job's event is readable, so that
// no thread waits. It is never read: it stays readable for all who look.
func (w *watch) awaitEvent() {
	descriptor := jobEvent(w.ptr)
	if descriptor < 0 {
		return // finish blocks a thread then
	}
	file := os.NewFile(uintptr(descriptor), "hotbackup job")
	defer file.Close()
	if conn, err := file.SyscallConn(); err == nil {
		_ = conn.Read(isReadable)
	}
}

// finish takes the result of the job, and frees its handle.
func (w *watch) finish() {
	result := jobWait(w.ptr, true)
	final, _ := jobStatus(w.ptr)
	warnings, _ := jobWarnings(w.ptr)
	w.mu.Lock()
	var failure *Error
	if errors.As(result, &failure) && failure.Code == ErrCancelled && failure.Err == nil {
		failure.Err = w.why
	}
	ptr, stop := w.ptr, w.stop
	w.ptr, w.owner, w.stop, w.result, w.final, w.warnings = nil, nil, nil, result, final, warnings
	w.mu.Unlock()
	if stop != nil {
		stop()
	}
	jobFree(ptr)
	if w.core != nil {
		w.core.forget(w)
	}
	close(w.done)
}

// cancelWith cancels the job when the context of its start ends. Called once, while others may use the
// job already.
func (w *watch) cancelWith(ctx context.Context) {
	stop := context.AfterFunc(ctx, func() {
		w.mu.Lock()
		w.why = context.Cause(ctx)
		w.mu.Unlock()
		_ = w.cancel()
	})
	w.mu.Lock()
	runs := w.ptr != nil
	if runs {
		w.stop = stop
	}
	w.mu.Unlock()
	if !runs {
		stop()
	}
}

func (w *watch) cancel() error {
	return w.use(jobCancel, nothing)
}

// inHook says whether the caller is in a hook of the job.
func (w *watch) inHook() (is bool) {
	_ = w.use(func(ptr jobPtr) error { is = inHook(ptr); return nil }, nothing)
	return is
}

// use calls f, which must be short, with the handle, or returns what it has to after the job's end.
func (w *watch) use(f func(jobPtr) error, ended func() error) error {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.ptr == nil {
		return ended()
	}
	return f(w.ptr)
}

func nothing() error { return nil }
