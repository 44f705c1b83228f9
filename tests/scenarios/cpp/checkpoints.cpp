// Checkpoints.
#include "scene.hpp"

using hotbackup::CheckpointFlags;
using hotbackup::Job;

namespace {

Code code_of(const std::function<void()> &does) {
    try {
        does();
        return Code::Ok;
    } catch (const hotbackup::Error &error) {
        return error.code();
    }
}

void looked_at_and_removed(const Scene &scene, const Job &job) {
    const fs::path made = job.location();
    const hotbackup::Progress now = job.status();
    CHECK(now.kind == hotbackup::Kind::Checkpoint && now.percent == 100);
    CHECK(now.bytes_linked == 100018 && now.bytes_copied == 5);
    std::string names;
    for (const auto &[path, bytes] : tree(made)) names += path.string() + " ";
    CHECK(names == "1.sst 2.sst checkpoint.manifest log wal ");
    CHECK(fs::equivalent(made / "1.sst", scene.data / "1.sst"));
    CHECK(fs::equivalent(made / "2.sst", scene.data / "2.sst"));
    CHECK(!fs::equivalent(made / "log", scene.data / "log") && read(made / "log") == "a log");
    CHECK(made.parent_path() == scene.data / ".lifecycle/checkpoints" && hotbackup::list(scene.root).empty());
    hotbackup::remove_checkpoint(made);
    CHECK(!fs::exists(made) && read(scene.data / "1.sst") == "an immutable table");
}

Code checkpoint(Scene &scene) {
    const Job job = scene.coordinator().start_checkpoint(CheckpointFlags::LinksAreSafe);
    job.wait();
    looked_at_and_removed(scene, job);
    return Code::Ok;
}

Code checkpoint_run(Scene &scene) {
    scene.on_caller = true;
    const Job job = scene.coordinator().run_checkpoint(CheckpointFlags::LinksAreSafe);
    CHECK(scene.progress_calls > 0);
    looked_at_and_removed(scene, job);
    return Code::Ok;
}

Code unvouched(Scene &scene) {
    CHECK(code_of([&] { scene.coordinator().run_checkpoint(); }) == Code::Unsupported);
    return code_of([&] { scene.coordinator().start_checkpoint(); });
}

Code no_snapshot(Scene &scene) {
    const Job job = scene.coordinator().start_checkpoint(CheckpointFlags::LinksAreSafe);
    job.wait();
    return code_of([&] { hotbackup::Snapshot::open(job.location()); });
}

Code until_close(Scene &scene) {
    const Job job = scene.coordinator().start_checkpoint(CheckpointFlags::LinksAreSafe | CheckpointFlags::UntilClose);
    job.wait();
    CHECK(fs::exists(job.location()));
    scene.coordinator().close();
    CHECK(!fs::exists(job.location()));
    return Code::Ok;
}

Code freeze_fails(Scene &scene) {
    scene.fails = "freeze";
    const Job job = scene.coordinator().start_checkpoint(CheckpointFlags::LinksAreSafe);
    try {
        job.wait();
        return Code::Ok;
    } catch (const SaidNo &) {
        CHECK(!fs::exists(job.location()));
        return job.error().value().code();
    }
}

Code remove_none(Scene &scene) {
    return code_of([&] { hotbackup::remove_checkpoint(scene.data / ".lifecycle/checkpoints/checkpoint-1"); });
}

} // namespace

Scenarios checkpoints() {
    return {
        {"checkpoint", checkpoint},
        {"checkpoint-run", checkpoint_run},
        {"checkpoint-unvouched", unvouched},
        {"checkpoint-no-snapshot", no_snapshot},
        {"checkpoint-until-close", until_close},
        {"checkpoint-freeze-fails", freeze_fails},
        {"checkpoint-remove-none", remove_none},
    };
}
