package hotbackup

import (
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"unsafe"
)

func TestAHookOrAnOptionThatIsNilIsRefused(t *testing.T) {
	w := newWorld(t)
	some := func(*Hook) error { return nil }
	var unset func(*Hook) error
	for name, option := range map[string]Option{
		"checkpoint": WithCheckpoint(unset), "freeze": WithFreeze(unset, some), "thaw": WithFreeze(some, unset),
		"freeze and thaw": WithFreeze(nil, nil), "release": WithRelease(unset), "validate": WithValidate(nil),
		"progress": WithProgress(nil), "option": nil,
	} {
		_, opened := Open(w.data, WithThreads(1), option)
		_, restored := Restore(ctx, w.data, w.beside("again"), WithThreads(1), option)
		_, verified := Verify(ctx, w.data, WithThreads(1), option)
		for _, err := range []error{opened, restored, verified} {
			if !errors.Is(err, ErrInvalidArgument) || !strings.Contains(err.Error(), "is nil") {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// saysNothing is an error whose methods need what is not there, such as a nil pointer of the host's.
type saysNothing struct{ text *string }

func (s *saysNothing) Error() string { return *s.text }

// comparesBadly says something, but not whether it is another.
type comparesBadly struct{ *saysNothing }

func (comparesBadly) Error() string   { return "compares badly" }
func (c comparesBadly) Is(error) bool { return *c.text == "" }

func TestAnErrorWhoseMethodsPanicFailsItsJob(t *testing.T) {
	var unset *saysNothing
	for _, hook := range []string{"checkpoint", "freeze", "thaw", "release", "validate", "progress"} {
		for _, given := range []error{unset, comparesBadly{unset}} {
			w := newWorld(t)
			fails := func(*Hook) error { return given }
			if hook == "progress" {
				w.watches = func(_ Progress, h *Hook) error { return fails(h) }
			} else {
				w.does[hook] = fails
			}
			c := w.open()
			for _, start := range []func(*Coordinator) error{started, run1} {
				err := start(c)
				var failure *Error
				if !errors.As(err, &failure) || failure.Code != ErrHookFailed {
					t.Errorf("%s, %T: %v", hook, given, err)
				}
			}
			w.must(c.Close())
		}
	}
}

// Not parallel: it changes the runtime's setting.
func TestAPanicWithNilThatCannotBeSeenFailsTheJobToo(t *testing.T) {
	t.Setenv("GODEBUG", "panicnil=1")
	w := newWorld(t)
	w.does["freeze"] = func(*Hook) error { panic(nil) }
	c := w.open()
	for _, start := range []func(*Coordinator) error{started, run1} {
		if err := start(c); !errors.Is(err, ErrHookFailed) || !errors.As(err, new(*PanicError)) {
			t.Errorf("%v", err)
		}
	}
}

// Else one that a hook starts could not be ended by SIGTERM: the library's threads block all signals.
func TestAProcessThatAHookStartsBlocksNoMoreSignalsThanOthers(t *testing.T) {
	blocked := func() string {
		status, err := exec.Command("cat", "/proc/self/status").Output()
		if err != nil {
			t.Error(err)
		}
		_, line, _ := strings.Cut(string(status), "SigBlk:")
		line, _, _ = strings.Cut(line, "\n")
		return strings.TrimSpace(line)
	}
	usual := blocked()
	w := newWorld(t)
	for _, name := range []string{"checkpoint", "freeze", "thaw", "release", "validate"} {
		w.does[name] = func(*Hook) error {
			if found := blocked(); found != usual {
				return fmt.Errorf("%s blocks %s, not %s", name, found, usual)
			}
			return nil
		}
	}
	w.watches = func(Progress, *Hook) error { return w.does["validate"](nil) }
	c := w.open()
	w.must(started(c))
	w.must(run1(c))
	w.restored(w.backup(c).Location())
}

// A thread that belongs to the host keeps the mask that the host gave it.
func TestARunLeavesTheSignalMaskOfItsThreadAlone(t *testing.T) {
	runtime.LockOSThread() // never unlocked: the thread ends with this goroutine
	const unblock, block = 1, 0
	mask := func(how uintptr, change uint64) (before uint64) {
		if err := sigprocmask(how, &change, &before); err != 0 {
			t.Fatal(err)
		}
		return before
	}
	const usr2 = uint64(1) << (syscall.SIGUSR2 - 1)
	mask(block, usr2)
	w := newWorld(t)
	w.does["validate"] = func(*Hook) error {
		if mask(block, 0)&usr2 == 0 {
			return errors.New("it is not blocked in the hook")
		}
		return nil
	}
	w.must(run1(w.open()))
	if mask(unblock, usr2)&usr2 == 0 {
		t.Error("it is not blocked afterwards")
	}
}

func sigprocmask(how uintptr, change, before *uint64) syscall.Errno {
	_, _, err := syscall.RawSyscall6(syscall.SYS_RT_SIGPROCMASK, how,
		uintptr(unsafe.Pointer(change)), uintptr(unsafe.Pointer(before)), 8, 0, 0)
	return err
}
