// What is refused at once, restores, and what is on disk.
#include "scene.hpp"

namespace {

Code opens(Scene &scene, const fs::path &data) {
    return code_of([&] { hotbackup::Coordinator(data, scene.options); });
}

// --- Restores

Code restored(Scene &scene, const fs::path &snapshot, const fs::path &target) {
    scene.forgets = false;
    return code_of([&] { hotbackup::restore(snapshot, target, scene.options).wait(); });
}

Code restore(Scene &scene) {
    const fs::path target = scene.directory / "target";
    const Code code = restored(scene, scene.snapshot(), target);
    CHECK(tree(target) == tree(scene.data));
    return code;
}

Code restore_validate_fails(Scene &scene) {
    const fs::path snapshot = scene.snapshot(), target = scene.directory / "target";
    scene.fails = "validate";
    scene.forgets = false;
    const hotbackup::Job job = hotbackup::restore(snapshot, target, scene.options);
    try {
        job.wait();
    } catch (const SaidNo &) {
        CHECK(!fs::exists(target));
        return job.error().value().code();
    }
    return Code::Ok;
}

Code restore_cancelled(Scene &scene) {
    const fs::path snapshot = scene.snapshot(), target = scene.directory / "target";
    scene.progress_says_stop = true;
    const Code code = restored(scene, snapshot, target);
    CHECK(!fs::exists(target));
    return code;
}

Code restore_and_undo(Scene &scene) {
    const fs::path target = scene.directory / "target";
    fs::create_directory(target);
    write(target / "old", "of before");
    const auto before = tree(target);
    const Code code = restored(scene, scene.snapshot(), target);
    CHECK(tree(target) == tree(scene.data));
    hotbackup::restore_undo(target);
    CHECK(tree(target) == before);
    return code;
}

Code restore_under_a_host(Scene &scene) {
    return restored(scene, scene.snapshot(), scene.data);
}

Code recover_nothing(Scene &scene) {
    CHECK(hotbackup::recover(scene.data) == hotbackup::Recovered::Nothing);
    return Code::Ok;
}

// --- Verifications and snapshots

Code verify(Scene &scene) {
    const fs::path snapshot = scene.snapshot();
    scene.forgets = false;
    hotbackup::verify(snapshot, scene.options).wait();
    return Code::Ok;
}

Code verify_corrupt(Scene &scene) {
    const fs::path snapshot = scene.snapshot();
    std::string bytes = read(snapshot / "2.sst");
    bytes[50000] = static_cast<char>(bytes[50000] ^ 1);
    write(snapshot / "2.sst", bytes);
    scene.forgets = false;
    return code_of([&] { hotbackup::verify(snapshot, scene.options).wait(); });
}

// The newest first, as they are listed.
std::vector<fs::path> snapshots(Scene &scene, int count) {
    std::vector<fs::path> made;
    for (int i = 0; i < count; i++) {
        if (i > 0) scene.change();
        made.insert(made.begin(), scene.snapshot());
    }
    return made;
}

Code list(Scene &scene) {
    const auto made = snapshots(scene, 3);
    const std::vector<hotbackup::Snapshot> listed = hotbackup::list(scene.root);
    CHECK(listed.size() == 3);
    for (std::size_t i = 0; i < 3; i++) {
        const hotbackup::Snapshot &one = listed[i];
        CHECK(one.location() == made[i] && one.id().size() == 36 && !one.error());
        CHECK(one.files() == 3 && one.bytes() == 100023 && one.layout() == "generic");
    }
    CHECK(hotbackup::latest(scene.root).id() == listed[0].id());
    return Code::Ok;
}

Code list_unreadable(Scene &scene) {
    const auto made = snapshots(scene, 3);
    write(made[1] / "snapshot.manifest", "{");
    const std::vector<hotbackup::Snapshot> listed = hotbackup::list(scene.root);
    CHECK(listed.size() == 3 && !listed[0].error() && !listed[2].error());
    CHECK(listed[1].location() == made[1]);
    return listed[1].error().value().code();
}

Code delete_newest(Scene &scene) {
    const auto made = snapshots(scene, 2);
    hotbackup::remove(scene.root, hotbackup::latest(scene.root).id());
    CHECK(hotbackup::latest(scene.root).location() == made[1] && hotbackup::list(scene.root).size() == 1);
    return Code::Ok;
}

Code delete_missing(Scene &scene) {
    scene.snapshot();
    return code_of([&] { hotbackup::remove(scene.root, "ts-1"); });
}

Code prune(Scene &scene) {
    const auto made = snapshots(scene, 3);
    CHECK(hotbackup::prune(scene.root, 1) == 2 && hotbackup::list(scene.root).size() == 1);
    CHECK(hotbackup::latest(scene.root).location() == made[0]);
    return Code::Ok;
}

Code prune_to_none(Scene &scene) {
    scene.snapshot();
    const Code code = code_of([&] { hotbackup::prune(scene.root, 0); });
    CHECK(hotbackup::list(scene.root).size() == 1);
    return code;
}

bool say(const std::vector<hotbackup::Verdict> &verdicts, const std::vector<fs::path> &made,
         const std::vector<std::string> &reasons, bool oldest_goes) {
    bool right = verdicts.size() == made.size();
    for (std::size_t i = 0; right && i < made.size(); i++) {
        right = verdicts[i].location() == made[i] && verdicts[i].reasons() == reasons[i]
                && verdicts[i].goes() == (oldest_goes && i + 1 == made.size());
    }
    return right;
}

Code prune_by(Scene &scene) {
    const auto made = snapshots(scene, 3);
    write(made[1] / "snapshot.manifest", "{");
    auto policy = hotbackup::Retention().keep_newest(1).keep_yearly(1).keep_tag("release");
    policy.keep_within(std::chrono::hours(1));
    CHECK(say(hotbackup::retention_plan(scene.root, policy), made,
              {"newest 1 of 1, yearly 1 of 1, within 1 hour, the newest good one", "unreadable", "within 1 hour"},
              false));
    CHECK(hotbackup::list(scene.root).size() == 3);
    policy.keep_within(std::chrono::hours(0));
    CHECK(say(hotbackup::prune_by(scene.root, policy), made,
              {"newest 1 of 1, yearly 1 of 1, the newest good one", "unreadable", "no rule keeps it"}, true));
    CHECK(hotbackup::list(scene.root).size() == 2 && !fs::exists(made[2]));
    CHECK(hotbackup::latest(scene.root).location() == made[0]);
    return Code::Ok;
}

Code prune_by_nothing(Scene &scene) {
    scene.snapshot();
    const Code code = code_of([&] { hotbackup::prune_by(scene.root, hotbackup::Retention()); });
    CHECK(hotbackup::list(scene.root).size() == 1);
    return code;
}

} // namespace

