package hotbackup

import (
	"context"
	"maps"
	"runtime"
	"slices"
	"sync"
)

// Coordinator makes the backups of one data directory. Its host opens it once and keeps it while the
// database is open. All methods may be called by any goroutine at any time; after Close they return an
// error that is [fs.ErrClosed].
type Coordinator struct {
	core *core
}

// core is what a Coordinator is, without keeping that reachable.
type core struct {
	dir, root string
	hooks     *hooks

	mu     sync.Mutex
	ptr    coordinatorPtr
	calls  int               // that are using ptr
	closed bool              // no call begins any more
	gone   chan struct{}     // closed once ptr was
	live   map[string]*watch // of the backups that run, by their ids
}

// Open opens the coordinator of a data directory, which is there already. [ErrNotFound]: it is not;
// [ErrInvalidArgument]: it is no directory, or the options do not fit it; [ErrRestoreUnfinished]: call
// [Recover] first; [ErrConflict]: a restore is at work there. A backup root that is locked or cannot be
// written is no error here but when a backup starts.
//
// Close it. One that was forgotten is closed by the garbage collector, some time after nothing refers
// to it and none of its backups runs any more; but the library refers to its hooks, so never while a
// hook refers to it. Do not count on it.
func Open(dir string, opts ...Option) (*Coordinator, error) {
	return withOptions(opts, func(options optionsPtr, hooks *hooks) (*Coordinator, error) {
		ptr, root, err := openCoordinator(dir, options)
		if err != nil {
			return nil, err
		}
		c := &Coordinator{&core{
			dir: dir, root: root, hooks: hooks, ptr: ptr,
			gone: make(chan struct{}), live: map[string]*watch{},
		}}
		runtime.AddCleanup(c, func(forgotten *core) { go forgotten.close() }, c.core)
		return c, nil
	})
}

// Root is the backup root, absolute; also after Close.
func (c *Coordinator) Root() string { return c.core.root }

// Start starts a backup and returns at once; its hooks run on a thread of the library's, and may be
// called before Start has returned. When ctx ends, the job is cancelled, as by [Job.Cancel], and its
// error is also [context.Cause] of ctx.
//
// [ErrConflict]: a backup runs already, here or elsewhere, the root belongs to another data directory, or
// another directory has taken the data directory's place. [ErrNotFound]: a root that was used before is
// not there now. [ErrIO], [ErrNoSpace]: the root cannot be written. [ErrCancelled]: ctx had ended already.
// Everything later is the job's result, which [Job.Wait] returns.
func (c *Coordinator) Start(ctx context.Context) (*Job, error) { return c.start(ctx, noCheckpoint) }

func (c *Coordinator) start(ctx context.Context, flags CheckpointFlags) (*Job, error) {
	if err := notStarted(ctx); err != nil {
		return nil, err
	}
	var job *Job
	err := c.use(func(ptr coordinatorPtr) error {
		started, err := startBackup(ptr, flags)
		if err == nil {
			job = c.adopt(started)
			job.watch.cancelWith(ctx)
		}
		return err
	})
	return job, err
}

// Run makes a backup with its hooks on the calling goroutine, locked to its OS thread, for hosts whose
// objects are bound to a thread, and returns the job's result. The job is returned too when it failed;
// nil: there is none, for the reasons that Start has.
func (c *Coordinator) Run(ctx context.Context) (*Job, error) { return c.run(ctx, noCheckpoint) }

func (c *Coordinator) run(ctx context.Context, flags CheckpointFlags) (*Job, error) {
	if err := notStarted(ctx); err != nil {
		return nil, err
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	r := &run{ctx: ctx, c: c, out: new(jobPtr)}
	err := c.use(func(ptr coordinatorPtr) error {
		forget := c.core.hooks.expect(r)
		defer forget()
		err := runBackup(ptr, flags, r.out)
		if *r.out == nil {
			return err
		}
		r.begun()
		<-r.job.Done()
		return r.job.watch.result
	})
	return r.job, err
}

// run is a call of Run that is under way.
type run struct {
	ctx context.Context
	c   *Coordinator
	out *jobPtr // written by C before it calls a hook on this thread
	job *Job
}

// begun makes the job known to Go, at the first call of one of its hooks.
func (r *run) begun() {
	if r.job == nil && *r.out != nil {
		r.job = r.c.adopt(*r.out)
		r.job.watch.cancelWith(r.ctx)
	}
}

// Find finds a backup of this coordinator by its id; "": the running one, else the newest. The last 32
// that have ended are known. [ErrNotFound]: there is none, or the id is no UUID. Each call returns a handle
// of its own, to be closed or not, and nothing grows with their number: they share what watches the job.
func (c *Coordinator) Find(id string) (*Job, error) {
	var job *Job
	err := c.use(func(ptr coordinatorPtr) error {
		found, err := findBackup(ptr, id)
		if err == nil {
			job = c.adopt(found)
		}
		return err
	})
	return job, err
}

// Close cancels the backup or checkpoint that runs, waits for its end, and removes the checkpoints that were
// to go with the coordinator; nothing of the coordinator is left then, no
// thread, descriptor or hook, and its jobs stay good. From a hook of that backup it cancels and returns without
// waiting, and the job's end does the rest. May be called any number of times, by any goroutine; always nil.
func (c *Coordinator) Close() error {
	defer runtime.KeepAlive(c)
	c.core.close()
	return nil
}

// use calls f with the handle, which is not freed before f returns.
func (c *Coordinator) use(f func(coordinatorPtr) error) error {
	defer runtime.KeepAlive(c)
	s := c.core
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return closed("the coordinator of " + s.dir)
	}
	s.calls++
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.calls--
		last, waits := s.closed && s.calls == 0, len(s.live) > 0
		s.mu.Unlock()
		switch {
		case last && waits:
			go s.free() // this call does not wait for the end of what runs
		case last:
			s.free()
		}
	}()
	return f(s.ptr)
}

// adopt takes over a handle of the library's, and makes one of Go's that shares the job's watch.
func (c *Coordinator) adopt(ptr jobPtr) *Job {
	s, id := c.core, jobID(ptr)
	s.mu.Lock()
	shared, known := s.live[id]
	if !known {
		shared = newWatch(ptr)
		shared.core, shared.owner = s, c
		s.live[id] = shared
	}
	tooLate := s.closed
	s.mu.Unlock()
	if known {
		jobFree(ptr)
	} else {
		shared.begin()
	}
	if tooLate {
		_ = shared.cancel()
	}
	return newJob(shared)
}

func (s *core) forget(ended *watch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.live, ended.id)
}

func (s *core) close() {
	s.mu.Lock()
	first, idle := !s.closed, s.calls == 0
	s.closed = true
	s.mu.Unlock()
	if first {
		for _, one := range s.running() {
			_ = one.cancel()
		}
		if idle {
			s.free()
		}
	}
	if s.hooks.areHere() {
		return
	}
	<-s.gone
	for _, one := range s.running() {
		<-one.done
	}
}

func (s *core) running() []*watch {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Values(s.live))
}

// free is called once, by the close or the last call after it. The library waits for the end of what
// runs, but not in a hook of it.
func (s *core) free() {
	closeCoordinator(s.ptr)
	close(s.gone)
}
