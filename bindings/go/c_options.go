package hotbackup

// #include "shim.h"
import "C"

import (
	"bytes"
	"math"
	"runtime"
	"time"
	"unsafe"
)

// Option is a choice for [Open], [Restore] or [Verify], which ignore those that do not concern
// them. A later one replaces an earlier one of its kind, but rules and sources add up. An Option
// may be used any number of times, by any goroutine; what is wrong with it, as being nil, is the error of
// the call that it is given to.
type Option func(*setup)

// setup is what options have chosen: what C is told, and the hooks.
type setup struct {
	setters []func(*C.backup_options, **C.backup_error, *cStrings) (C.backup_code, error)
	hooks   hookFuncs
}

type setter = func(*C.backup_options, **C.backup_error) C.backup_code

// plain is an option whose setter takes no string.
func plain(set setter) Option {
	return func(s *setup) {
		s.setters = append(s.setters, func(o *C.backup_options, e **C.backup_error, _ *cStrings) (C.backup_code, error) {
			return set(o, e), nil
		})
	}
}

// named is an option whose setter takes a string.
func named(what, value string, set func(*C.char, *C.backup_options, **C.backup_error) C.backup_code) Option {
	return func(s *setup) {
		s.setters = append(s.setters, func(o *C.backup_options, e **C.backup_error, given *cStrings) (C.backup_code, error) {
			text, err := given.add(what, value)
			if err != nil {
				return 0, err
			}
			return set(text, o, e), nil
		})
	}
}

// refused is an option whose value C has no type for.
func refused(err error) Option {
	return func(s *setup) {
		s.setters = append(s.setters, func(*C.backup_options, **C.backup_error, *cStrings) (C.backup_code, error) {
			return 0, err
		})
	}
}

// withOptions gives the options that opts choose, and the hooks among them, to use.
func withOptions[T any](opts []Option, use func(*C.backup_options, *hooks) (T, error)) (T, error) {
	var chosen setup
	var none T
	for i, option := range opts {
		if option == nil {
			return none, invalid("option %d of %d is nil, and would choose nothing", i+1, len(opts))
		}
		option(&chosen)
	}
	options := C.backup_options_new()
	defer C.backup_options_free(options)
	var given cStrings
	defer func() { given.free() }()
	for _, set := range chosen.setters {
		var failure *C.backup_error
		code, err := set(options, &failure, &given)
		if err == nil {
			err = result(code, failure)
		}
		if err != nil {
			return none, err
		}
	}
	set := newHooks(chosen.hooks)
	if err := set.give(options); err != nil {
		return none, err
	}
	return use(options, set)
}

// WithRoot says where snapshots live: a directory that is made when missing, on any file system.
// The default is .lifecycle/backup in the data directory. Restores and verifications ignore it.
func WithRoot(path string) Option {
	return named("the root", path, func(text *C.char, o *C.backup_options, e **C.backup_error) C.backup_code {
		return C.backup_options_set_root(o, text, e)
	})
}

// WithAdoptRoot takes over a root that belongs to another data directory, which is [ErrConflict]
// otherwise (one that was moved, copied or made anew is another), begins a new one where one was before
// and is missing, which is [ErrNotFound] otherwise (its disk is not mounted), and takes a further source
// that is another than the one that its prefix had, or is empty now.
func WithAdoptRoot() Option {
	return plain(func(o *C.backup_options, e **C.backup_error) C.backup_code {
		return C.backup_options_set_adopt_root(o, 1, e)
	})
}

// WithSource captures a further directory (a WAL directory) with the data directory, below prefix
// in the snapshot. The prefix is a plain relative path that does not overlap another source's, nor
// a name in the data directory. The directory must be there at [Open]. May be given several times.
func WithSource(path, prefix string) Option {
	return func(s *setup) {
		s.setters = append(s.setters, func(o *C.backup_options, e **C.backup_error, given *cStrings) (C.backup_code, error) {
			from, err := given.add("the source", path)
			if err != nil {
				return 0, err
			}
			below, err := given.add("the prefix", prefix)
			if err != nil {
				return 0, err
			}
			return C.backup_options_add_source(o, from, below, e), nil
		})
	}
}

