package hotbackup

import (
	"errors"
	"io/fs"
	"runtime"
	"sync"
	"testing"
	"time"
)

func TestWhatIsClosedGivesErrors(t *testing.T) {
	w := newWorld(t)
	c := w.open()
	root := c.Root()
	job := w.backup(c)
	for range 3 {
		w.must(c.Close())
	}
	_, started := c.Start(ctx)
	_, run := c.Run(ctx)
	_, found := c.Find("")
	for what, err := range map[string]error{"start": started, "run": run, "find": found} {
		if !errors.Is(err, fs.ErrClosed) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if c.Root() != root {
		t.Error("the root is forgotten")
	}
	w.must(job.Wait(ctx))
	w.must(job.Cancel())
	for range 3 {
		w.must(job.Close())
	}
	_, status := job.Status()
	_, warnings := job.Warnings()
	for what, err := range map[string]error{
		"wait": job.Wait(ctx), "status": status, "warnings": warnings, "cancel": job.Cancel(), "rate limit": job.SetRateLimit(1),
	} {
		if !errors.Is(err, fs.ErrClosed) {
			t.Errorf("%s: %v", what, err)
		}
	}
	<-job.Done()
	if job.ID() == "" || job.Location() == "" {
		t.Error("the job's names are forgotten")
	}
}

func TestAHookIsUselessAfterItsCall(t *testing.T) {
	w := newWorld(t)
	var kept *Hook
	w.does["checkpoint"] = func(h *Hook) error {
		kept = h
		if h.JobID() == "" || h.Location() == "" {
			t.Error("a hook without a job")
		}
		_, err := h.Status()
		return err
	}
	w.backup(w.open())
	_, status := kept.Status()
	for what, err := range map[string]error{
		"add file": kept.AddFile("log", Mutable, WholeFile), "add bytes": kept.AddBytes("a", nil), "cancel": kept.Cancel(),
		"metadata": kept.SetMetadata(nil), "status": status, "rate limit": kept.SetRateLimit(0),
	} {
		if !errors.Is(err, fs.ErrClosed) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if kept.JobID() != "" || kept.Location() != "" {
		t.Error("it still knows its job")
	}
}

func TestAHooksCallsSayWhatIsWrong(t *testing.T) {
	w := newWorld(t)
	w.does["checkpoint"] = func(h *Hook) error {
		for what, err := range map[string]error{
			"class": h.AddFile("log", 99, WholeFile), "excluded": h.AddFile("log", Excluded, WholeFile),
			"path": h.AddBytes("../log", []byte("x")), "NUL": h.AddFile("\x00", Mutable, WholeFile),
			"NUL too": h.AddBytes("\x00", nil),
		} {
			if !errors.Is(err, ErrInvalidArgument) {
				t.Errorf("%s: %v", what, err)
			}
		}
		return nil
	}
	w.does["validate"] = func(h *Hook) error {
		if err := h.AddBytes("late", nil); !errors.Is(err, ErrConflict) {
			t.Errorf("%v", err)
		}
		if err := h.SetMetadata(nil); !errors.Is(err, ErrConflict) {
			t.Errorf("%v", err)
		}
		return nil
	}
	w.restored(w.backup(w.open()).Location())
}

func TestABackupFromAHookOfAnotherIsRefusedOnlyWhereOneRuns(t *testing.T) {
	for _, start := range []func(*Coordinator) error{started, run1} {
		w, other := newWorld(t), newWorld(t)
		var mine, another *Coordinator
		w.does["checkpoint"] = func(*Hook) error {
			_, started := mine.Start(ctx)
			_, run := mine.Run(ctx)
			if !errors.Is(started, ErrConflict) || !errors.Is(run, ErrConflict) {
				t.Errorf("%v, %v", started, run)
			}
			return start(another)
		}
		mine, another = w.open(), other.open()
		w.must(start(mine))
		other.restored(other.listed(another.Root())[0].Location)
	}
}

func TestACloseFromAHookCancelsAndDoesNotWait(t *testing.T) {
	for _, start := range []func(*Coordinator) error{started, run1} {
		for _, hook := range []string{"checkpoint", "freeze", "validate"} {
			w := newWorld(t)
			var c *Coordinator
			w.does[hook] = func(h *Hook) error {
				// Else its end may come before the cancel is looked for.
				if err := h.SetRateLimit(1000); err != nil {
					return err
				}
				return errors.Join(c.Close(), c.Close())
			}
			c = w.open()
			if err := start(c); !errors.Is(err, ErrCancelled) {
				t.Errorf("%s: %v", hook, err)
			}
			w.must(c.Close())
			if running := c.core.running(); len(running) != 0 {
				t.Errorf("%s: %d still run", hook, len(running))
			}
		}
	}
}

// The close waits for the backup's end, and the call does not wait with it.
func TestACallThatIsUnderWayAtACloseReturnsAtOnce(t *testing.T) {
	w := newWorld(t)
	c := w.open()
	job, goOn := heldInValidate(w, func() *Coordinator { return c })
	closing, returned := make(chan error, 1), make(chan error, 1)
	call := func(coordinatorPtr) error {
		go func() { closing <- c.Close() }()
		for isClosed := false; !isClosed; time.Sleep(time.Millisecond) {
			c.core.mu.Lock()
			isClosed = c.core.closed
			c.core.mu.Unlock()
		}
		return nil
	}
	go func() { returned <- c.use(call) }()
	select {
	case err := <-returned:
		w.must(err)
	case <-time.After(time.Minute):
		t.Error("it waits for the end of the backup")
	}
	goOn()
	w.must(<-closing)
	if err := job.Wait(ctx); !errors.Is(err, ErrCancelled) {
		t.Errorf("%v", err)
	}
}

func TestACloseByAnotherEndsARun(t *testing.T) {
	w := newWorld(t)
	c := w.open()
	entered, closing := make(chan struct{}), make(chan error)
	w.does["validate"] = func(h *Hook) error { close(entered); return h.SetRateLimit(1000) }
	go func() { <-entered; closing <- c.Close() }()
	if job, err := c.Run(ctx); !errors.Is(err, ErrCancelled) || job == nil {
		t.Errorf("%v, %v", job, err)
	}
	w.must(<-closing)
}

func TestManyMayUseAndCloseACoordinatorAtOnce(t *testing.T) {
	for range 20 {
		w := newWorld(t)
		c := w.open()
		var all sync.WaitGroup
		for i := range 12 {
			all.Add(1)
			go func() {
				defer all.Done()
				var err error
				switch i % 4 {
				case 0:
					err = started(c)
				case 1:
					err = run1(c)
				case 2:
					var job *Job
					if job, err = c.Find(""); err == nil {
						_, err = job.Status()
						job.Close()
					}
				case 3:
					time.Sleep(time.Duration(i) * time.Millisecond)
					c.Close()
				}
				var ours *Error
				if err != nil && (!errors.As(err, &ours) || ours.Code == ErrInternal || ours.Code == ErrHookFailed) {
					t.Errorf("%v", err)
				}
			}()
		}
		all.Wait()
	}
}

func TestManyMayUseAndCloseAJobAtOnce(t *testing.T) {
	w := newWorld(t)
	c := w.open()
	snapshot := w.backups(c, 1)[0].Location()
	for i := range 20 {
		job, err := Verify(ctx, snapshot)
		if i%2 == 0 {
			job, err = c.Start(ctx)
		}
		w.must(err)
		var all sync.WaitGroup
		for j := range 12 {
			all.Add(1)
			go func() {
				defer all.Done()
				var err error
				switch j % 4 {
				case 0:
					err = job.Wait(ctx)
				case 1:
					_, err = job.Status()
				case 2:
					err = job.SetRateLimit(1 << 40)
				case 3:
					err = job.Close()
				}
				if err != nil && !errors.Is(err, fs.ErrClosed) && !errors.Is(err, ErrCancelled) {
					t.Errorf("%v", err)
				}
			}()
		}
		all.Wait()
		<-job.Done()
	}
}

func TestAClosedBackupGoesOnAndAClosedRestoreIsCancelled(t *testing.T) {
	w := newWorld(t)
	c := w.open()
	job, goOn := heldInValidate(w, func() *Coordinator { return c })
	waiting := make(chan error)
	go func() { waiting <- job.Wait(ctx) }()
	w.must(job.Close())
	if err := <-waiting; !errors.Is(err, fs.ErrClosed) {
		t.Errorf("the one that waited: %v", err)
	}
	goOn()
	<-job.Done()
	snapshot, err := Latest(c.Root())
	if err != nil || snapshot.ID != job.ID() {
		t.Errorf("%+v, %v", snapshot, err)
	}

	w.does["validate"] = func(h *Hook) error { return h.SetRateLimit(1000) }
	entered := make(chan struct{})
	w.looks = func(string, *Hook) error { close(entered); return nil }
	restore, err := Restore(ctx, snapshot.Location, w.beside("again"), w.options()...)
	w.must(err)
	<-entered
	w.must(restore.Close())
	w.absent(w.beside("again"))
}

func TestARestoreIsClosedFromItsOwnHook(t *testing.T) {
	w := newWorld(t)
	snapshot := w.backups(w.open(), 1)[0].Location()
	handOver := make(chan *Job, 1)
	w.looks = func(_ string, h *Hook) error {
		job := <-handOver
		if err := job.Wait(ctx); !errors.Is(err, ErrConflict) {
			t.Errorf("waited: %v", err)
		}
		return errors.Join(h.SetRateLimit(1000), job.Close())
	}
	job, err := Restore(ctx, snapshot, w.beside("again"), w.options()...)
	w.must(err)
	handOver <- job
	<-job.Done()
	w.absent(w.beside("again"))
}

func TestAForgottenRestoreGoesOn(t *testing.T) {
	w := newWorld(t)
	snapshot := w.backups(w.open(), 1)[0].Location()
	done := func() <-chan struct{} {
		job, err := Restore(ctx, snapshot, w.beside("again"))
		w.must(err)
		return job.Done()
	}()
	runtime.GC()
	<-done
	w.same(w.beside("again"), w.data)
}

func TestAForgottenCoordinatorIsClosedOnceNothingRuns(t *testing.T) {
	w := newWorld(t)
	core, job := func() (*core, *Job) {
		c, err := Open(w.data)
		w.must(err)
		return c.core, w.start(c)
	}()
	runtime.GC()
	w.must(job.Wait(ctx))
	for range 10_000 {
		runtime.GC()
		select {
		case <-core.gone:
			return
		default:
			time.Sleep(time.Millisecond)
		}
	}
	t.Error("it was never closed")
}
