package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"hotbackup"
	"hotbackup/hosts/rounds"
	"hotbackup/hosts/workload"
)

func main() {
	n := flag.Int("rounds", 10, "how many backups to take, restore and check")
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
		err = run(setup, *n)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(setup setup, n int) error {
	s, err := open(setup)
	if err != nil {
		return err
	}
	defer s.db.Close()
	stop, stopped := make(chan struct{}), make(chan error, writers)
	for writer := range writers {
		go func() { stopped <- s.write(writer, stop) }()
	}
	windows, err := s.backUp(n)
	close(stop)
	for range writers {
		err = errors.Join(err, <-stopped)
	}
	if err != nil {
		return err
	}
	fmt.Printf("%d snapshots hold exactly the commits before the freeze; %s\n", n, &s.changes)
	fmt.Println(workload.Report(&s.stopped, windows, &s.took))
	return nil
}

// backUp takes n backups of the database while it is written to, and checks each.
func (s *store) backUp(n int, more ...hotbackup.Option) (*workload.Times, error) {
	expected := states()
	return rounds.Take(s.setup.directory, n, func(restored string) error {
		return check(s.setup.restored(restored), s.frozen, expected)
	}, append(s.hooks(), more...)...)
}
