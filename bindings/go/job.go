package hotbackup

import (
	"context"
	"errors"
	"os"
	"sync"
)

// Job is one backup, restore or verification. All methods may be called by any goroutine at any time.
//
// A job needs no Close: when it has ended, it holds nothing but Go memory, its result included. While
// it runs, one parked goroutine and one descriptor watch for its end, and it goes on also if nobody
// refers to it.
type Job struct {
	id, location string
	owner        *Coordinator // nil: a restore or a verification
	hooks        *hooks
	done         chan struct{}

	closeOnce sync.Once
	closed    chan struct{}

	mu     sync.RWMutex
	ptr    jobPtr // nil once it has ended
	why    error  // the cause of the context that cancelled it
	final  Progress
	result error
}

// newJob takes over the handle.
func newJob(ptr jobPtr, owner *Coordinator, hooks *hooks) *Job {
	return &Job{
		id: jobID(ptr), location: jobLocation(ptr), owner: owner, hooks: hooks,
		done: make(chan struct{}), closed: make(chan struct{}), ptr: ptr,
	}
}

// begin watches for the end of the job, and for that of ctx.
func (j *Job) begin(ctx context.Context) {
	stop := context.AfterFunc(ctx, func() {
		j.mu.Lock()
		j.why = context.Cause(ctx)
		j.mu.Unlock()
		_ = j.cancel()
	})
	if now, err := jobStatus(j.ptr); err == nil && now.State >= StateCompleted {
		j.finish(stop)
		return
	}
	go func() {
		j.awaitEvent()
		j.finish(stop)
	}()
}

// awaitEvent parks this goroutine in the runtime's poller until the job's event is readable, so that
// no thread waits. It is never read: it stays readable for all who look.
func (j *Job) awaitEvent() {
	descriptor := jobEvent(j.ptr)
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
func (j *Job) finish(stop func() bool) {
	result := jobWait(j.ptr, true)
	final, _ := jobStatus(j.ptr)
	stop()
	j.mu.Lock()
	var failure *Error
	if errors.As(result, &failure) && failure.Code == ErrCancelled && failure.Err == nil {
		failure.Err = j.why
	}
	ptr := j.ptr
	j.ptr, j.result, j.final = nil, result, final
	j.mu.Unlock()
	jobFree(ptr)
	if j.owner != nil {
		j.owner.core.forget(j)
	}
	close(j.done)
}

// use calls f, which must be short, with the handle, or returns what it has to after the job's end.
func (j *Job) use(f func(jobPtr) error, ended func() error) error {
	select {
	case <-j.closed:
		return closed("job " + j.id)
	default:
	}
	j.mu.RLock()
	defer j.mu.RUnlock()
	if j.ptr == nil {
		return ended()
	}
	return f(j.ptr)
}

func nothing() error { return nil }

// ID is the job's UUID; also after Close.
func (j *Job) ID() string { return j.id }

// Location is where the result is, absolute: the snapshot that is made (its name is chosen at the
// start, and it is there once the job has completed), the target of a restore, the snapshot verified.
// Its bytes are as on disk, UTF-8 or not; also after Close.
func (j *Job) Location() string { return j.location }

// Done is closed when the job has ended; also after Close. [Job.Wait] says then how.
func (j *Job) Done() <-chan struct{} { return j.done }

// Wait waits for the end and returns the job's result: nil, or why it failed, the same at any time. If
// ctx ends first, it returns ctx.Err(), and the job goes on: that only ends the waiting, while the
// context of the start cancels the job. From a hook of the same job it is [ErrConflict]; after Close, or
// when it is closed meanwhile, [fs.ErrClosed].
func (j *Job) Wait(ctx context.Context) error {
	err := j.use(func(ptr jobPtr) error {
		if j.hooks.areHere() {
			return jobWait(ptr, false) // the library refuses it
		}
		return nil
	}, nothing)
	if err != nil {
		return err
	}
	select {
	case <-j.done:
		return j.result
	default:
	}
	select {
	case <-j.done:
		return j.result
	case <-j.closed:
		return closed("job " + j.id)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Status is where the job stands now, without waiting.
func (j *Job) Status() (now Progress, err error) {
	err = j.use(
		func(ptr jobPtr) error { now, err = jobStatus(ptr); return err },
		func() error { now = j.final; return nil },
	)
	return now, err
}

// Cancel asks the job to end with [ErrCancelled], and returns at once. A job that has ended, or has
// begun to publish, stays as it is: nil, no effect.
func (j *Job) Cancel() error { return j.use(jobCancel, nothing) }

// SetRateLimit changes how fast a running job may copy, in bytes per second; 0: no limit. A job that
// has ended: nil, no effect.
func (j *Job) SetRateLimit(bytesPerSecond uint64) error {
	return j.use(func(ptr jobPtr) error { return jobSetRateLimit(ptr, bytesPerSecond) }, nothing)
}

// Close lets go of a job: those who wait for it stop waiting. A backup goes on: its coordinator owns it.
// A running restore or verification is cancelled, and Close waits for its end, except from a hook of
// it. May be called any number of times, by any goroutine; always nil.
func (j *Job) Close() error {
	j.closeOnce.Do(func() { close(j.closed) })
	if j.owner == nil {
		_ = j.cancel()
		if !j.hooks.areHere() {
			<-j.done
		}
	}
	return nil
}

// cancel works on a closed job too.
func (j *Job) cancel() error {
	j.mu.RLock()
	defer j.mu.RUnlock()
	if j.ptr == nil {
		return nil
	}
	return jobCancel(j.ptr)
}
