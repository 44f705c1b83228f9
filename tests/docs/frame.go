// What stands around a piece of Go in the documentation, so that it compiles and runs by itself.
// Arguments: a data directory, a root, an empty directory.
package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"os"
	"path/filepath"
	"sync"
	"time"

	"hotbackup"
)

// Each is used by some pieces.
var (
	_ = errors.Is
	_ = fs.ErrNotExist
	_ = fmt.Println
	_ = log.Fatal
	_ = time.Second
	_ sync.Mutex
)

func stopCommits(*hotbackup.Hook) error   { return nil }
func resumeCommits(*hotbackup.Hook) error { return nil }

@top@

func main() {
	ctx := context.Background()
	data, root, target := os.Args[1], os.Args[2], filepath.Join(os.Args[3], "restored")
	c, err := hotbackup.Open(data, hotbackup.WithRoot(root), hotbackup.WithFreeze(stopCommits, resumeCommits))
	if err != nil {
		log.Fatal(err)
	}
	if _, err := c.Run(ctx); err != nil {
		log.Fatal(err)
	}
	c.Close()
	if err := piece(ctx, data, root, target); err != nil {
		log.Fatal(err)
	}
}

func piece(ctx context.Context, data, root, target string) error {
@body@
	return nil
}
