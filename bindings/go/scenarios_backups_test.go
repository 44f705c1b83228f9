package hotbackup

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

var ctx = context.Background()

// failing is the case of a hook that fails: its own error comes back, nothing is published, and the
// next backup succeeds.
func failing(hook string, make func(*Coordinator) error) func(*world) error {
	return func(w *world) error {
		c := w.open()
		w.fails = hook
		err := make(c)
		var no *saidNo
		if !errors.As(err, &no) || no.hook != hook || !strings.Contains(err.Error(), hook+" said no") {
			w.Errorf("not the hook's error: %v", err)
		}
		if all := w.listed(c.Root()); len(all) != 0 {
			w.Errorf("a snapshot is there: %+v", all)
		}
		calls := w.forget()
		w.fails = ""
		w.write(filepath.Join(w.data, "log"), "b log")
		w.backup(c)
		w.calls = calls
		return err
	}
}

func started(c *Coordinator) error {
	job, err := c.Start(ctx)
	if err != nil {
		return err
	}
	return job.Wait(ctx)
}

func run1(c *Coordinator) error {
	_, err := c.Run(ctx)
	return err
}

// heldInValidate starts a backup whose validate hook waits for what the returned function does.
func heldInValidate(w *world, c func() *Coordinator) (job *Job, goOn func()) {
	entered, let := make(chan struct{}), make(chan struct{})
	w.does["validate"] = func(*Hook) error {
		close(entered)
		<-let
		return nil
	}
	job = w.start(c())
	<-entered
	return job, func() { close(let) }
}

var _ = scenario("start", func(w *world) error {
	w.restored(w.backup(w.open()).Location())
	return nil
})

var _ = scenario("run-on-this-thread", func(w *world) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	here := syscall.Gettid()
	check := func(*Hook) error {
		if syscall.Gettid() != here {
			w.Error("a hook on another thread")
		}
		return nil
	}
	for _, hook := range []string{"checkpoint", "freeze", "thaw", "release", "validate"} {
		w.does[hook] = check
	}
	watched := 0
	w.watches = func(_ Progress, h *Hook) error { watched++; return check(h) }
	job, err := w.open().Run(ctx)
	if watched == 0 {
		w.Error("no progress")
	}
	w.restored(job.Location())
	return err
})

var _ = scenario("no-hooks", func(w *world) error {
	w.noHooks = true
	w.restored(w.backup(w.open()).Location())
	return nil
})

var _ = scenario("progress", func(w *world) error {
	percent, calls := 0, 0
	w.watches = func(p Progress, _ *Hook) error {
		if p.Percent < percent || p.Kind != KindBackup {
			w.Errorf("%+v after %d %%", p, percent)
		}
		percent, calls = p.Percent, calls+1
		return nil
	}
	now, err := w.backup(w.open()).Status()
	if calls == 0 || now.Percent != 100 || now.State != StateCompleted || now.BytesDone != 100023 || now.FilesDone != 3 {
		w.Errorf("%d calls, then %+v", calls, now)
	}
	if now.StartedAt.IsZero() || now.FinishedAt.Before(now.StartedAt) || now.Freeze <= 0 {
		w.Errorf("times: %+v", now)
	}
	return err
})

var _ = scenario("find", func(w *world) error {
	c := w.open()
	first := w.backups(c, 1)[0]
	w.write(filepath.Join(w.data, "log"), "b log")
	newest := w.backup(c)
	for id, job := range map[string]*Job{first.ID(): first, newest.ID(): newest, "": newest} {
		found, err := c.Find(id)
		w.must(err)
		if found.ID() != job.ID() || found.Location() != job.Location() {
			w.Errorf("%q: found %s", id, found.ID())
		}
		w.must(found.Wait(ctx))
	}
	return nil
})

var _ = scenario("metadata", func(w *world) error {
	w.does["checkpoint"] = func(h *Hook) error { return h.SetMetadata([]byte{0, 0xff, 0x0a}) }
	job := w.backup(w.open(WithMetadata([]byte("from the options"))))
	snapshot, err := OpenSnapshot(job.Location())
	if !bytes.Equal(snapshot.Metadata, []byte{0, 0xff, 0x0a}) {
		w.Errorf("metadata %q", snapshot.Metadata)
	}
	return err
})

var _ = scenario("tags", func(w *world) error {
	w.does["checkpoint"] = func(h *Hook) error { return h.AddTag("release") }
	job := w.backup(w.open(WithTag("nightly")))
	made, err := OpenSnapshot(job.Location())
	if !slices.Equal(made.Tags, []string{"nightly", "release"}) || made.Freeze <= 0 || made.Damaged ||
		made.VerifiedAt.Before(made.StartedAt) || made.VerifiedLevel != VerifyChecksum {
		w.Errorf("%+v", made)
	}
	return err
})

var _ = scenario("live-files", func(w *world) error {
	w.does["freeze"] = func(h *Hook) error {
		return errors.Join(
			h.AddFile("1.sst", Immutable, WholeFile),
			h.AddFile("log", AppendOnly, 3),
			h.AddBytes("LABEL", []byte("made here")))
	}
	job := w.backup(w.open())
	again, want := w.beside("again"), w.beside("want")
	w.must(w.restore(job.Location(), again))
	w.must(os.Mkdir(want, 0o755))
	w.write(filepath.Join(want, "1.sst"), "an immutable table")
	w.write(filepath.Join(want, "log"), "a l")
	w.write(filepath.Join(want, "LABEL"), "made here")
	w.same(again, want)
	return nil
})

