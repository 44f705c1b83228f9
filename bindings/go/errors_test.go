package hotbackup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestErrorsEqualTheWordsOfTheStandardLibrary(t *testing.T) {
	words := []error{
		fs.ErrNotExist, fs.ErrInvalid, fs.ErrClosed, fs.ErrPermission, context.Canceled, context.DeadlineExceeded,
		errors.ErrUnsupported, syscall.EACCES, syscall.ENOSPC, ErrConflict, ErrIO, ErrNotFound, ErrCancelled,
	}
	for _, test := range []struct {
		err   *Error
		equal []error
	}{
		{&Error{Code: ErrNotFound}, []error{ErrNotFound, fs.ErrNotExist}},
		{&Error{Code: ErrInvalidArgument}, []error{fs.ErrInvalid}},
		{&Error{Code: ErrConflict}, []error{ErrConflict}},
		{&Error{Code: ErrCancelled}, []error{ErrCancelled, context.Canceled}},
		{&Error{Code: ErrCancelled, Err: context.DeadlineExceeded},
			[]error{ErrCancelled, context.Canceled, context.DeadlineExceeded}},
		{&Error{Code: ErrTimeout}, []error{context.DeadlineExceeded}},
		{&Error{Code: ErrUnsupported}, []error{errors.ErrUnsupported}},
		{&Error{Code: ErrIO, Errno: syscall.EACCES}, []error{ErrIO, syscall.EACCES, fs.ErrPermission}},
		{&Error{Code: ErrNoSpace, Errno: syscall.ENOSPC}, []error{syscall.ENOSPC}},
		{&Error{Code: ErrHookFailed, Err: fs.ErrNotExist}, []error{fs.ErrNotExist}},
	} {
		want := map[error]bool{}
		for _, word := range test.equal {
			want[word] = true
		}
		for _, word := range words {
			if errors.Is(test.err, word) != want[word] {
				t.Errorf("%#v is %v: %v", test.err, word, !want[word])
			}
		}
		var code Code
		if !errors.As(test.err, &code) || code != test.err.Code {
			t.Errorf("%#v has code %v", test.err, code)
		}
	}
}

func TestAnErrorSaysCodeErrnoPathAndWhy(t *testing.T) {
	w := newWorld(t)
	missing := w.beside("missing")
	_, err := Open(missing)
	var failure *Error
	if !errors.As(err, &failure) || failure.Code != ErrNotFound || failure.Path != missing ||
		!strings.Contains(failure.Message, missing) || failure.Err != nil {
		t.Errorf("%#v", err)
	}
	if want := "hotbackup: " + failure.Message; err.Error() != want {
		t.Errorf("%q, not %q", err, want)
	}

	long := w.beside(strings.Repeat("n", 300))
	_, err = w.open(WithRoot(long)).Start(ctx)
	var errno syscall.Errno
	if !errors.Is(err, ErrIO) || !errors.As(err, &errno) || errno != syscall.ENAMETOOLONG {
		t.Errorf("%#v", err)
	}
}

