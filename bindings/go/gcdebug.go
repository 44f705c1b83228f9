//go:build hotbackup_gcdebug

package hotbackup

import "runtime"

// gcPoint stands at each call of the library and at each end of a hook. A build with the tag
// hotbackup_gcdebug collects garbage there, so that what is not kept alive is missed at once.
func gcPoint() { runtime.GC() }
