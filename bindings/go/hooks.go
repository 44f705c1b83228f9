package hotbackup

import (
	"runtime/debug"
	"sync"
)

// WithCheckpoint is the hook that flushes to a consistent state. Called once, first.
//
// For all hooks: they run one at a time, on the library's own thread of the job or, with
// [Coordinator.Run], on the goroutine that called it; in both cases locked to its OS thread while it
// runs. A hook has done its work when it returns: nobody waits for a goroutine that it has started. It may
// call anything of this package, but a job cannot be waited for from its own hook ([ErrConflict]; nor may
// it wait for a goroutine that does), and a Close there does not wait.
//
// A hook that returns an error has undone its own work, and fails the job with [ErrHookFailed], from which
// [errors.Is] and [errors.As] find that error. So does a panic, as a [*PanicError]. A hook that ends its
// goroutine, by [runtime.Goexit] or t.FailNow, ends the process: C cannot be unwound.
//
// A hook that is nil is [ErrInvalidArgument], since it would do nothing where something was meant: where
// there is no hook, leave the option away.
func WithCheckpoint(checkpoint func(*Hook) error) Option {
	return hookOption("checkpoint", checkpoint == nil, func(f *hookFuncs) { f.checkpoint = checkpoint })
}

// WithFreeze are the hooks that stop and resume the host's writes. thaw is called exactly once for each
// freeze that returned nil, on the same thread and on every path (success, failure, cancel, timeout), and
// no other hook is called between them. See [WithCheckpoint] for what is true of all hooks.
func WithFreeze(freeze, thaw func(*Hook) error) Option {
	if freeze != nil && thaw == nil {
		return hookOption("thaw", true, nil)
	}
	return hookOption("freeze", freeze == nil, func(f *hookFuncs) { f.freeze, f.thaw = freeze, thaw })
}

// WithRelease is the hook that unpins what freeze or checkpoint pinned. Called exactly once after the
// last read of the source, on every path, once checkpoint returned nil or there is none. See
// [WithCheckpoint] for what is true of all hooks.
func WithRelease(release func(*Hook) error) Option {
	return hookOption("release", release == nil, func(f *hookFuncs) { f.release = release })
}

// WithValidate is the hook that looks at a staged snapshot, or a staged restore, before it is
// published: staging is its directory, which is there during the call, and which it must not change.
// An error fails the job, and nothing is published. See [WithCheckpoint] for what is true of all hooks.
func WithValidate(validate func(staging string, h *Hook) error) Option {
	return hookOption("validate", validate == nil, func(f *hookFuncs) { f.validate = validate })
}

// WithProgress is the hook that watches and steers: called at each change of phase and about every
// 100 ms while the job runs, except while another hook runs or the host is frozen. An error that is
// [ErrCancelled] or [context.Canceled] cancels the job; any other fails it. See [WithCheckpoint] for
// what is true of all hooks.
func WithProgress(progress func(p Progress, h *Hook) error) Option {
	return hookOption("progress", progress == nil, func(f *hookFuncs) { f.progress = progress })
}

func hookOption(name string, isNil bool, choose func(*hookFuncs)) Option {
	if isNil {
		return refused(invalid("the %s hook is nil, and would do nothing; leave the option away for no hook", name))
	}
	return func(s *setup) { choose(&s.hooks) }
}

type hookFuncs struct {
	checkpoint, freeze, thaw, release func(*Hook) error
	validate                          func(string, *Hook) error
	progress                          func(Progress, *Hook) error
}

// hooks are those of one Open, Restore or Verify.
type hooks struct {
	hookFuncs
	mu     sync.Mutex
	called map[jobPtr]struct{} // by whom: borrowed for the time of each call
	runs   map[uintptr]*run    // by their threads
}

func newHooks(funcs hookFuncs) *hooks {
	return &hooks{hookFuncs: funcs, called: map[jobPtr]struct{}{}, runs: map[uintptr]*run{}}
}

// hookFailure is why a hook failed: its error, and what that says.
type hookFailure struct {
	err     error
	message string
}

// call calls a hook. One that ends its goroutine ends the process: the C code that called it would never
// go on, with the host frozen.
func (s *hooks) call(hook hookPtr, f func(*Hook) error) *hookFailure {
	gcPoint()
	here, job := thread(), hookJob(hook)
	s.mu.Lock()
	s.called[job] = struct{}{}
	run := s.runs[here]
	s.mu.Unlock()
	h := &Hook{ptr: hook}
	returned := false
	defer func() {
		if !returned {
			endProcess()
		}
		h.end()
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.called, job)
	}()
	if run != nil {
		run.begun()
	}
	failed := guarded(h, f)
	returned = true
	return failed
}

