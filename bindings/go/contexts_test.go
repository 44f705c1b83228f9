package hotbackup

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestTheContextOfAStartCancelsTheJob(t *testing.T) {
	w := newWorld(t)
	entered, let := make(chan struct{}), make(chan struct{})
	w.does["validate"] = func(*Hook) error { close(entered); <-let; return nil }
	reason := errors.New("the host goes down")
	mine, cancel := context.WithCancelCause(ctx)
	job, err := w.open().Start(mine)
	w.must(err)
	<-entered
	cancel(reason)
	awaitCancelled(w, job)
	close(let)
	err = job.Wait(ctx)
	if !errors.Is(err, context.Canceled) || !errors.Is(err, ErrCancelled) || !errors.Is(err, reason) {
		t.Errorf("%v", err)
	}
}

// awaitCancelled waits until the end of the context has reached the job.
func awaitCancelled(w *world, job *Job) {
	for range 10_000 {
		job.watch.mu.RLock()
		why := job.watch.why
		job.watch.mu.RUnlock()
		if why != nil {
			// It is cancelled right after why was set.
			_ = job.Cancel()
			return
		}
		time.Sleep(time.Millisecond)
	}
	w.Error("the job never knew")
}

func TestADeadlineOfTheStartIsTheReason(t *testing.T) {
	w := newWorld(t)
	w.does["validate"] = func(h *Hook) error { return h.SetRateLimit(1000) }
	soon, stop := context.WithTimeout(ctx, 20*time.Millisecond)
	defer stop()
	job, err := w.open().Start(soon)
	if err == nil {
		err = job.Wait(ctx)
	}
	if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, ErrCancelled) {
		t.Errorf("%v", err)
	}
}

func TestTheContextOfAWaitOnlyStopsTheWaiting(t *testing.T) {
	w := newWorld(t)
	job, goOn := heldInValidate(w, func() *Coordinator { return w.open() })
	mine, cancel := context.WithCancel(ctx)
	cancel()
	if err := job.Wait(mine); err != context.Canceled {
		t.Errorf("%v", err)
	}
	select {
	case <-job.Done():
		t.Error("the job has ended")
	default:
	}
	goOn()
	w.must(job.Wait(ctx))
	<-job.Done()
	if err := job.Wait(mine); err != nil {
		t.Errorf("the result of an ended job needs no waiting: %v", err)
	}
}

func TestNothingStartsUnderAContextThatHasEnded(t *testing.T) {
	w := newWorld(t)
	c := w.open()
	snapshot := w.backups(c, 1)[0].Location()
	mine, cancel := context.WithCancel(ctx)
	cancel()
	_, started := c.Start(mine)
	job, run := c.Run(mine)
	_, restored := Restore(mine, snapshot, w.beside("again"))
	_, verified := Verify(mine, snapshot)
	for what, err := range map[string]error{"start": started, "run": run, "restore": restored, "verify": verified} {
		if !errors.Is(err, context.Canceled) || !errors.Is(err, ErrCancelled) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if job != nil || len(w.forget()) != 0 {
		t.Error("something ran")
	}
	w.absent(w.beside("again"))
}

func TestTheContextOfARunCancelsIt(t *testing.T) {
	w := newWorld(t)
	mine, cancel := context.WithCancel(ctx)
	c := w.open()
	w.does["validate"] = func(*Hook) error {
		job, err := c.Find("")
		if err != nil {
			return err
		}
		cancel()
		awaitCancelled(w, job)
		return nil
	}
	job, err := c.Run(mine)
	if !errors.Is(err, context.Canceled) || job == nil {
		t.Fatalf("%v, %v", job, err)
	}
	if again := job.Wait(ctx); again != err {
		t.Errorf("%v, not %v", again, err)
	}
	if now, _ := job.Status(); now.State != StateCancelled || now.Percent == 100 {
		t.Errorf("%+v", now)
	}
}

func TestARunIsSeenAndCancelledByOthers(t *testing.T) {
	w := newWorld(t)
	c := w.open()
	entered, let := make(chan struct{}), make(chan struct{})
	w.does["validate"] = func(*Hook) error { close(entered); <-let; return nil }
	result := make(chan error)
	go func() { _, err := c.Run(ctx); result <- err }()
	<-entered
	job, err := c.Find("")
	w.must(err)
	if _, err := c.Run(ctx); !errors.Is(err, ErrConflict) {
		t.Errorf("a second run: %v", err)
	}
	w.must(job.Cancel())
	close(let)
	if err := <-result; !errors.Is(err, ErrCancelled) {
		t.Errorf("%v", err)
	}
	if err := job.Wait(ctx); !errors.Is(err, ErrCancelled) {
		t.Errorf("%v", err)
	}
}

func TestTheContextOfARestoreCancelsIt(t *testing.T) {
	w := newWorld(t)
	snapshot := w.backups(w.open(), 1)[0].Location()
	mine, cancel := context.WithCancel(ctx)
	handOver := make(chan *Job, 1)
	w.looks = func(string, *Hook) error {
		cancel()
		awaitCancelled(w, <-handOver)
		return nil
	}
	job, err := Restore(mine, snapshot, w.beside("again"), w.options()...)
	w.must(err)
	handOver <- job
	if err := job.Wait(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	w.absent(w.beside("again"))
}
