package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"hotbackup"
	"hotbackup/hosts/rounds"
	"hotbackup/hosts/workload"

	bolt "go.etcd.io/bbolt"
)

func main() {
	n := flag.Int("rounds", 10, "how many backups to take, restore and check")
	pause := flag.Duration("pause", 0, "how long to rest before each")
	page := flag.Int("page", 0, "the page size in bytes; 0: the system's")
	mapped := flag.Int("map", 1<<30, "bytes of address space to map at once (InitialMmapSize)")
	flag.IntVar(&stream.Keys, "keys", stream.Keys, "keys of each of the four buckets")
	filled := flag.Int("commits", 1000, "commits before the first backup")
	flag.Parse()
	directory, err := os.MkdirTemp("", "bbolt-")
	if err == nil {
		defer os.RemoveAll(directory)
		err = run(directory, bolt.Options{PageSize: *page, InitialMmapSize: *mapped}, *pause, *filled, *n)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(directory string, options bolt.Options, pause time.Duration, filled, n int) error {
	live := filepath.Join(directory, "live")
	if err := os.Mkdir(live, 0o700); err != nil {
		return err
	}
	s, err := open(live, options)
	if err != nil {
		return err
	}
	defer s.db.Close()
	s.pause = pause
	if err := s.fill(filled); err != nil {
		return err
	}
	stop, stopped := make(chan struct{}), make(chan error, 1)
	go func() { stopped <- s.write(stop) }()

	result, err := s.backUp(n)
	close(stop)
	if err == nil {
		err = <-stopped
	}
	if err != nil {
		return err
	}
	fmt.Printf("snapshots of %d KiB hold exactly the freeze's commit; the file grew during %d copies\n",
		s.length()>>10, s.grew)
	fmt.Println(result)
	fmt.Println(workload.Report(&s.stopped, &result.Windows, &s.took))
	return nil
}

// backUp takes n backups of the database while it is written to, and checks each.
func (s *store) backUp(n int, more ...hotbackup.Option) (*rounds.Result, error) {
	expected := workload.NewState(stream)
	return rounds.Take(filepath.Dir(s.db.Path()), n, s.pause, func() rounds.Check {
		at, held := s.frozen, expected.At(s.frozen.commit)
		return func(restored string) error { return check(restored, s.options, at, held) }
	}, append(s.hooks(), more...)...)
}
