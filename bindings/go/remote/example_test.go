package remote_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"hotbackup"
	"hotbackup/remote"
)

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// snapshot makes a backup of a database with one table, in a place of its own.
func snapshot() (place, location string) {
	place, err := os.MkdirTemp("", "hotbackup-example")
	check(err)
	dir := filepath.Join(place, "db")
	check(os.Mkdir(dir, 0o755))
	check(os.WriteFile(filepath.Join(dir, "1.sst"), []byte("a table"), 0o644))
	c, err := hotbackup.Open(dir)
	check(err)
	defer c.Close()
	job, err := c.Run(context.Background())
	check(err)
	return place, job.Location()
}

// A snapshot is sent to a repository, which is made before, and the machine that is lost is restored from there.
// For an object store the URL is such as s3://bucket/db, and the settings say its region.
func Example() {
	ctx := context.Background()
	place, location := snapshot()
	defer os.RemoveAll(place)

	r, err := remote.Open("file://"+filepath.Join(place, "store"), remote.Options{
		Settings:     map[string]string{"lock_wait": "2s"},
		PasswordFunc: func() (string, error) { return "from the vault", nil },
	})
	check(err)
	defer r.Close()
	if err := r.Init(); err != nil && !errors.Is(err, hotbackup.ErrConflict) {
		log.Fatal(err)
	}
	push, err := r.Push(ctx, location, hotbackup.WithRateLimit(64<<20))
	check(err)
	check(push.Wait(ctx))

	again := filepath.Join(place, "again")
	restore, err := r.Restore(ctx, "latest", again)
	check(err)
	check(restore.Wait(ctx))
	text, err := os.ReadFile(filepath.Join(again, "1.sst"))
	check(err)
	fmt.Printf("%s\n", text)
	// Output: a table
}

// Snapshots are listed with the oldest first; an unreadable one comes with its error.
func ExampleRemote_List() {
	ctx := context.Background()
	place, location := snapshot()
	defer os.RemoveAll(place)
	r, err := remote.Open("file://"+filepath.Join(place, "store"), remote.Options{Password: "secret"})
	check(err)
	defer r.Close()
	check(r.Init())
	push, err := r.Push(ctx, location)
	check(err)
	check(push.Wait(ctx))

	all, err := r.List("")
	check(err)
	for _, one := range all {
		if one.Err != nil {
			log.Println(one.Err)
			continue
		}
		fmt.Println(filepath.Base(location) == fmt.Sprintf("ts-%d", one.Number), one.Pushed)
		check(r.Forget(one.ID))
	}
	// Output: true true
}
