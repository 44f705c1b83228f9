// Package needs fails to compile, with one error that says why, where package hotbackup could not be
// built: it is compiled before, and else many of its names would be undefined.
package needs