// guarded turns a panic into an error: it must not unwind through C. The methods of the hook's error are
// the host's, too.
func guarded(h *Hook, f func(*Hook) error) (failed *hookFailure) {
	returned := false
	defer func() {
		// Of a panic with nil under GODEBUG=panicnil=1 nothing is left but that nothing was returned.
		if value := recover(); value != nil || !returned {
			err := &PanicError{Value: value, Stack: debug.Stack()}
			failed = &hookFailure{err, err.Error()}
		}
	}()
	if err := f(h); err != nil {
		failed = &hookFailure{err, err.Error()}
	}
	returned = true
	return failed
}

// endProcess panics on another goroutine, which cannot be recovered, and unwinds nothing here.
func endProcess() {
	go panic("hotbackup: a hook ended its goroutine (runtime.Goexit or t.FailNow)")
	select {}
}

// areHere says whether the caller is in one of these hooks. The jobs that call them are asked, for a
// hook may be called before Start has returned its job.
func (s *hooks) areHere() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for job := range s.called {
		if inHook(job) {
			return true
		}
	}
	return false
}

// expect makes a run known to the hooks on this thread, until the returned function is called. A run
// from a hook of the same thread is refused by the library: the outer one stays.
func (s *hooks) expect(r *run) (forget func()) {
	here := thread()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.runs[here] != nil {
		return func() {}
	}
	s.runs[here] = r
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.runs, here)
	}
}

// Hook is what a hook is given for the time of its call: its way to say more about this backup, and to
// its job. It is for the hook's own goroutine; once the hook has returned, its methods return
// [fs.ErrClosed].
type Hook struct {
	mu  sync.Mutex
	ptr hookPtr
}

func (h *Hook) end() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ptr = nil
}

func (h *Hook) use(f func(hookPtr) error) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ptr == nil {
		return closed("the hook's call")
	}
	return f(h.ptr)
}

// AddFile names a live file, from a checkpoint or freeze hook: then the directories are not walked,
// and exactly the named files are captured; one that is missing fails the job. path: relative to the
// data directory, or starting with the prefix of a source. class: not Excluded. length: only so many
// bytes from the start; [WholeFile]: all of it. Naming a file twice, the later call wins; what an
// earlier freeze of the same job named is forgotten. [ErrConflict] from any other hook.
func (h *Hook) AddFile(path string, class FileClass, length uint64) error {
	return h.use(func(ptr hookPtr) error { return hookAddFile(ptr, path, class, length) })
}

// AddBytes gives a file that only the snapshot has (RocksDB's CURRENT, a label), from a checkpoint or
// freeze hook; the bytes are copied. Without AddFile it adds to what the walk finds. Else like it.
func (h *Hook) AddBytes(path string, content []byte) error {
	return h.use(func(ptr hookPtr) error { return hookAddBytes(ptr, path, content) })
}

// SetMetadata sets the metadata of this backup only, in place of that of [WithMetadata]; copied, at
// most 1 MiB. From any hook until the manifest is written, which release is always before and validate
// never: then, and in a restore or a verification, it is [ErrConflict].
func (h *Hook) SetMetadata(metadata []byte) error {
	return h.use(func(ptr hookPtr) error { return hookSetMetadata(ptr, metadata) })
}

// AddTag gives this backup's snapshot a tag, beside those of [WithTag]; when [Hook.SetMetadata] may be called.
func (h *Hook) AddTag(tag string) error {
	return h.use(func(ptr hookPtr) error { return hookAddTag(ptr, tag) })
}

// JobID is the UUID of the job that called this hook; empty once the hook has returned.
func (h *Hook) JobID() (id string) {
	_ = h.use(func(ptr hookPtr) error { id = jobID(hookJob(ptr)); return nil })
	return id
}

// Location is the [Job.Location] of the job that called this hook; empty once the hook has returned.
func (h *Hook) Location() (location string) {
	_ = h.use(func(ptr hookPtr) error { location = jobLocation(hookJob(ptr)); return nil })
	return location
}

// Status is where the job stands now.
func (h *Hook) Status() (now Progress, err error) {
	err = h.use(func(ptr hookPtr) error { now, err = jobStatus(hookJob(ptr)); return err })
	return now, err
}

// Cancel asks the job to end with [ErrCancelled], once this hook has returned.
func (h *Hook) Cancel() error {
	return h.use(func(ptr hookPtr) error { return jobCancel(hookJob(ptr)) })
}

// SetRateLimit changes how fast the job may copy, in bytes per second; 0: no limit.
func (h *Hook) SetRateLimit(bytesPerSecond uint64) error {
	return h.use(func(ptr hookPtr) error { return jobSetRateLimit(hookJob(ptr), bytesPerSecond) })
}
