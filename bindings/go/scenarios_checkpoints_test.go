package hotbackup

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
)

func (w *world) checkpoint(c *Coordinator, flags CheckpointFlags) *Job {
	w.Helper()
	job, err := c.StartCheckpoint(ctx, flags|CheckpointLinksAreSafe)
	w.must(err)
	return job
}

func (w *world) sameFile(one, other string) bool {
	w.Helper()
	a, err := os.Stat(one)
	w.must(err)
	b, err := os.Stat(other)
	w.must(err)
	return os.SameFile(a, b)
}

func isThere(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func (w *world) lookedAtAndRemoved(c *Coordinator, job *Job) {
	w.Helper()
	now, err := job.Status()
	w.must(err)
	if now.Kind != KindCheckpoint || now.Percent != 100 || now.BytesLinked != 100018 || now.BytesCopied != 5 {
		w.Errorf("%+v", now)
	}
	made := job.Location()
	entries, err := os.ReadDir(made)
	w.must(err)
	names := ""
	for _, entry := range entries {
		names += entry.Name() + " "
	}
	if names != "1.sst 2.sst checkpoint.manifest log wal " {
		w.Errorf("it holds %s", names)
	}
	for name, linked := range map[string]bool{"1.sst": true, "2.sst": true, "log": false} {
		if w.sameFile(filepath.Join(made, name), filepath.Join(w.data, name)) != linked {
			w.Errorf("%s: linked is not %v", name, linked)
		}
	}
	if filepath.Dir(made) != filepath.Join(w.data, ".lifecycle/checkpoints") || len(w.listed(c.Root())) != 0 {
		w.Errorf("it lies in %s", made)
	}
	w.must(RemoveCheckpoint(made))
	if isThere(made) || !isThere(filepath.Join(w.data, "1.sst")) {
		w.Error("not removed, or too much")
	}
}

var _ = scenario("checkpoint", func(w *world) error {
	c := w.open()
	job := w.checkpoint(c, 0)
	err := job.Wait(ctx)
	w.lookedAtAndRemoved(c, job)
	return err
})

var _ = scenario("checkpoint-run", func(w *world) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	here := syscall.Gettid()
	for _, hook := range []string{"checkpoint", "freeze", "thaw", "release", "validate"} {
		w.does[hook] = func(*Hook) error {
			if syscall.Gettid() != here {
				w.Error("a hook on another thread")
			}
			return nil
		}
	}
	c := w.open()
	job, err := c.RunCheckpoint(ctx, CheckpointLinksAreSafe)
	w.lookedAtAndRemoved(c, job)
	return err
})

var _ = scenario("checkpoint-unvouched", func(w *world) error {
	c := w.open()
	for _, flags := range []CheckpointFlags{-1, 4} {
		if _, err := c.StartCheckpoint(ctx, flags); !errors.Is(err, ErrInvalidArgument) {
			w.Errorf("flags %d: %v", flags, err)
		}
		if _, err := c.RunCheckpoint(ctx, flags); !errors.Is(err, ErrInvalidArgument) {
			w.Errorf("flags %d: %v", flags, err)
		}
	}
	_, err := c.StartCheckpoint(ctx, 0)
	return err
})

var _ = scenario("checkpoint-no-snapshot", func(w *world) error {
	job := w.checkpoint(w.open(), 0)
	w.must(job.Wait(ctx))
	_, err := OpenSnapshot(job.Location())
	return err
})

var _ = scenario("checkpoint-until-close", func(w *world) error {
	c := w.open()
	job := w.checkpoint(c, CheckpointUntilClose)
	err := job.Wait(ctx)
	there := isThere(job.Location())
	w.must(c.Close())
	if !there || isThere(job.Location()) {
		w.Errorf("%s: there %v, and then %v", job.Location(), there, isThere(job.Location()))
	}
	return err
})

var _ = scenario("checkpoint-freeze-fails", func(w *world) error {
	w.fails = "freeze"
	job := w.checkpoint(w.open(), 0)
	err := job.Wait(ctx)
	if isThere(job.Location()) {
		w.Error("it is there")
	}
	return err
})

var _ = scenario("checkpoint-remove-none", func(w *world) error {
	return RemoveCheckpoint(filepath.Join(w.data, ".lifecycle/checkpoints/checkpoint-1"))
})
