//go:build linux && !cgo

package needs

// Where nobody sets CGO_ENABLED, cgo is off when no C compiler is found, and when building for another
// processor.
var _ = hotbackup_needs_cgo__set_CGO_ENABLED_1_and_CC_to_a_C_compiler_for_the_target