// WithLayout names the engine's layout: rules for its files, and a check of what was staged.
// "generic", the default, has none. [ErrUnsupported]: the library was built without it. A restore
// and a verification take the manifest's layout unless this says otherwise.
func WithLayout(name string) Option {
	return named("the layout", name, func(text *C.char, o *C.backup_options, e **C.backup_error) C.backup_code {
		return C.backup_options_set_layout(o, text, e)
	})
}

// WithRule gives a class to the files that a glob matches. A glob without a slash matches the last
// component at any depth, one with a slash the whole path in the snapshot. Wildcards are *, ?,
// [a-z] and, as a whole component, **, which alone crosses slashes. The first rule that matches
// wins, and those given here come before the layout's. Classes are given to files: wal/** is for
// all that lies in a directory; but an excluded directory is left out with all below it.
func WithRule(glob string, class FileClass) Option {
	return named("the rule", glob, func(text *C.char, o *C.backup_options, e **C.backup_error) C.backup_code {
		return C.backup_options_add_rule(o, text, C.int32_t(class), e)
	})
}

// WithThreads is the number of I/O threads of a job; 0, the default: two. More than there are cores
// count as that many. They are the library's, not goroutines.
func WithThreads(n int) Option {
	if n < 0 || n > math.MaxUint32 {
		return refused(invalid("%d threads cannot be had", n))
	}
	return plain(func(o *C.backup_options, e **C.backup_error) C.backup_code {
		return C.backup_options_set_threads(o, C.uint32_t(n), e)
	})
}

// WithRateLimit is how fast a job may copy, and read back what it copied, in bytes per second; 0,
// the default: no limit. It does not apply while the host is frozen. [Job.SetRateLimit] changes it
// while a job runs.
func WithRateLimit(bytesPerSecond uint64) Option {
	return plain(func(o *C.backup_options, e **C.backup_error) C.backup_code {
		return C.backup_options_set_rate_limit(o, C.uint64_t(bytesPerSecond), e)
	})
}

// WithLatencyTarget is how long a small synced write of the host's may take beside a backup, a checkpoint or
// a restore, whose rate then follows such writes of the library's own, up to the rate limit; how is told at
// backup_options_set_latency_target in hotbackup.h. Rounded up to milliseconds. 0, the default: whatever it
// takes.
func WithLatencyTarget(target time.Duration) Option {
	if target < 0 {
		return refused(invalid("the latency target is negative: %v", target))
	}
	ms := min(milliseconds(target), math.MaxUint32)
	return plain(func(o *C.backup_options, e **C.backup_error) C.backup_code {
		return C.backup_options_set_latency_target(o, C.uint32_t(ms), e)
	})
}

// WithVerifyLevel is how much is read back before a copy counts as good; [VerifyChecksum] is the
// default.
func WithVerifyLevel(level VerifyLevel) Option {
	return plain(func(o *C.backup_options, e **C.backup_error) C.backup_code {
		return C.backup_options_set_verify_level(o, C.int32_t(level), e)
	})
}

// WithSymlinks is what happens when a source holds a symbolic link; [SymlinksFail] is the default.
func WithSymlinks(symlinks Symlinks) Option {
	return plain(func(o *C.backup_options, e **C.backup_error) C.backup_code {
		return C.backup_options_set_symlinks(o, C.int32_t(symlinks), e)
	})
}

// WithFreezeTimeout is the longest time between freeze returning and thaw being called; then the
// host is thawed and the job fails with [ErrFreezeTimeout]. Rounded up to milliseconds. 0: none. The
// default is 30 seconds.
func WithFreezeTimeout(timeout time.Duration) Option {
	if timeout < 0 {
		return refused(invalid("the freeze timeout is negative: %v", timeout))
	}
	return plain(func(o *C.backup_options, e **C.backup_error) C.backup_code {
		return C.backup_options_set_freeze_timeout(o, C.uint64_t(milliseconds(timeout)), e)
	})
}

// WithMinFree is how many bytes must stay free on each file system concerned; a job gives up with
// [ErrNoSpace] before there are fewer. The default is 0.
func WithMinFree(bytes uint64) Option {
	return plain(func(o *C.backup_options, e **C.backup_error) C.backup_code {
		return C.backup_options_set_min_free(o, C.uint64_t(bytes), e)
	})
}

