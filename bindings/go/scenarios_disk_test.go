package hotbackup

import (
	"os"
	"path/filepath"
	"time"
)

var _ = scenario("restore", func(w *world) error {
	job := w.backups(w.open(), 1)[0]
	err := w.restore(job.Location(), w.beside("again"), w.options()...)
	w.same(w.beside("again"), w.data)
	return err
})

var _ = scenario("restore-validate-fails", func(w *world) error {
	job := w.backups(w.open(), 1)[0]
	w.fails = "validate"
	err := w.restore(job.Location(), w.beside("again"), w.options()...)
	w.absent(w.beside("again"))
	return err
})

var _ = scenario("restore-cancelled", func(w *world) error {
	job := w.backups(w.open(), 1)[0]
	w.watches = func(Progress, *Hook) error { return ErrCancelled }
	err := w.restore(job.Location(), w.beside("again"), w.options()...)
	w.absent(w.beside("again"))
	return err
})

var _ = scenario("restore-and-undo", func(w *world) error {
	job := w.backups(w.open(), 1)[0]
	target, before := w.beside("again"), w.beside("before")
	for _, dir := range []string{target, before} {
		w.must(os.Mkdir(dir, 0o755))
		w.write(filepath.Join(dir, "old"), "what was there")
	}
	w.must(w.restore(job.Location(), target, w.options()...))
	w.same(target, w.data)
	w.must(RestoreUndo(target))
	w.same(target, before)
	return nil
})

var _ = scenario("restore-under-a-host", func(w *world) error {
	job := w.backups(w.open(), 1)[0]
	return w.restore(job.Location(), w.data, w.options()...)
})

var _ = scenario("recover-nothing", func(w *world) error {
	outcome, err := Recover(w.data)
	if outcome != RecoveredNothing {
		w.Errorf("recovered %v", outcome)
	}
	return err
})

var _ = scenario("undo-nothing", func(w *world) error { return RestoreUndo(w.data) })

func (w *world) verify(snapshot string) error {
	job, err := Verify(ctx, snapshot, w.options()...)
	w.must(err)
	if job.Location() != snapshot {
		w.Errorf("%q is verified, not %q", job.Location(), snapshot)
	}
	return job.Wait(ctx)
}

var _ = scenario("verify", func(w *world) error {
	return w.verify(w.backups(w.open(), 1)[0].Location())
})

var _ = scenario("verify-corrupt", func(w *world) error {
	location := w.backups(w.open(), 1)[0].Location()
	path := filepath.Join(location, "2.sst")
	content, err := os.ReadFile(path)
	w.must(err)
	content[50_000] ^= 1
	w.write(path, string(content))
	return w.verify(location)
})

var _ = scenario("list", func(w *world) error {
	c := w.open()
	jobs := w.backups(c, 3)
	all := w.listed(c.Root())
	if len(all) != 3 {
		w.Fatalf("listed: %+v", all)
	}
	for i, snapshot := range all {
		job := jobs[2-i]
		if snapshot.ID != job.ID() || snapshot.Location != job.Location() || snapshot.Files != 3 ||
			snapshot.Bytes != 100023 || snapshot.Layout != "generic" || snapshot.FinishedAt.Before(snapshot.StartedAt) {
			w.Errorf("%+v", snapshot)
		}
	}
	newest, err := Latest(c.Root())
	if newest.ID != jobs[2].ID() {
		w.Errorf("latest: %+v", newest)
	}
	return err
})

var _ = scenario("list-unreadable", func(w *world) (unreadable error) {
	c := w.open()
	jobs := w.backups(c, 3)
	w.write(filepath.Join(jobs[1].Location(), "snapshot.manifest"), "{")
	i := 2
	for snapshot, err := range List(c.Root()) {
		if snapshot.Location != jobs[i].Location() || (err != nil) != (i == 1) {
			w.Errorf("%+v, %v", snapshot, err)
		}
		if err != nil {
			unreadable = err
		}
		i--
	}
	if i != -1 {
		w.Errorf("%d are missing", i+1)
	}
	return unreadable
})

var _ = scenario("latest-of-nothing", func(w *world) error {
	_, err := Latest(w.dir)
	return err
})

var _ = scenario("delete", func(w *world) error {
	c := w.open()
	jobs := w.backups(c, 2)
	w.must(Delete(c.Root(), jobs[1].ID()))
	w.absent(jobs[1].Location())
	newest, err := Latest(c.Root())
	if newest.ID != jobs[0].ID() {
		w.Errorf("latest: %+v", newest)
	}
	return err
})

var _ = scenario("delete-missing", func(w *world) error {
	c := w.open()
	w.backups(c, 1)
	return Delete(c.Root(), "ts-1")
})

var _ = scenario("prune", func(w *world) error {
	c := w.open()
	jobs := w.backups(c, 3)
	went, err := Prune(c.Root(), 1)
	if went != 2 {
		w.Errorf("%d went", went)
	}
	all := w.listed(c.Root())
	newest, _ := Latest(c.Root())
	if len(all) != 1 || all[0].ID != jobs[2].ID() || newest.ID != jobs[2].ID() {
		w.Errorf("left: %+v", all)
	}
	return err
})

var _ = scenario("prune-to-none", func(w *world) error {
	c := w.open()
	w.backups(c, 1)
	_, err := Prune(c.Root(), 0)
	return err
})

var _ = scenario("prune-by", func(w *world) error {
	c := w.open()
	jobs := w.backups(c, 3)
	w.write(filepath.Join(jobs[1].Location(), "snapshot.manifest"), "{")
	say := func(told []Verdict, oldestGoes bool, reasons ...string) {
		for i, verdict := range told {
			if i > 2 || verdict.Location != jobs[2-i].Location() || verdict.Reasons != reasons[i] ||
				verdict.Goes != (oldestGoes && i == 2) {
				w.Errorf("%d: %+v", i, verdict)
			}
		}
		if len(told) != 3 {
			w.Errorf("%d verdicts", len(told))
		}
	}
	policy := Retention{Newest: 1, Yearly: 1, Tags: []string{"release"}, Within: time.Hour}
	planned, err := RetentionPlan(c.Root(), policy)
	w.must(err)
	say(planned, false, "newest 1 of 1, yearly 1 of 1, within 1 hour, the newest good one", "unreadable", "within 1 hour")
	policy.Within = 0
	done, err := PruneBy(c.Root(), policy)
	say(done, true, "newest 1 of 1, yearly 1 of 1, the newest good one", "unreadable", "no rule keeps it")
	w.absent(jobs[0].Location())
	newest, _ := Latest(c.Root())
	if newest.ID != jobs[2].ID() || done[0].ID != newest.ID {
		w.Errorf("latest: %+v", newest)
	}
	return err
})

var _ = scenario("prune-by-nothing", func(w *world) error {
	c := w.open()
	w.backups(c, 1)
	_, err := PruneBy(c.Root(), Retention{})
	return err
})
