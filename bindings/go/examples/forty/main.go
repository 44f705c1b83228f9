// Command forty backs up a data directory, showing progress, and restores the snapshot elsewhere.
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"hotbackup"
)

func main() {
	data, target, ctx := os.Args[1], os.Args[2], context.Background()
	progress := hotbackup.WithProgress(func(p hotbackup.Progress, _ *hotbackup.Hook) error {
		fmt.Printf("%s %s: %d %%, %d of %d bytes\n", p.Kind, p.Phase, p.Percent, p.BytesDone, p.BytesTotal)
		return nil // hotbackup.ErrCancelled would cancel the job
	})
	c, err := hotbackup.Open(data, progress,
		hotbackup.WithRule("*.sst", hotbackup.Immutable),
		hotbackup.WithRule("LOCK", hotbackup.Excluded),
		hotbackup.WithFreeze(
			func(*hotbackup.Hook) error { return nil /* stop commits */ },
			func(*hotbackup.Hook) error { return nil /* resume them */ }))
	check(err)
	defer c.Close()
	backup, err := c.Start(ctx)
	check(err)
	check(backup.Wait(ctx))
	restore, err := hotbackup.Restore(ctx, backup.Location(), target, progress)
	check(err)
	check(restore.Wait(ctx))
	fmt.Println("restored", backup.Location(), "to", restore.Location())
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