Scenarios disk() {
    return {
        {"missing-directory", [](Scene &scene) { return opens(scene, scene.data / "missing"); }},
        {"directory-is-a-file", [](Scene &scene) { return opens(scene, scene.data / "log"); }},
        {"bad-rule", [](Scene &scene) {
             return code_of([&] { scene.options.rule("[", hotbackup::FileClass::Mutable); });
         }},
        {"unknown-layout", [](Scene &scene) {
             return code_of([&] { scene.options.layout("no such layout"); });
         }},
        {"restore", restore},
        {"restore-validate-fails", restore_validate_fails},
        {"restore-cancelled", restore_cancelled},
        {"restore-and-undo", restore_and_undo},
        {"restore-under-a-host", restore_under_a_host},
        {"recover-nothing", recover_nothing},
        {"undo-nothing", [](Scene &scene) {
             return code_of([&] { hotbackup::restore_undo(scene.data); });
         }},
        {"verify", verify},
        {"verify-corrupt", verify_corrupt},
        {"list", list},
        {"list-unreadable", list_unreadable},
        {"latest-of-nothing", [](Scene &scene) {
             return code_of([&] { hotbackup::latest(scene.root); });
         }},
        {"delete", delete_newest},
        {"delete-missing", delete_missing},
        {"prune", prune},
        {"prune-to-none", prune_to_none},
        {"prune-by", prune_by},
        {"prune-by-nothing", prune_by_nothing},
    };
}
