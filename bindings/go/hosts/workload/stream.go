// Package workload makes writes whose outcome is known: the state of a database after its commit n
// can be computed from n alone. So a copy can be compared, key by key, with exactly what was
// committed before the freeze.
package workload

import (
	"encoding/binary"
	"fmt"
)

// A Stream is an endless sequence of commits, numbered from 1. Two streams with the same fields
// are the same.
type Stream struct {
	Seed   uint64
	Ranges int // key ranges (buckets, key prefixes)
	Keys   int // keys of each range
	Ops    int // at most so many changes in a commit
	Parts  int // of each range's keys, written to in turns of 64 commits, so that much stands still; 0: one
}

// A Key is one of the keys of a range.
type Key struct{ Range, Index int }

// Bytes sorts keys as their numbers do.
func (k Key) Bytes() []byte { return fmt.Appendf(nil, "key%08d", k.Index) }

// An Op is one change of a commit: it sets a key, or deletes keys.
type Op struct {
	Key    Key
	Delete bool
	Last   int // for a deletion: the last index of the deleted keys, which begin at Key

	stream   Stream
	commit   uint64
	position int
}

// Commit returns the changes of a commit in their order.
func (s Stream) Commit(n uint64) []Op {
	r := s.dice(n, 0)
	ops := make([]Op, 1+r.below(s.Ops))
	for i := range ops {
		key := Key{r.below(s.Ranges), s.turn(n, r.below(s.Keys))}
		op := Op{Key: key, Last: key.Index, stream: s, commit: n, position: i}
		switch dice := r.below(32); {
		case dice == 0: // a run of keys
			op.Delete, op.Last = true, min(key.Index+r.below(s.Keys/50+1), s.Keys-1)
		case dice < 6:
			op.Delete = true
		}
		ops[i] = op
	}
	return ops
}

// turn moves an index into the part that commit n writes to.
func (s Stream) turn(n uint64, index int) int {
	parts := max(s.Parts, 1)
	return (int(n/64%uint64(parts))*s.Keys + index) / parts
}

// Value is what a change sets its key to: most are small, some take a page, a few several, and one
// in some hundreds is empty.
func (o Op) Value() []byte {
	r := o.stream.dice(o.commit, 1+o.position)
	var size int
	switch dice := r.below(512); {
	case dice == 0:
	case dice < 4:
		size = 8<<10 + r.below(24<<10)
	case dice < 40:
		size = 1<<10 + r.below(4<<10)
	default:
		size = 8 + r.below(256)
	}
	value := make([]byte, size, size+8)
	for at := 0; at < size; at += 8 {
		binary.LittleEndian.PutUint64(value[at:at+8:cap(value)], r.next())
	}
	return value
}

// dice is a small generator (splitmix64), seeded for one commit and one purpose.
type dice uint64

func (s Stream) dice(n uint64, purpose int) *dice {
	d := dice(s.Seed<<48 ^ n<<12 ^ uint64(purpose))
	d = dice(d.next()) // neighbours begin far apart
	return &d
}

func (d *dice) next() uint64 {
	*d += 0x9e3779b97f4a7c15
	z := uint64(*d)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

func (d *dice) below(n int) int { return int(d.next() % uint64(n)) }
