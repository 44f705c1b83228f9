// Backups: those that succeed, that a hook fails, and that are interrupted.
#include "scene.hpp"

using hotbackup::Hook;
using hotbackup::Job;

namespace {

std::string names(const fs::path &snapshot) {
    std::string names;
    for (const auto &[path, bytes] : tree(snapshot)) names += path.string() + " ";
    return names;
}

Code start(Scene &scene) {
    const Job job = scene.start();
    job.wait();
    CHECK(names(job.location()) == "1.sst 2.sst log snapshot.manifest wal ");
    return Code::Ok;
}

Code run_on_this_thread(Scene &scene) {
    scene.on_caller = true;
    const Job job = scene.coordinator().run();
    CHECK(scene.progress_calls > 0 && job.wait_for(std::chrono::milliseconds(0)));
    return Code::Ok;
}

Code no_hooks(Scene &scene) {
    scene.options.checkpoint(nullptr).freeze(nullptr, nullptr).release(nullptr);
    scene.options.validate(nullptr).progress(nullptr);
    const Code code = start(scene);
    CHECK(scene.progress_calls == 0);
    return code;
}

Code progress(Scene &scene) {
    const Job job = scene.start();
    job.wait();
    const hotbackup::Progress now = job.status();
    CHECK(scene.progress_calls > 0 && now.percent == 100 && now.kind == hotbackup::Kind::Backup);
    CHECK(now.state == hotbackup::State::Completed && now.phase == hotbackup::Phase::None);
    CHECK(now.files_done == 3 && now.bytes_done == 100023 && now.finished_at >= now.started_at);
    return Code::Ok;
}

Code find(Scene &scene) {
    const Job job = scene.start();
    job.wait();
    for (const std::string &id : {job.id(), std::string()}) {
        const Job found = scene.coordinator().find(id);
        CHECK(found.id() == job.id() && found.location() == job.location());
    }
    return Code::Ok;
}

Code metadata(Scene &scene) {
    const std::string bytes("\x00\xff\x0a", 3);
    scene.options.metadata("from the options");
    scene.during = [&](const std::string &name, Hook &hook) {
        if (name == "checkpoint") hook.set_metadata(bytes);
    };
    scene.start().wait();
    CHECK(hotbackup::latest(scene.root).metadata() == bytes);
    return Code::Ok;
}

Code tags(Scene &scene) {
    scene.options.tag("nightly");
    scene.during = [](const std::string &name, Hook &hook) {
        if (name == "checkpoint") hook.add_tag("release");
    };
    scene.start().wait();
    const hotbackup::Snapshot made = hotbackup::latest(scene.root);
    CHECK(made.tags() == std::vector<std::string>({"nightly", "release"}));
    CHECK(made.freeze().count() > 0 && !made.is_damaged() && made.verified_at() >= made.started_at());
    CHECK(made.verified_level() == hotbackup::VerifyLevel::Checksum);
    return Code::Ok;
}

Code live_files(Scene &scene) {
    scene.during = [](const std::string &name, Hook &hook) {
        if (name != "freeze") return;
        hook.add_file("1.sst", hotbackup::FileClass::Immutable);
        hook.add_file("log", hotbackup::FileClass::AppendOnly, 3);
        hook.add_bytes("LABEL", "made here");
    };
    const Job job = scene.start();
    job.wait();
    auto files = tree(job.location());
    CHECK(files.size() == 4 && files.count("snapshot.manifest") == 1);
    CHECK(files["1.sst"] == "an immutable table" && files["log"] == "a l" && files["LABEL"] == "made here");
    return Code::Ok;
}

Code second_source(Scene &scene) {
    const fs::path beside = scene.directory / "beside";
    fs::create_directory(beside);
    write(beside / "file", "of the second source");
    scene.options.source(beside, "second");
    const Job job = scene.start();
    job.wait();
    CHECK(tree(job.location() / "second") == tree(beside) && read(job.location() / "log") == "a log");
    return Code::Ok;
}

Code non_utf8_path(Scene &outer) {
    const fs::path name("d\xff\xfe");
    Scene scene(outer.directory / "odd", name);
    write(scene.data / name, "odd");
    const Job job = scene.start();
    job.wait();
    CHECK(hotbackup::list(scene.root).at(0).location() == job.location());
    fs::create_directory(outer.directory / "elsewhere");
    const fs::path target = outer.directory / "elsewhere" / name;
    const Job restored = hotbackup::restore(job.location(), target);
    restored.wait();
    CHECK(restored.location() == target && tree(target) == tree(scene.data));
    CHECK(read(target / name) == "odd");
    outer.calls = scene.calls;
    return Code::Ok;
}

// --- A hook fails: its own exception comes back, nothing is published, and the next backup succeeds.

Code says_no(Scene &scene, const std::string &hook, bool run = false) {
    scene.fails = hook;
    scene.on_caller = run;
    try {
        run ? scene.coordinator().run().wait() : scene.start().wait();
        return Code::Ok;
    } catch (const SaidNo &thrown) {
        CHECK(thrown.what() == hook + " said no");
    }
    const hotbackup::Error error = scene.coordinator().find().error().value();
    CHECK(std::string(error.what()).find(hook + " said no") != std::string::npos && error.cause());
    CHECK(hotbackup::list(scene.root).empty());
    scene.fails.clear();
    scene.on_caller = false;
    scene.forget();
    scene.change();
    scene.start().wait();
    CHECK(hotbackup::list(scene.root).size() == 1);
    return error.code();
}

// --- Interruptions

// A backup whose validate hook waits at the gate.
Job waiting(Scene &scene) {
    scene.during = [&](const std::string &name, Hook &) {
        if (name == "validate") scene.gate.pass();
    };
    Job job = scene.start();
    scene.gate.await();
    return job;
}

Code result(const Job &job) {
    return code_of([&] { job.wait(); });
}

Code progress_cancels(Scene &scene) {
    scene.progress_says_stop = true;
    const Code code = result(scene.start());
    CHECK(hotbackup::list(scene.root).empty());
    return code;
}

Code hook_cancels(Scene &scene) {
    scene.during = [](const std::string &name, Hook &hook) {
        if (name == "checkpoint") hook.job().cancel();
    };
    const Code code = result(scene.start());
    CHECK(hotbackup::list(scene.root).empty());
    return code;
}

Code cancel(Scene &scene) {
    const Job job = waiting(scene);
    job.cancel();
    scene.gate.open();
    const Code code = result(job);
    CHECK(job.status().state == hotbackup::State::Cancelled && hotbackup::list(scene.root).empty());
    return code;
}

Code close_cancels(Scene &scene) {
    const Job job = waiting(scene);
    job.rate_limit(1000);
    std::thread([&] {
        scene.gate.open();
        scene.coordinator().close();
    }).join();
    CHECK(job.status().finished_at && hotbackup::list(scene.root).empty());
    return result(job);
}

Code second_start(Scene &scene) {
    const Job job = waiting(scene);
    const Code code = code_of([&] { scene.start(); });
    scene.gate.open();
    job.wait();
    CHECK(hotbackup::list(scene.root).size() == 1);
    return code;
}

Code wait_in_own_hook(Scene &scene) {
    Code code = Code::Ok;
    scene.during = [&](const std::string &name, Hook &hook) {
        if (name == "validate") code = code_of([&] { hook.job().wait(); });
    };
    scene.start().wait();
    return code;
}

Code wait_times_out(Scene &scene) {
    const Job job = waiting(scene);
    const bool ended = job.wait_for(std::chrono::milliseconds(10));
    scene.gate.open();
    job.wait();
    return ended ? Code::Ok : Code::Timeout;
}

} // namespace

