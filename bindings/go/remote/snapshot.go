package remote

import (
	"math"
	"time"
)

// NoNumber is the [Snapshot.Number] of a snapshot that has none.
const NoNumber uint64 = math.MaxUint64

// Snapshot is a snapshot in a repository: a plain value.
type Snapshot struct {
	// ID is that of the local snapshot that it is of; of one that restic made the name of its object.
	ID string
	// Object is the name of its object, by which restic knows it: 64 hexadecimal digits, of which the first
	// eight are enough.
	Object string
	// Host is what its host is called.
	Host string
	// Layout is the name of its layout; empty where that is not known.
	Layout string
	// Tags are its tags, but for those that the push gave it.
	Tags []string
	// Time is when the local snapshot was finished, to the millisecond; the zero Time where unknown.
	Time time.Time
	// Number is the n in the local snapshot's name ts-<n>, or [NoNumber].
	Number uint64
	// Pushed says that a push made it, and not restic.
	Pushed bool
	// Err is why its record cannot be read: then nothing else is known of it.
	Err error
}

// Requests are what a remote has asked of its store so far, of all its jobs.
type Requests struct {
	// Puts are objects sent, Gets objects or parts of them fetched and their heads, Lists pages of listings,
	// Deletes objects deleted.
	Puts, Gets, Lists, Deletes uint64
	// BytesUp and BytesDown are the bytes of bodies sent and fetched.
	BytesUp, BytesDown uint64
	// Retries are requests that were made again; they count above, too.
	Retries uint64
}
