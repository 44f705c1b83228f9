// Package rounds takes backups of a live database, one after the other, and has each looked at after
// it was restored: at once, and again when younger ones share its files and others that did are gone.
package rounds

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"hotbackup"
	"hotbackup/hosts/workload"
)

// So many snapshots are there at a time.
const atATime = 5

// A Check compares a restored snapshot with what was committed before its freeze, however long ago.
type Check func(restored string) error

// Result is what came of all rounds. None of the snapshots was wrong: the first that is ends them.
type Result struct {
	Windows   workload.Times
	Snapshots int
	Older     int    // restores of a snapshot that younger ones have followed
	Linked    uint64 // bytes that snapshots share with earlier ones
}

func (r *Result) String() string {
	return fmt.Sprintf("%d snapshots, 0 wrong; older ones were restored %d times, others deleted in between, 0 wrong; "+
		"%d KB were shared", r.Snapshots, r.Older, r.Linked>>10)
}

// Take backs up the database in a directory n times, each after a pause. For each snapshot expect is asked
// for its check, which gets what is restored to a directory beside the database: when the snapshot was
// made, and before it is deleted. Which one that is, is left to chance.
func Take(
	directory string, n int, pause time.Duration, expect func() Check, options ...hotbackup.Option,
) (*Result, error) {
	coordinator, err := hotbackup.Open(directory, options...)
	if err != nil {
		return nil, err
	}
	defer coordinator.Close()
	s := &series{root: coordinator.Root(), target: directory + "-restored", chance: rand.New(rand.NewPCG(1, 1))}
	for range n {
		time.Sleep(pause)
		if err := s.take(coordinator, expect); err != nil {
			return &s.result, err
		}
		if len(s.kept) > atATime {
			err = s.deleteAny()
		}
		if err != nil {
			return &s.result, err
		}
	}
	for len(s.kept) > 0 {
		if err := s.deleteAny(); err != nil {
			return &s.result, err
		}
	}
	return &s.result, nil
}

type series struct {
	root, target string
	chance       *rand.Rand
	kept         []snapshot // oldest first
	result       Result
}

type snapshot struct {
	location string
	check    Check
}

func (s *series) take(coordinator *hotbackup.Coordinator, expect func() Check) error {
	job, err := coordinator.Run(context.Background())
	if err != nil {
		return err
	}
	status, err := job.Status()
	if err != nil {
		return err
	}
	s.result.Windows.Add(status.Freeze)
	s.result.Linked += status.BytesLinked
	made := snapshot{job.Location(), expect()}
	s.kept = append(s.kept, made)
	if err := s.look(made); err != nil {
		return fmt.Errorf("the snapshot %w", err)
	}
	s.result.Snapshots++
	return nil
}

// deleteAny deletes any of those that are kept, once it has proved to be what it was when it was made.
func (s *series) deleteAny() error {
	at := s.chance.IntN(len(s.kept))
	gone := s.kept[at]
	if err := s.look(gone); err != nil {
		return fmt.Errorf("the older snapshot %w", err)
	}
	if at < len(s.kept)-1 {
		s.result.Older++
	}
	s.kept = append(s.kept[:at], s.kept[at+1:]...)
	return hotbackup.Delete(s.root, filepath.Base(gone.location))
}

func (s *series) look(at snapshot) error {
	ctx := context.Background()
	restore, err := hotbackup.Restore(ctx, at.location, s.target)
	if err == nil {
		err = restore.Wait(ctx)
	}
	if err == nil {
		err = at.check(s.target)
	}
	if err != nil {
		return fmt.Errorf("%s, restored to %s: %w", filepath.Base(at.location), s.target, err)
	}
	return os.RemoveAll(s.target)
}
