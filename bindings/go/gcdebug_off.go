//go:build !hotbackup_gcdebug

package hotbackup

func gcPoint() {}
