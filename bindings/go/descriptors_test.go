package hotbackup

import (
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// What a daemon prints where it has closed the standard streams must not reach a job's event.
func TestADescriptorIsNeverThatOfAStandardStream(t *testing.T) {
	if os.Getenv("HOTBACKUP_GO_CLOSED") == "" {
		child := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
		child.Env = append(os.Environ(), "HOTBACKUP_GO_CLOSED=1", "TMPDIR="+t.TempDir())
		if err := child.Run(); err != nil {
			t.Errorf("%v: 1 is any failure, %d a low descriptor", err, lowDescriptor)
		}
		return
	}
	w := newWorld(t)
	c := w.open()
	job, goOn := heldInValidate(w, func() *Coordinator { return c })
	// The event itself was made before these were closed: the library's part is tested elsewhere.
	for stream := range 3 {
		w.must(syscall.Close(stream))
	}
	w.must(job.watch.use(func(ptr jobPtr) error {
		if descriptor := jobEvent(ptr); descriptor < 3 {
			os.Exit(lowDescriptor)
		}
		return nil
	}, nothing))
	goOn()
	w.must(job.Wait(ctx))
	os.Exit(0)
}

const lowDescriptor = 9