var _ = scenario("second-source", func(w *world) error {
	second := w.beside("elsewhere")
	w.must(os.Mkdir(second, 0o755))
	w.write(filepath.Join(second, "file"), "in the second")
	job := w.backup(w.open(WithSource(second, "second")))
	again := w.beside("again")
	w.must(w.restore(job.Location(), again))
	w.same(filepath.Join(again, "second"), second)
	w.must(os.RemoveAll(filepath.Join(again, "second")))
	w.same(again, w.data)
	return nil
})

var _ = scenario("checkpoint-fails", failing("checkpoint", started))
var _ = scenario("freeze-fails", failing("freeze", started))
var _ = scenario("thaw-fails", failing("thaw", started))
var _ = scenario("release-fails", failing("release", started))
var _ = scenario("validate-fails", failing("validate", started))
var _ = scenario("progress-fails", failing("progress", started))
var _ = scenario("run-freeze-fails", failing("freeze", run1))

var _ = scenario("progress-cancels", func(w *world) error {
	w.watches = func(Progress, *Hook) error { return ErrCancelled }
	job := w.start(w.open())
	err := job.Wait(ctx)
	if now, _ := job.Status(); now.State != StateCancelled {
		w.Errorf("%+v", now)
	}
	return err
})

var _ = scenario("hook-cancels", func(w *world) error {
	w.does["checkpoint"] = (*Hook).Cancel
	return w.start(w.open()).Wait(ctx)
})

var _ = scenario("cancel", func(w *world) error {
	job, goOn := heldInValidate(w, func() *Coordinator { return w.open() })
	w.must(job.Cancel())
	goOn()
	return job.Wait(ctx)
})

var _ = scenario("close-cancels", func(w *world) error {
	var c *Coordinator
	entered := make(chan struct{})
	w.does["validate"] = func(h *Hook) error {
		// The close is seen before it has cancelled: the rest of the job then takes long enough.
		if err := h.SetRateLimit(1000); err != nil {
			return err
		}
		close(entered)
		for {
			if _, err := c.Find(""); errors.Is(err, fs.ErrClosed) {
				return nil
			}
			time.Sleep(time.Millisecond)
		}
	}
	c = w.open()
	job := w.start(c)
	<-entered
	w.must(c.Close())
	return job.Wait(ctx)
})

var _ = scenario("second-start", func(w *world) error {
	c := w.open()
	job, goOn := heldInValidate(w, func() *Coordinator { return c })
	_, err := c.Start(ctx)
	goOn()
	w.must(job.Wait(ctx))
	return err
})

var _ = scenario("wait-in-own-hook", func(w *world) (refused error) {
	var c *Coordinator
	w.does["validate"] = func(h *Hook) error {
		job, err := c.Find(h.JobID())
		if err != nil {
			return err
		}
		refused = job.Wait(ctx)
		return nil
	}
	c = w.open()
	w.backup(c)
	return refused
})

var _ = scenario("wait-times-out", func(w *world) error {
	job, goOn := heldInValidate(w, func() *Coordinator { return w.open() })
	soon, stop := context.WithTimeout(ctx, 10*time.Millisecond)
	defer stop()
	err := job.Wait(soon)
	goOn()
	w.must(job.Wait(ctx))
	return err
})

func opening(dir string, more ...Option) func(*world) error {
	return func(w *world) error {
		_, err := Open(filepath.Join(w.data, dir), w.options(more...)...)
		return err
	}
}

var _ = scenario("missing-directory", opening("nowhere"))
var _ = scenario("directory-is-a-file", opening("log"))
var _ = scenario("bad-rule", opening("", WithRule("[", Mutable)))
var _ = scenario("unknown-layout", opening("", WithLayout("of a museum")))

var _ = scenario("non-utf8-path", func(w *world) error {
	const name = "d\xff\xfe"
	w.data = w.beside(name)
	w.fill(w.data)
	w.write(filepath.Join(w.data, name), "named by bytes")
	c := w.open()
	job := w.backup(c)
	calls := w.forget()
	root := filepath.Join(w.data, ".lifecycle", "backup")
	if c.Root() != root || filepath.Dir(job.Location()) != root {
		w.Errorf("the root is %q, the snapshot %q", c.Root(), job.Location())
	}
	if all := w.listed(root); len(all) != 1 || all[0].Location != job.Location() {
		w.Errorf("listed: %+v", all)
	}
	target := w.beside("again\xff\xfe")
	restore, err := Restore(ctx, job.Location(), target)
	w.must(err)
	w.must(restore.Wait(ctx))
	if restore.Location() != target {
		w.Errorf("restored to %q", restore.Location())
	}
	w.same(target, w.data)
	_, err = OpenSnapshot(w.beside(name + "/nowhere"))
	var failure *Error
	if !errors.As(err, &failure) || !strings.Contains(failure.Path, name) {
		w.Errorf("the error's path: %#v", err)
	}
	w.calls = calls
	return nil
})
