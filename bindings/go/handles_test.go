package hotbackup

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"testing"
	"time"
)

// Not parallel: it counts what the whole process holds.
func TestAnyNumberOfFindsShareOneWatch(t *testing.T) {
	w := newWorld(t)
	c := w.open()
	job, goOn := heldInValidate(w, func() *Coordinator { return c })
	finds := 3000
	if testing.Short() {
		finds = 300
	}
	var found []*Job
	find := func(n int) {
		for i := range n {
			one, err := c.Find([]string{"", job.ID()}[i%2])
			w.must(err)
			if i%3 == 0 {
				w.must(one.Close())
			} else {
				found = append(found, one)
			}
		}
	}
	find(30)
	before := holds(t)
	find(finds)
	// A goroutine that is being made is one more for a moment, and so is a thread of the runtime's.
	var during held
	for range 300 {
		if during = holds(t); during.goroutines <= before.goroutines {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if during.goroutines > before.goroutines || during.descriptors > before.descriptors ||
		during.threads > before.threads+8 || during.handles != before.handles {
		t.Errorf("%+v before, %+v after %d finds", before, during, finds)
	}
	goOn()
	for _, one := range append(found, job) {
		w.must(one.Wait(ctx))
	}
}

func TestAClosedHandleLeavesTheOthersOfItsJobGood(t *testing.T) {
	w := newWorld(t)
	c := w.open()
	job, goOn := heldInValidate(w, func() *Coordinator { return c })
	one, err := c.Find("")
	w.must(err)
	other, err := c.Find(job.ID())
	w.must(err)
	results := make(chan error, 2)
	waiting := make(chan error)
	go func() { waiting <- one.Wait(ctx) }()
	go func() { results <- other.Wait(ctx) }()
	go func() { results <- job.Wait(ctx) }()
	w.must(one.Close())
	if err := <-waiting; !errors.Is(err, fs.ErrClosed) {
		t.Errorf("the one that was closed: %v", err)
	}
	select {
	case err := <-results:
		t.Errorf("another handle: %v", err)
	default:
	}
	if now, err := other.Status(); err != nil || now.State != StateRunning {
		t.Errorf("%+v, %v", now, err)
	}
	goOn()
	w.must(<-results)
	w.must(<-results)
	if now, err := other.Status(); err != nil || now.State != StateCompleted {
		t.Errorf("%+v, %v", now, err)
	}
}

func TestAFoundJobHasTheResultOfTheStartedOne(t *testing.T) {
	w := newWorld(t)
	entered, let := make(chan struct{}), make(chan struct{})
	w.does["validate"] = func(*Hook) error { close(entered); <-let; return nil }
	reason := errors.New("the host goes down")
	mine, cancel := context.WithCancelCause(ctx)
	c := w.open()
	job, err := c.Start(mine)
	w.must(err)
	<-entered
	found, err := c.Find("")
	w.must(err)
	w.must(job.Close())
	cancel(reason)
	awaitCancelled(w, found)
	close(let)
	if err := found.Wait(ctx); !errors.Is(err, reason) || !errors.Is(err, ErrCancelled) {
		t.Errorf("%v", err)
	}
}

func TestWarningsAreThereWhileTheJobRunsAndAfterItsEnd(t *testing.T) {
	w := newWorld(t)
	w.canShare()
	always := WithShare(ShareAlways)
	w.rot(filepath.Join(w.shares(0, 0, always).Location(), "2.sst"))
	job, goOn := heldInValidate(w, func() *Coordinator { return w.open(always, WithRereadAfter(0)) })
	running := w.warnings(job, 1)
	if !errors.Is(running[0], ErrCorrupt) {
		t.Errorf("%v", running[0])
	}
	goOn()
	w.must(job.Wait(ctx))
	w.warnings(job, 1)[0] = nil // a list of the caller's own
	if ended := w.warnings(job, 1); ended[0] == nil || ended[0].Error() != running[0].Error() {
		t.Errorf("%v, while it ran %v", ended[0], running[0])
	}
}

// A hook may find its job before Start has returned it.
func TestAJobThatAHookFoundFirstIsCancelledByTheContextOfItsStart(t *testing.T) {
	for range 20 {
		w := newWorld(t)
		mine, cancel := context.WithCancel(ctx)
		var c *Coordinator
		found := make(chan *Job, 1)
		w.does["checkpoint"] = func(*Hook) error {
			job, err := c.Find("")
			if err == nil {
				found <- job
			}
			return err
		}
		w.does["validate"] = func(*Hook) error {
			cancel()
			awaitCancelled(w, <-found)
			return nil
		}
		c = w.open()
		job, err := c.Start(mine)
		w.must(err)
		if err := job.Wait(ctx); !errors.Is(err, context.Canceled) {
			t.Fatalf("%v", err)
		}
		w.must(c.Close())
	}
}