func TestAStringWithNULIsRefused(t *testing.T) {
	w := newWorld(t)
	_, opened := Open(w.data + "\x00")
	_, root := Open(w.data, WithRoot("a\x00b"))
	_, source := Open(w.data, WithSource(w.dir, "a\x00b"))
	_, restored := Restore(ctx, w.data, "a\x00b")
	_, verified := Verify(ctx, "a\x00b")
	_, recovered := Recover("a\x00b")
	_, latest := Latest("a\x00b")
	_, snapshot := OpenSnapshot("a\x00b")
	for what, err := range map[string]error{
		"opened": opened, "root": root, "source": source, "restored": restored, "verified": verified,
		"recovered": recovered, "undone": RestoreUndo("a\x00b"), "latest": latest, "snapshot": snapshot,
		"deleted": Delete(w.dir, "a\x00b"),
	} {
		if !errors.Is(err, ErrInvalidArgument) || !strings.Contains(err.Error(), "NUL") {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, err := range List("a\x00b") {
		if !errors.Is(err, ErrInvalidArgument) {
			t.Errorf("listed: %v", err)
		}
	}
}

func TestAnOptionThatMakesNoSenseIsRefused(t *testing.T) {
	w := newWorld(t)
	for name, option := range map[string]Option{
		"threads": WithThreads(-1), "freeze timeout": WithFreezeTimeout(-time.Second), "class": WithRule("*", 77),
		"level": WithVerifyLevel(9), "symlinks": WithSymlinks(9), "share": WithShare(9), "age": WithRereadAfter(-1),
		"latency": WithLatencyTarget(-1),
		"root":    WithRoot(""), "metadata": WithMetadata(make([]byte, 1<<20+1)),
	} {
		if _, err := Open(w.data, option); !errors.Is(err, ErrInvalidArgument) {
			t.Errorf("%s: %v", name, err)
		}
	}
	c := w.open(WithThreads(1), WithFreezeTimeout(time.Nanosecond), WithVerifyLevel(VerifyMedia),
		WithSymlinks(SymlinksPreserve), WithMinFree(1), WithKeepUndo(true), WithKeepMatching(), WithClone(false),
		WithShare(ShareNever), WithRereadAfter(time.Millisecond), WithNoPosixLocks(), WithAdoptRoot(),
		WithMetadata(nil), WithRateLimit(1<<40), WithLatencyTarget(math.MaxInt64), WithLayout("generic"), WithFreezeTimeout(0))
	w.backup(c)
}

func TestAHooksOwnErrorComesOutAsItWas(t *testing.T) {
	w := newWorld(t)
	reason := errors.New("the disk is on fire\x00\n")
	w.does["freeze"] = func(*Hook) error { return fmt.Errorf("freezing: %w", reason) }
	c := w.open()
	job := w.start(c)
	for range 2 {
		err := job.Wait(ctx)
		if !errors.Is(err, reason) || !errors.Is(err, ErrHookFailed) || strings.ContainsAny(err.Error(), "\x00\n") {
			t.Errorf("%q", err)
		}
	}
	found, err := c.Find(job.ID())
	w.must(err)
	if err := found.Wait(ctx); !errors.Is(err, reason) {
		t.Errorf("found again: %v", err)
	}
	w.must(c.Close())
	if err := job.Wait(ctx); !errors.Is(err, reason) {
		t.Errorf("after the close: %v", err)
	}
}

func TestAHookThatReturnsContextCanceledFailsItsJobButProgressCancelsIt(t *testing.T) {
	w := newWorld(t)
	w.does["checkpoint"] = func(*Hook) error { return context.Canceled }
	c := w.open()
	if err := w.start(c).Wait(ctx); !errors.Is(err, ErrHookFailed) || !errors.Is(err, context.Canceled) {
		t.Errorf("checkpoint: %v", err)
	}
	w.does["checkpoint"] = nil
	w.watches = func(Progress, *Hook) error { return fmt.Errorf("stopping: %w", context.Canceled) }
	if err := w.start(c).Wait(ctx); errors.Is(err, ErrHookFailed) || !errors.Is(err, ErrCancelled) {
		t.Errorf("progress: %v", err)
	}
}

func TestAPanicInAHookFailsTheJobWithItsValueAndStack(t *testing.T) {
	for _, hook := range []string{"checkpoint", "freeze", "thaw", "release", "validate", "progress"} {
		for _, start := range []func(*Coordinator) error{started, run1} {
			w := newWorld(t)
			if hook == "progress" {
				w.watches = func(Progress, *Hook) error { panicsHere(); return nil }
			} else {
				w.does[hook] = func(*Hook) error { panicsHere(); return nil }
			}
			c := w.open()
			err := start(c)
			var panicked *PanicError
			if !errors.As(err, &panicked) || panicked.Value != any(fs.ErrPermission) ||
				!strings.Contains(string(panicked.Stack), "panicsHere") || !errors.Is(err, ErrHookFailed) ||
				!errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "panic: permission denied") {
				t.Errorf("%s: %v", hook, err)
			}
			delete(w.does, hook)
			w.watches = nil
			w.backup(c)
		}
	}
}

func panicsHere() { panic(fs.ErrPermission) }

func TestAPanicWithARuntimeErrorAFaultOrNilIsCarriedToo(t *testing.T) {
	w := newWorld(t)
	c := w.open()
	var runtimeError runtime.Error
	w.does["validate"] = func(h *Hook) error { var none map[int]int; none[1] = 1; return nil }
	if err := started(c); !errors.As(err, &runtimeError) {
		t.Errorf("%v", err)
	}
	// A fault is a signal, on a thread of the library's that blocks those that can be blocked.
	w.does["validate"] = func(h *Hook) error { var none *int; *none = 1; return nil }
	for _, start := range []func(*Coordinator) error{started, run1} {
		if err := start(c); !errors.As(err, &runtimeError) || !strings.Contains(err.Error(), "nil pointer") {
			t.Errorf("%v", err)
		}
	}
	w.does["validate"] = func(h *Hook) error { panic(nil) }
	if err := started(c); !errors.As(err, new(*runtime.PanicNilError)) {
		t.Errorf("%v", err)
	}
	w.does["validate"] = func(h *Hook) error { panic(context.Canceled) }
	if err := started(c); !errors.Is(err, ErrHookFailed) {
		t.Errorf("%v", err)
	}
}

func TestAHookThatEndsItsGoroutineEndsTheProcess(t *testing.T) {
	if os.Getenv("HOTBACKUP_GO_EXITS") != "" {
		w := newWorld(t)
		w.does["freeze"] = func(*Hook) error { runtime.Goexit(); return nil }
		run1(w.open())
		return
	}
	child := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	child.Env = append(os.Environ(), "HOTBACKUP_GO_EXITS=1", "TMPDIR="+t.TempDir())
	printed, err := child.CombinedOutput()
	if err == nil || !strings.Contains(string(printed), "panic: hotbackup: a hook ended its goroutine") {
		t.Errorf("%v: %s", err, printed)
	}
}

func TestUnreadableSnapshotsGiveTheirErrors(t *testing.T) {
	w := newWorld(t)
	location := w.backups(w.open(), 1)[0].Location()
	w.write(filepath.Join(location, "snapshot.manifest"), "{")
	if _, err := OpenSnapshot(location); !errors.Is(err, ErrCorrupt) {
		t.Errorf("%v", err)
	}
	for _, err := range List(filepath.Join(w.data, "log")) {
		if err == nil {
			t.Error("a file is no root")
		}
	}
}

func TestARestoreKeepsWhatItsTargetHasAlready(t *testing.T) {
	w := newWorld(t)
	snapshot := w.backup(w.open()).Location()
	target := w.beside("again")
	w.must(w.restore(snapshot, target))
	job, err := Restore(ctx, snapshot, target, WithKeepMatching(), WithKeepUndo(false), WithClone(false))
	w.must(err)
	w.must(job.Wait(ctx))
	done, err := job.Status()
	if err != nil || done.BytesLinked != done.BytesTotal || done.BytesCopied != 0 {
		t.Errorf("%+v, %v", done, err)
	}
	w.same(target, w.data)
}
