// Package remote sends hotbackup's snapshots to an object store, and brings them back: S3, GCS, Azure, what
// speaks as S3 does, or a directory. It is libhotbackup_remote for Go, by cgo.
//
// What lies in the store is encrypted, compressed, and each piece is there once. It is a repository of restic's
// format, version 2: restic and rustic check it and restore from it without this package.
//
//	r, err := remote.Open("s3://bucket/db", remote.Options{
//		Settings: map[string]string{"region": "eu-central-1", "password_file": "/etc/db/password"},
//	})
//	…
//	defer r.Close()
//	job, err := r.Push(ctx, snapshot.Location)
//	…
//	if err := job.Wait(ctx); err != nil { … }
//
// Jobs, their options and errors are package hotbackup's, and so is all that it says of them: of contexts, of
// hooks, of threads. A job of a [Remote] is cancelled by the context of its start, by the Close of the job and by
// the Close of the remote.
//
// What waits for the store says so. It takes no context: it returns within the store's timeouts and its budget of
// retries ("retry_budget").
//
// # Building
//
// As package hotbackup, and with libhotbackup_remote besides, which is a shared library: in the source tree that
// of target/release, which is to be found at run time, too (LD_LIBRARY_PATH); with the build tag hotbackup_pkgconfig
// the installed one.
package remote
