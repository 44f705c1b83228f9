package main

import (
	"fmt"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
)

// changes counts what goes on in a database that no freeze stops.
type changes struct {
	tables, logs, manifests atomic.Int64
	before                  [3]int64
	busy                    [3]int // windows in which tables, logs, manifests changed
	windows                 int
}

func (c *changes) watch(options *pebble.Options) {
	options.EventListener = &pebble.EventListener{
		TableCreated:    func(pebble.TableCreateInfo) { c.tables.Add(1) },
		TableDeleted:    func(pebble.TableDeleteInfo) { c.tables.Add(1) },
		BlobFileCreated: func(pebble.BlobFileCreateInfo) { c.tables.Add(1) },
		BlobFileDeleted: func(pebble.BlobFileDeleteInfo) { c.tables.Add(1) },
		WALCreated:      func(pebble.WALCreateInfo) { c.logs.Add(1) },
		WALDeleted:      func(pebble.WALDeleteInfo) { c.logs.Add(1) },
		ManifestCreated: func(pebble.ManifestCreateInfo) { c.manifests.Add(1) },
	}
}

func (c *changes) now() [3]int64 {
	return [3]int64{c.tables.Load(), c.logs.Load(), c.manifests.Load()}
}

func (c *changes) freeze() { c.before = c.now() }

func (c *changes) thaw() {
	c.windows++
	for i, after := range c.now() {
		if after != c.before[i] {
			c.busy[i]++
		}
	}
}

func (c *changes) String() string {
	return fmt.Sprintf("of %d windows, tables came or went in %d, logs in %d, the manifest in %d",
		c.windows, c.busy[0], c.busy[1], c.busy[2])
}
