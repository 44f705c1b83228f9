package remote

import (
	"context"
	"maps"
	"runtime"
	"slices"
	"sync"
	"unsafe"

	"hotbackup"
	"hotbackup/internal/lent"
)

// Remote is a repository in an object store. All methods may be called by any goroutine at any time; after Close
// they return an error that is [fs.ErrClosed].
type Remote struct {
	core *core
}

// core is what a Remote is, without keeping that reachable.
type core struct {
	url string

	mu     sync.Mutex
	ptr    remotePtr
	calls  int                         // that are using ptr
	closed bool                        // no call begins any more
	jobs   map[*hotbackup.Job]struct{} // that may still run
}

// Open opens a repository by its URL: s3://bucket/prefix, gs://bucket/prefix, az://account/container/prefix or
// file:///path. Nothing is asked of the store yet. [hotbackup.ErrInvalidArgument]: the URL or an option is wrong.
//
// Close it. One that was forgotten is closed by the garbage collector, some time after nothing refers to it and
// none of its jobs runs any more; but the library refers to its password function, so never while that refers to
// it. Do not count on it.
func Open(url string, options Options) (*Remote, error) {
	return withOptions(options, func(options optionsPtr) (*Remote, error) {
		ptr, url, err := openRemote(url, options)
		if err != nil {
			return nil, err
		}
		r := &Remote{&core{url: url, ptr: ptr, jobs: map[*hotbackup.Job]struct{}{}}}
		runtime.AddCleanup(r, func(forgotten *core) { go forgotten.close() }, r.core)
		return r, nil
	})
}

// URL is that of the repository, without credentials; also after Close.
func (r *Remote) URL() string { return r.core.url }

// Init makes the repository, and waits for it. [hotbackup.ErrConflict]: there is one.
func (r *Remote) Init() error { return r.use(initRemote) }

// RepositoryID is the id of the repository, 64 hexadecimal digits, for which it asks the store, and waits.
// [hotbackup.ErrConflict]: another repository has been made at the same place.
func (r *Remote) RepositoryID() (id string, err error) {
	err = r.use(func(ptr remotePtr) error { id, err = repositoryID(ptr); return err })
	return id, err
}

// Push starts to send a finished snapshot, by its directory, and returns at once; it cannot be deleted or pruned
// meanwhile. One that is there already is not sent again, but for packs that the store has lost since, of which a
// warning tells. Of what an earlier push of this host has sent, only what may have changed is read, and only what
// did is sent. The job completes once the repository lists the snapshot; killed before that, the next push goes on
// with what was sent. A checkpoint, by its job's location, arrives as a snapshot too, and is removed once it has.
// ctx is as for [hotbackup.Coordinator.Start]. The options that concern it: threads, rate limit (of what is
// read, and of what is sent) and the progress hook. As the job's result [hotbackup.ErrCorrupt]: the snapshot is not
// what its manifest says, or a live file of the checkpoint was changed, or that is a copy; [hotbackup.ErrConflict]:
// another program held the repository alone for longer than lock_wait, or it is another repository than that which
// earlier snapshots of the same root went to.
func (r *Remote) Push(ctx context.Context, snapshot string, opts ...hotbackup.Option) (*hotbackup.Job, error) {
	return r.start(ctx, opts, func(ptr remotePtr, options unsafe.Pointer) (unsafe.Pointer, error) {
		return startPush(ptr, snapshot, options)
	})
}

// Fetch starts to bring a snapshot as a directory target, which must not exist, and returns at once. id: its id, the
// beginning of its object's name, or "latest". It goes on with what an earlier fetch of it to the same place has
// left. ctx is as for [hotbackup.Coordinator.Start]. The options that concern it: threads, rate limit, min free and
// the progress hook.
func (r *Remote) Fetch(ctx context.Context, id, target string, opts ...hotbackup.Option) (*hotbackup.Job, error) {
	return r.start(ctx, opts, func(ptr remotePtr, options unsafe.Pointer) (unsafe.Pointer, error) {
		return startBring(ptr, false, id, target, options)
	})
}

