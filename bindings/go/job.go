package hotbackup

import (
	"context"
	"slices"
	"sync"
)

// Job is a handle of one backup, restore, verification or other work. All methods may be called by any
// goroutine at any time. A backup may have any number of them ([Coordinator.Find]), which share what watches for its
// end; closing one leaves the others good.
//
// A job needs no Close: when it has ended, it holds nothing but Go memory, its result included. While
// it runs, one parked goroutine and one descriptor watch for its end, and it goes on also if nobody
// refers to it.
type Job struct {
	watch     *watch
	closeOnce sync.Once
	closed    chan struct{}
}

func newJob(watch *watch) *Job {
	return &Job{watch: watch, closed: make(chan struct{})}
}

// use is watch.use on a handle that is not closed.
func (j *Job) use(f func(jobPtr) error, ended func() error) error {
	select {
	case <-j.closed:
		return closed("job " + j.watch.id)
	default:
		return j.watch.use(f, ended)
	}
}

// ID is the job's UUID; also after Close.
func (j *Job) ID() string { return j.watch.id }

// Location is where the result is, absolute: the snapshot that is made (its name is chosen at the
// start, and it is there once the job has completed), the target of a restore, the snapshot verified.
// Its bytes are as on disk, UTF-8 or not; also after Close.
func (j *Job) Location() string { return j.watch.location }

// Done is closed when the job has ended; also after Close. [Job.Wait] says then how.
func (j *Job) Done() <-chan struct{} { return j.watch.done }

// Wait waits for the end and returns the job's result: nil, or why it failed, the same at any time. If
// ctx ends first, it returns ctx.Err(), and the job goes on: that only ends the waiting, while the
// context of the start cancels the job. From a hook of the same job it is [ErrConflict]; after Close, or
// when this handle is closed meanwhile, [fs.ErrClosed].
func (j *Job) Wait(ctx context.Context) error {
	err := j.use(func(ptr jobPtr) error {
		if inHook(ptr) {
			return jobWait(ptr, false) // which the library refuses there
		}
		return nil
	}, nothing)
	if err != nil {
		return err
	}
	select {
	case <-j.watch.done:
		return j.watch.result
	default:
	}
	select {
	case <-j.watch.done:
		return j.watch.result
	case <-j.closed:
		return closed("job " + j.watch.id)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Status is where the job stands now, without waiting.
func (j *Job) Status() (now Progress, err error) {
	err = j.use(
		func(ptr jobPtr) error { now, err = jobStatus(ptr); return err },
		func() error { now = j.watch.final; return nil },
	)
	return now, err
}

// Warnings are what is wrong, though it does not fail the job. [ErrCorrupt]: a file that was to be shared with
// the previous snapshot and whose stored bytes are bad; it names all snapshots that hold it. There may be more
// while the job runs; those of an ended job stay.
func (j *Job) Warnings() (all []error, err error) {
	err = j.use(
		func(ptr jobPtr) error { all, err = jobWarnings(ptr); return err },
		func() error { all = slices.Clone(j.watch.warnings); return nil },
	)
	return all, err
}

// Cancel asks the job to end with [ErrCancelled], and returns at once. A job that has ended, or has
// begun to publish, stays as it is: nil, no effect.
func (j *Job) Cancel() error { return j.use(jobCancel, nothing) }

// SetRateLimit changes how fast a running job may copy, in bytes per second; 0: no limit. A job that
// has ended: nil, no effect.
func (j *Job) SetRateLimit(bytesPerSecond uint64) error {
	return j.use(func(ptr jobPtr) error { return jobSetRateLimit(ptr, bytesPerSecond) }, nothing)
}

// Close lets go of this handle: those who wait with it stop waiting. A backup goes on: its coordinator
// owns it, and the context of its start still cancels it. Any other job that runs is cancelled, and Close
// waits for its end, except from a hook of it. May be called any number of times, by any goroutine; always
// nil.
func (j *Job) Close() error {
	j.closeOnce.Do(func() { close(j.closed) })
	if j.watch.core == nil {
		_ = j.watch.cancel()
		if !j.watch.inHook() {
			<-j.watch.done
		}
	}
	return nil
}
