package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"hotbackup"
	"hotbackup/hosts/rounds"
	"hotbackup/hosts/workload"
)

func main() {
	n := flag.Int("rounds", 10, "how many backups to take, restore and check")
	pause := flag.Duration("pause", 0, "how long to rest before each; writers rest too, so that tables are shared")
	logs := flag.Bool("logs", false, "keep the logs in a directory of their own")
	keep := flag.Bool("keep", false, "do not recycle logs")
	blobs := flag.Bool("blobs", false, "keep long values in files of their own")
	memTable := flag.Uint64("memtable", 128<<10, "bytes of a memtable")
	flag.Parse()
	directory, err := os.MkdirTemp("", "pebble-")
	if err == nil {
		defer os.RemoveAll(directory)
		setup := setup{
			directory: filepath.Join(directory, "live"), keepLogs: *keep, blobs: *blobs, memTable: *memTable,
		}
		if *logs {
			setup.logs = filepath.Join(directory, "logs")
		}
		err = run(setup, *pause, *n)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(setup setup, pause time.Duration, n int) error {
	s, err := open(setup)
	if err != nil {
		return err
	}
	defer s.db.Close()
	s.pause = pause
	stop, stopped := make(chan struct{}), make(chan error, writers)
	for writer := range writers {
		go func() { stopped <- s.write(writer, stop) }()
	}
	result, err := s.backUp(n)
	close(stop)
	for range writers {
		err = errors.Join(err, <-stopped)
	}
	if err != nil {
		return err
	}
	fmt.Printf("snapshots hold exactly the commits before the freeze; %s\n", &s.changes)
	fmt.Println(result)
	fmt.Println(workload.Report(&s.stopped, &result.Windows, &s.took))
	if pause > 0 && result.Linked == 0 {
		return errors.New("no table was shared, which proves nothing of sharing: take more rounds, or a longer pause")
	}
	return nil
}

// backUp takes n backups of the database while it is written to, and checks each.
func (s *store) backUp(n int, more ...hotbackup.Option) (*rounds.Result, error) {
	expected := states()
	return rounds.Take(s.setup.directory, n, s.pause, func() rounds.Check {
		frozen, held := s.frozen, at(s.frozen, expected)
		return func(restored string) error { return check(s.setup.restored(restored), frozen, held) }
	}, append(s.hooks(), more...)...)
}
