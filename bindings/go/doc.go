// Package hotbackup backs up a live database directory from inside the process that owns it, and
// restores it. It is libhotbackup for Go, by cgo.
//
// The host says three things: where its data lives, how to reach a consistent point (hooks), and how
// each kind of file behaves (classes). The library captures the directory in one short freeze, copies
// and checksums it on its own threads, verifies the copy and publishes it as a snapshot: a plain
// directory that survives a power cut an instant later.
//
//	c, err := hotbackup.Open("/var/lib/db",
//		hotbackup.WithRule("*.sst", hotbackup.Immutable),
//		hotbackup.WithFreeze(stopCommits, resumeCommits))
//	…
//	defer c.Close()
//	job, err := c.Start(ctx)
//	…
//	if err := job.Wait(ctx); err != nil { … }
//	fmt.Println(job.Location())
//
// A [Coordinator] makes the backups of one data directory. A [Job] is one backup, restore or
// verification. [Restore], [Verify], [Recover], [Latest], [List], [Delete] and [Prune] need no
// coordinator.
//
// # Contexts
//
// The context of a start ([Coordinator.Start], [Coordinator.Run], [Restore], [Verify]) is the job's: when it
// ends, the job is cancelled. The context of [Job.Wait] is that of the waiting: when it ends, Wait
// returns its error, and the job goes on.
//
// # Hooks
//
// Hooks are Go functions; see [WithCheckpoint] for what is true of them all. What one returns or panics
// with comes out of [Job.Wait], wrapped, never through C.
//
// # Errors
//
// All errors are of type [*Error], but for the ctx.Err() of a Wait that was given up. They work with
// [errors.Is]: the codes ([ErrConflict], …), [fs.ErrNotExist], [context.Canceled] for a job that was
// cancelled, errnos, and the hooks' own errors.
//
// # What must be closed
//
// A coordinator, by [Coordinator.Close]. Nothing else: a job that has ended holds only Go memory, and
// snapshots are plain values. Close may be called again, and by several goroutines at once. What is used
// afterwards, as a [Hook] after its call, gives an error that is [fs.ErrClosed], and never crashes.
//
// # Goroutines and threads
//
// Everything may be used by any goroutine at any time, but a [Hook] by its hook alone. Waiting blocks no
// thread: while a job runs, one goroutine is parked in the runtime's poller for it, with one descriptor,
// however many handles it has and however many wait. The library has few threads, named hotbackup-…, and
// none once its coordinators are closed and its jobs have ended. They block all signals, except while a
// hook runs on one: a process that it starts can be signalled like any other.
//
// # Strings
//
// Paths are strings of any bytes but NUL, on the way in and out, UTF-8 or not. They are made absolute
// when taken, so that a later [os.Chdir] changes nothing.
//
// # Building
//
// Linux, cgo and a C compiler are needed. In the source tree, `cargo build --release` makes
// target/release/libhotbackup.a, which is linked statically; CGO_LDFLAGS=-L<directory> takes it from
// elsewhere. With the build tag hotbackup_pkgconfig the installed library is used, as pkg-config says; so
// does a copy of the package outside of that tree (a vendor directory). The tag hotbackup_gcdebug collects garbage at every call
// of the library and every hook, to find what is not kept alive; it is slow.
package hotbackup

import _ "hotbackup/internal/needs" // explains itself where this package cannot be built
