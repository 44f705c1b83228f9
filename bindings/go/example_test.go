package hotbackup_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"sync"

	"hotbackup"
)

// database is a directory with one table and a log, in a place of its own.
func database() (dir string, remove func()) {
	place, err := os.MkdirTemp("", "hotbackup-example")
	check(err)
	dir = filepath.Join(place, "db")
	check(os.Mkdir(dir, 0o755))
	check(os.WriteFile(filepath.Join(dir, "1.sst"), []byte("a table"), 0o644))
	check(os.WriteFile(filepath.Join(dir, "log"), []byte("a log"), 0o644))
	return dir, func() { os.RemoveAll(place) }
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// A backup of a database whose commits are held back by a lock while it is captured, and a restore.
func Example() {
	ctx := context.Background()
	dir, remove := database()
	defer remove()

	var commits sync.RWMutex // each commit holds it for reading
	c, err := hotbackup.Open(dir,
		hotbackup.WithRule("*.sst", hotbackup.Immutable),
		hotbackup.WithFreeze(
			func(*hotbackup.Hook) error { commits.Lock(); return nil },
			func(*hotbackup.Hook) error { commits.Unlock(); return nil }))
	check(err)
	defer c.Close()

	job, err := c.Start(ctx)
	check(err)
	check(job.Wait(ctx))

	restore, err := hotbackup.Restore(ctx, job.Location(), dir+"-again")
	check(err)
	check(restore.Wait(ctx))
	text, err := os.ReadFile(filepath.Join(dir+"-again", "log"))
	check(err)
	fmt.Printf("%s\n", text)
	// Output: a log
}

// The hooks run on the calling goroutine, locked to its thread: for hosts whose objects are bound to
// one, and where a lock must be released by the one who took it.
func ExampleCoordinator_Run() {
	dir, remove := database()
	defer remove()
	c, err := hotbackup.Open(dir, hotbackup.WithCheckpoint(func(*hotbackup.Hook) error {
		fmt.Println("flushed")
		return nil
	}))
	check(err)
	defer c.Close()

	job, err := c.Run(context.Background())
	check(err)
	now, err := job.Status()
	check(err)
	fmt.Println(now.State, now.Percent, now.FilesDone)
	// Output:
	// flushed
	// completed 100 2
}

// What a hook returns comes out of Wait.
func ExampleJob_Wait() {
	dir, remove := database()
	defer remove()
	errBusy := errors.New("a schema change is under way")
	c, err := hotbackup.Open(dir, hotbackup.WithCheckpoint(func(*hotbackup.Hook) error { return errBusy }))
	check(err)
	defer c.Close()

	job, err := c.Start(context.Background())
	check(err)
	err = job.Wait(context.Background())
	fmt.Println(errors.Is(err, hotbackup.ErrHookFailed), errors.Is(err, errBusy))
	// Output: true true
}

// The context of the start cancels the job.
func ExampleCoordinator_Start() {
	dir, remove := database()
	defer remove()
	ctx, cancel := context.WithCancel(context.Background())
	c, err := hotbackup.Open(dir, hotbackup.WithValidate(func(_ string, h *hotbackup.Hook) error {
		cancel() // such as when the host shuts down
		return h.SetRateLimit(1)
	}))
	check(err)
	defer c.Close()

	job, err := c.Start(ctx)
	check(err)
	err = job.Wait(context.Background())
	fmt.Println(errors.Is(err, context.Canceled), errors.Is(err, hotbackup.ErrCancelled))
	// Output: true true
}

// An engine that knows its live files names them while it is frozen, and adds what only the snapshot has.
func ExampleHook_AddFile() {
	dir, remove := database()
	defer remove()
	freeze := func(h *hotbackup.Hook) error {
		return errors.Join(
			h.AddFile("1.sst", hotbackup.Immutable, hotbackup.WholeFile),
			h.AddFile("log", hotbackup.AppendOnly, 4),
			h.AddBytes("CURRENT", []byte("1.sst\n")))
	}
	c, err := hotbackup.Open(dir, hotbackup.WithFreeze(freeze, func(*hotbackup.Hook) error { return nil }))
	check(err)
	defer c.Close()

	job, err := c.Start(context.Background())
	check(err)
	check(job.Wait(context.Background()))
	snapshot, err := hotbackup.OpenSnapshot(job.Location())
	check(err)
	fmt.Println(snapshot.Files, "files of", snapshot.Bytes, "bytes")
	// Output: 3 files of 17 bytes
}

// Snapshots are listed newest first; an unreadable one comes with its error.
func ExampleList() {
	dir, remove := database()
	defer remove()
	c, err := hotbackup.Open(dir, hotbackup.WithMetadata([]byte("schema 7")))
	check(err)
	defer c.Close()
	for range 3 {
		_, err := c.Run(context.Background())
		check(err)
	}

	deleted, err := hotbackup.Prune(c.Root(), 2)
	check(err)
	fmt.Println(deleted, "deleted")
	for snapshot, err := range hotbackup.List(c.Root()) {
		if err != nil {
			log.Println(snapshot.Location, err)
			continue
		}
		fmt.Println(snapshot.Files, bytes.Equal(snapshot.Metadata, []byte("schema 7")))
	}
	// Output:
	// 1 deleted
	// 2 true
	// 2 true
}
