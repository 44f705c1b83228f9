package rounds

import (
	"os"
	"strconv"
)

// Count is how many rounds a test takes: HOTBACKUP_HOST_ROUNDS, or few.
func Count() int {
	if n, err := strconv.Atoi(os.Getenv("HOTBACKUP_HOST_ROUNDS")); err == nil && n > 0 {
		return n
	}
	return 6
}