// Restore starts a restore of a snapshot to target, as [hotbackup.Restore] does, with its options: the target is as
// it was until all has come and was compared with the manifest's checksums. id is as for [Remote.Fetch].
func (r *Remote) Restore(ctx context.Context, id, target string, opts ...hotbackup.Option) (*hotbackup.Job, error) {
	return r.start(ctx, opts, func(ptr remotePtr, options unsafe.Pointer) (unsafe.Pointer, error) {
		return startBring(ptr, true, id, target, options)
	})
}

// Verify starts to verify a snapshot, and returns at once: that all it needs is there ([hotbackup.VerifySize] or
// [hotbackup.VerifyNone]), or that all of it can be read and is what its manifest says (any other level, the
// default). Each bad file is one of [hotbackup.Job.Warnings]; then the job is [hotbackup.ErrCorrupt]. id is as for
// [Remote.Fetch], ctx as for [hotbackup.Coordinator.Start]. The options that concern it: threads, rate limit, verify
// level and the progress hook.
func (r *Remote) Verify(ctx context.Context, id string, opts ...hotbackup.Option) (*hotbackup.Job, error) {
	return r.start(ctx, opts, func(ptr remotePtr, options unsafe.Pointer) (unsafe.Pointer, error) {
		return startVerify(ptr, id, options)
	})
}

// List lists the snapshots of the repository, and waits for it: the unreadable ones, whose hosts are not known,
// before the others, of which the oldest is the first. Of those that are of one local snapshot only the oldest is
// listed. host: those of that host; "": of all. An error is that of the list; that of an unreadable snapshot is its
// [Snapshot.Err].
func (r *Remote) List(host string) (all []Snapshot, err error) {
	err = r.use(func(ptr remotePtr) error { all, err = list(ptr, host); return err })
	return all, err
}

// Forget takes a snapshot out of the list, and waits for it. What it alone needs stays until restic's prune removes
// it. id is as for [Remote.Fetch]. [hotbackup.ErrNotFound]: there is none.
func (r *Remote) Forget(id string) error {
	return r.use(func(ptr remotePtr) error { return forget(ptr, id) })
}

// Requests counts what was asked of the store so far, without waiting.
func (r *Remote) Requests() (now Requests, err error) {
	err = r.use(func(ptr remotePtr) error { now, err = requests(ptr); return err })
	return now, err
}

// Close cancels the jobs that run, and waits neither for them nor for the calls that wait for the store: jobs stay
// good, and say when they have ended. May be called any number of times, by any goroutine, also in a hook or a
// password function; always nil.
func (r *Remote) Close() error {
	defer runtime.KeepAlive(r)
	r.core.close()
	return nil
}

type starter = func(ptr remotePtr, options unsafe.Pointer) (job unsafe.Pointer, err error)

func (r *Remote) start(ctx context.Context, opts []hotbackup.Option, begin starter) (job *hotbackup.Job, err error) {
	err = r.use(func(ptr remotePtr) error {
		job, err = startJob(ctx, r, opts, func(options unsafe.Pointer) (unsafe.Pointer, error) {
			return begin(ptr, options)
		})
		if err == nil && r.core.keep(job) {
			_ = job.Cancel()
		}
		return err
	})
	return job, err
}

// use calls f with the handle, which is not freed before f returns.
func (r *Remote) use(f func(remotePtr) error) error {
	defer runtime.KeepAlive(r)
	s := r.core
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return lent.Closed("the remote " + s.url)
	}
	s.calls++
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.calls--
		last := s.closed && s.calls == 0
		s.mu.Unlock()
		if last {
			closeRemote(s.ptr)
		}
	}()
	return f(s.ptr)
}

// keep remembers a job for close, and forgets those that have ended. It says whether that was before.
func (s *core) keep(started *hotbackup.Job) (tooLate bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for job := range s.jobs {
		select {
		case <-job.Done():
			delete(s.jobs, job)
		default:
		}
	}
	s.jobs[started] = struct{}{}
	return s.closed
}

// close leaves the handle to the last call that uses it. That may wait long for the store; the jobs need not.
func (s *core) close() {
	s.mu.Lock()
	first, idle := !s.closed, s.calls == 0
	s.closed = true
	jobs := slices.Collect(maps.Keys(s.jobs))
	s.mu.Unlock()
	if !first {
		return
	}
	if idle {
		closeRemote(s.ptr) // which cancels them
		return
	}
	for _, job := range jobs {
		_ = job.Cancel()
	}
}
