// Package rounds takes backups of a live database, one after the other, and has each looked at after
// it was restored.
package rounds

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"hotbackup"
	"hotbackup/hosts/workload"
)

// Take backs up the database in a directory n times. Each snapshot is restored to a directory of its
// own beside it, given to check and removed. It returns how long the windows were.
func Take(
	directory string, n int, check func(restored string) error, options ...hotbackup.Option,
) (*workload.Times, error) {
	coordinator, err := hotbackup.Open(directory, options...)
	if err != nil {
		return nil, err
	}
	defer coordinator.Close()
	windows := &workload.Times{}
	for range n {
		if err := one(coordinator, directory+"-restored", check, windows); err != nil {
			return windows, err
		}
	}
	return windows, nil
}

func one(
	coordinator *hotbackup.Coordinator, target string, check func(string) error, windows *workload.Times,
) error {
	ctx := context.Background()
	job, err := coordinator.Run(ctx)
	if err != nil {
		return err
	}
	status, err := job.Status()
	if err != nil {
		return err
	}
	windows.Add(status.Freeze)
	restore, err := hotbackup.Restore(ctx, job.Location(), target)
	if err != nil {
		return err
	}
	if err := restore.Wait(ctx); err != nil {
		return err
	}
	if err := check(target); err != nil {
		return fmt.Errorf("the snapshot %s, restored to %s: %w", filepath.Base(job.Location()), target, err)
	}
	_, err = hotbackup.Prune(coordinator.Root(), 1)
	return errors.Join(err, os.RemoveAll(target))
}
