package remote

// Options are how a repository is reached. The zero value: as the environment says, with the password of
// RESTIC_PASSWORD_FILE or RESTIC_PASSWORD.
type Options struct {
	// Settings are choices by their keys, which docs/remote.md lists: endpoint, region, path_style, access_key,
	// secret_key, session_token, profile, credentials_file, ca_file, proxy, connect_timeout, idle_timeout,
	// retries, retry_budget, connections, rate_limit_up, rate_limit_down, host, prefix, compression,
	// password_file, piece, index_memory, lock_wait, accept, read_back. Times have a unit or are seconds ("500ms",
	// "15m"), sizes and rates have one or are bytes ("64KiB", "16M"). An unknown key, or a value that is none, is
	// [hotbackup.ErrInvalidArgument]. What is secret is in no error.
	Settings map[string]string
	// Password is the repository's, in place of password_file and the environment. Empty: not given here.
	Password string
	// PasswordFunc gives it each time the repository is opened, in place of Password. It is called on any thread,
	// never twice at once for one remote, and must not wait for the remote or a job of it. What it returns as an
	// error, or panics with, is in the message of the [hotbackup.ErrHookFailed] with which fails what was asked
	// for. One that ends its goroutine, by [runtime.Goexit] or t.FailNow, ends the process.
	PasswordFunc func() (string, error)
}
