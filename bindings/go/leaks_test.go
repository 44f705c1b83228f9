package hotbackup

import (
	"errors"
	"os"
	"runtime"
	"testing"
	"time"
)

// held is what a process could lose by and by.
type held struct {
	goroutines, descriptors, threads int
	handles                          int64
}

func holds(t *testing.T) held {
	count := func(dir string) int {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	return held{runtime.NumGoroutine(), count("/proc/self/fd"), count("/proc/self/task"), handles.Load()}
}

// Not parallel: it counts what the whole process holds.
func TestManyBackupsLeaveNothing(t *testing.T) {
	w := newWorld(t)
	round := func(i int) {
		w.fails = []string{"", "freeze", "progress", "validate"}[i%4]
		c, err := Open(w.data, w.options(WithVerifyLevel(VerifyNone))...)
		w.must(err)
		job, err := c.Start(ctx)
		if i%2 == 1 {
			w.must(job.Wait(ctx))
			job, err = c.Run(ctx)
		}
		if err == nil {
			err = job.Wait(ctx)
		}
		if (err == nil) != (w.fails == "") {
			t.Fatal(err)
		}
		if w.fails == "" {
			if found, err := c.Find(job.ID()); err != nil || found.Wait(ctx) != nil {
				t.Fatal("not found", err)
			}
			verify, err := Verify(ctx, job.Location(), w.options()...)
			w.must(err)
			w.must(verify.Wait(ctx))
			_, err = Prune(c.Root(), 1)
			w.must(err)
		}
		w.must(c.Close())
	}
	rounds := 100
	if testing.Short() {
		rounds = 20
	}
	for i := range 8 {
		round(2 * i)
	}
	before := holds(t)
	for i := range rounds {
		round(2 * i)
	}
	// A thread or a goroutine that has done its work may take a moment to go.
	var after held
	for range 300 {
		after = holds(t)
		if after.goroutines <= before.goroutines && after.threads <= before.threads {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if after.goroutines > before.goroutines || after.descriptors > before.descriptors || after.handles != 0 {
		t.Errorf("%+v before, %+v after %d rounds", before, after, rounds)
	}
	// The runtime's own threads come and go, but not with the rounds.
	if after.threads > before.threads+8 {
		t.Errorf("%d threads before, %d after", before.threads, after.threads)
	}
}

func TestFailedOpensAndStartsLeaveNoHook(t *testing.T) {
	w := newWorld(t)
	before := handles.Load()
	for range 50 {
		_, missing := Open(w.beside("missing"), w.options()...)
		_, bad := Open(w.data, w.options(WithFreeze(func(*Hook) error { return nil }, nil))...)
		_, empty := Restore(ctx, "", "", w.options()...)
		if missing == nil || bad == nil || empty == nil {
			t.Fatal("one succeeded", errors.Join(missing, bad, empty))
		}
	}
	if after := handles.Load(); after != before {
		t.Errorf("%d handles before, %d after", before, after)
	}
}

// Waiting parks a goroutine and no thread.
func TestWaitingBlocksNoThread(t *testing.T) {
	w := newWorld(t)
	snapshot := w.backups(w.open(), 1)[0].Location()
	entered, let := make(chan struct{}), make(chan struct{})
	w.looks = func(string, *Hook) error { entered <- struct{}{}; <-let; return nil }
	var jobs []*Job
	start := func(n int) int {
		for range n {
			job, err := Verify(ctx, snapshot, w.options()...)
			w.must(err)
			jobs = append(jobs, job)
			go job.Wait(ctx)
		}
		for range n {
			<-entered
		}
		made, _ := runtime.ThreadCreateProfile(nil)
		return made
	}
	before := start(4)
	during := start(20)
	close(let)
	for _, job := range jobs {
		w.must(job.Wait(ctx))
	}
	// The runtime counts the thread of the library's that a hook runs on as one of its own.
	if during > before+20+8 {
		t.Errorf("the runtime had %d threads, %d with 20 more jobs", before, during)
	}
}
