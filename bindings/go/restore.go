package hotbackup

import (
	"context"
	"time"
)

// Restore starts a restore of a snapshot to target, where no database is open, and returns at once;
// ctx is as for [Coordinator.Start]. A target that does not exist appears by one rename; an existing one
// is replaced under a journal and kept aside for [RestoreUndo]. The directory that holds it must exist; it
// must not lie in a database that is open, nor in a backup root. If the job fails, the target is as it
// was, save for an empty .lifecycle/owner. What is in the snapshot's directory and not in its manifest is
// not restored.
//
// The options that concern it: threads, rate limit, verify level, layout, min free, keep undo, keep
// matching, clone, and the validate and progress hooks, which run on a thread of the library's. What the disk says is the job's
// result, which [Job.Wait] returns.
func Restore(ctx context.Context, snapshot, target string, opts ...Option) (*Job, error) {
	return standalone(ctx, opts, func(options optionsPtr) (jobPtr, error) {
		return startRestore(snapshot, target, options)
	})
}

// Verify starts a verification of a snapshot and returns at once; the job completes if the snapshot is
// what its manifest says. ctx is as for [Coordinator.Start]. The options that concern it: threads, rate
// limit, verify level, layout, and the validate and progress hooks.
func Verify(ctx context.Context, snapshot string, opts ...Option) (*Job, error) {
	return standalone(ctx, opts, func(options optionsPtr) (jobPtr, error) {
		return startVerify(snapshot, options)
	})
}

// ScrubBudget is how much one scrub reads: it ends with the file that it has begun when one of these is spent.
type ScrubBudget struct {
	// Bytes; 0: no limit.
	Bytes uint64
	// Time, rounded up to milliseconds; 0: no limit.
	Time time.Duration
}

// Scrub starts a scrub of a backup root and returns at once: it reads back stored files from the disk, each once
// however many snapshots share it, those first that were bad or were not read for the longest time, and writes down
// what it found ([Snapshot.VerifiedAt], [Snapshot.Damaged]). Each file that is bad is one of [Job.Warnings], with all
// snapshots in which it is bad and the newest that has it good; once the rest is read the job is [ErrCorrupt]. Backups
// and prunes go on meanwhile. ctx is as for [Coordinator.Start]. The options that concern it: rate limit, verify level
// and the progress hook. As the job's result [ErrConflict]: another scrub is at work there; [ErrNotFound]: it is no
// root.
func Scrub(ctx context.Context, root string, budget ScrubBudget, opts ...Option) (*Job, error) {
	if budget.Time < 0 {
		return nil, invalid("the time of a scrub is negative: %v", budget.Time)
	}
	return standalone(ctx, opts, func(options optionsPtr) (jobPtr, error) {
		return startScrub(root, budget.Bytes, uint64(milliseconds(budget.Time)), options)
	})
}

func standalone(ctx context.Context, opts []Option, start func(optionsPtr) (jobPtr, error)) (*Job, error) {
	return owned(ctx, nil, opts, start)
}

// owned starts a job whose owner, if it has one, is not forgotten before its end.
func owned(ctx context.Context, owner any, opts []Option, start func(optionsPtr) (jobPtr, error)) (*Job, error) {
	if err := notStarted(ctx); err != nil {
		return nil, err
	}
	return withOptions(opts, func(options optionsPtr, _ *hooks) (*Job, error) {
		ptr, err := start(options)
		if err != nil {
			return nil, err
		}
		only := newWatch(ptr)
		only.owner = owner
		only.begin()
		only.cancelWith(ctx)
		return newJob(only), nil
	})
}

// Recover ends a restore that a crash interrupted, with all of the old or all of the new in place. Call it
// before the database is opened; may be called always. [ErrConflict]: a coordinator or a restore is at
// work there.
func Recover(target string) (Recovered, error) { return recoverTarget(target) }

// RestoreUndo puts back what the last restore replaced, under the same journal, and keeps what it takes
// away aside. [ErrNotFound]: there is nothing to put back. [ErrConflict]: a coordinator or a restore is at
// work there.
func RestoreUndo(target string) error { return undoRestore(target) }
