//go:build !linux

package needs

var _ = hotbackup_is_for_Linux_only