// WithTag gives each snapshot a tag, by which a retention policy may keep it: UTF-8 of 1 to 255 bytes, without
// commas and control characters; at most 64 of them. [Hook.AddTag] is for that of one backup.
func WithTag(tag string) Option {
	return named("the tag", tag, func(text *C.char, o *C.backup_options, e **C.backup_error) C.backup_code {
		return C.backup_options_add_tag(o, text, e)
	})
}

// WithMetadata is the host's own metadata, kept in each snapshot's manifest: any bytes, at most 1
// MiB, copied here. [Hook.SetMetadata] is for that of one backup.
func WithMetadata(metadata []byte) Option {
	metadata = bytes.Clone(metadata)
	return plain(func(o *C.backup_options, e **C.backup_error) C.backup_code {
		defer runtime.KeepAlive(metadata)
		return C.backup_options_set_metadata(o, bytesPtr(metadata), C.size_t(len(metadata)), e)
	})
}

// WithKeepUndo is whether a restore keeps what it replaces, for [RestoreUndo]: true, the default,
// or false, which gives its space back.
func WithKeepUndo(keep bool) Option {
	return plain(func(o *C.backup_options, e **C.backup_error) C.backup_code {
		return C.backup_options_set_keep_undo(o, flag(keep), e)
	})
}

// WithKeepMatching makes a restore keep those files of its target that are what the snapshot has,
// by their checksums, so that one over nearly the same costs reading. What may be kept how, and
// which engines spoil the undo of it, is told at backup_options_set_keep_matching in hotbackup.h.
func WithKeepMatching() Option {
	return plain(func(o *C.backup_options, e **C.backup_error) C.backup_code {
		return C.backup_options_set_keep_matching(o, 1, e)
	})
}

// WithClone is whether backups and restores may share blocks with what they copy, where the file
// system can (a reflink, as on xfs and btrfs): true, the default, or false, which always writes
// bytes of their own.
func WithClone(allowed bool) Option {
	return plain(func(o *C.backup_options, e **C.backup_error) C.backup_code {
		return C.backup_options_set_clone(o, flag(allowed), e)
	})
}

// WithShare is whether a backup shares with the snapshot before it (what [Latest] gives) the immutable files
// that have not changed since; [ShareSafely] is the default. They are neither pinned nor read, so a backup
// costs what has changed. A snapshot is complete all the same, deleting one harms no other, and what is
// restored shares with none.
func WithShare(share Share) Option {
	return plain(func(o *C.backup_options, e **C.backup_error) C.backup_code {
		return C.backup_options_set_share(o, C.int32_t(share), e)
	})
}

// WithRereadAfter is how long ago a shared file may have been read back from the disk. Each backup reads
// what was not for longer, the oldest first, before its checkpoint hook: at most 64 MiB or a 32nd of what can
// be shared, whichever is more. A file that is bad is copied anew, and [Job.Warnings] names it. Rounded up to
// seconds. 0: some in each backup; [NeverReread]: none. The default is a day.
func WithRereadAfter(age time.Duration) Option {
	if age < 0 {
		return refused(invalid("the age after which files are read back is negative: %v", age))
	}
	seconds := uint64(age / time.Second)
	switch {
	case age == NeverReread:
		seconds = math.MaxUint64
	case age%time.Second != 0:
		seconds++
	}
	return plain(func(o *C.backup_options, e **C.backup_error) C.backup_code {
		return C.backup_options_set_reread_after(o, C.uint64_t(seconds), e)
	})
}

// WithNoPosixLocks vouches that this process holds no fcntl locks on the files concerned, so that
// jobs may run where the library's threads cannot leave the process's descriptor table (some
// containers), which is [ErrUnsupported] otherwise.
func WithNoPosixLocks() Option {
	return plain(func(o *C.backup_options, e **C.backup_error) C.backup_code {
		return C.backup_options_set_no_posix_locks(o, 1, e)
	})
}

// milliseconds is a duration in them, rounded up.
func milliseconds(duration time.Duration) uint64 {
	ms := uint64(duration / time.Millisecond)
	if duration%time.Millisecond != 0 {
		ms++
	}
	return ms
}

// flag is a bool as C has it.
func flag(value bool) C.int32_t {
	if value {
		return 1
	}
	return 0
}

// bytesPtr is NULL for no bytes.
func bytesPtr(bytes []byte) unsafe.Pointer {
	if len(bytes) == 0 {
		return nil
	}
	return unsafe.Pointer(unsafe.SliceData(bytes))
}
