package hotbackup

import "context"

// StartCheckpoint starts a checkpoint and returns at once: a directory in .lifecycle/checkpoints of the data
// directory, [Job.Location], at the consistent point of a freeze, whose immutable files are links to the live
// ones, so that it takes milliseconds and no space. It is no snapshot, and is in no root's list. Its engine may
// open it read-only where it lies, or a copy of it anywhere.
//
// Hooks, ctx and errors are those of [Coordinator.Start], but for the errors of the root. [ErrUnsupported]: the
// layout is not rocksdb, leveldb or pebble, and the host does not vouch for its links; as the job's result:
// links are refused, or a further source lies on another file system.
func (c *Coordinator) StartCheckpoint(ctx context.Context, flags CheckpointFlags) (*Job, error) {
	if flags < 0 {
		return nil, invalid("%d holds a flag that no checkpoint has", flags)
	}
	return c.start(ctx, flags)
}

// RunCheckpoint makes a checkpoint with its hooks on the calling goroutine, as [Coordinator.Run] does a backup.
func (c *Coordinator) RunCheckpoint(ctx context.Context, flags CheckpointFlags) (*Job, error) {
	if flags < 0 {
		return nil, invalid("%d holds a flag that no checkpoint has", flags)
	}
	return c.run(ctx, flags)
}

// RemoveCheckpoint removes a checkpoint, by the location of its job. The live database keeps its files; the space
// of those that it has deleted since comes back. Nobody may have it open. [ErrNotFound]: it is not there;
// [ErrInvalidArgument]: no checkpoint is made at such a place, or what is there is none (a copy is its owner's to
// remove); [ErrConflict]: somebody holds a lock (flock) on its directory.
func RemoveCheckpoint(location string) error { return removeCheckpoint(location) }