Scenarios backups() {
    return {
        {"start", start},
        {"run-on-this-thread", run_on_this_thread},
        {"no-hooks", no_hooks},
        {"progress", progress},
        {"find", find},
        {"metadata", metadata},
        {"tags", tags},
        {"live-files", live_files},
        {"second-source", second_source},
        {"non-utf8-path", non_utf8_path},
        {"checkpoint-fails", [](Scene &scene) { return says_no(scene, "checkpoint"); }},
        {"freeze-fails", [](Scene &scene) { return says_no(scene, "freeze"); }},
        {"thaw-fails", [](Scene &scene) { return says_no(scene, "thaw"); }},
        {"release-fails", [](Scene &scene) { return says_no(scene, "release"); }},
        {"validate-fails", [](Scene &scene) { return says_no(scene, "validate"); }},
        {"progress-fails", [](Scene &scene) { return says_no(scene, "progress"); }},
        {"run-freeze-fails", [](Scene &scene) { return says_no(scene, "freeze", true); }},
        {"progress-cancels", progress_cancels},
        {"hook-cancels", hook_cancels},
        {"cancel", cancel},
        {"close-cancels", close_cancels},
        {"second-start", second_start},
        {"wait-in-own-hook", wait_in_own_hook},
        {"wait-times-out", wait_times_out},
    };
}
