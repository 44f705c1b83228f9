// What a backup shares with the snapshot before it.
#include "scene.hpp"

using hotbackup::Share;

namespace {

// A scene whose tables can be shared: only what has settled is.
void share_always(Scene &scene) {
    const auto hour_ago = fs::file_time_type::clock::now() - std::chrono::hours(1);
    for (const char *name : {"1.sst", "2.sst"}) fs::last_write_time(scene.data / name, hour_ago);
    scene.options.share(Share::Always);
}

// Makes a backup of the scene, after a change, that shares so much.
hotbackup::Job shares(Scene &scene, std::uint64_t files, std::uint64_t bytes) {
    scene.reopen();
    scene.change();
    const hotbackup::Snapshot made = hotbackup::Snapshot::open(scene.snapshot());
    CHECK(made.files() == 3 && made.files_shared() == files && made.bytes_shared() == bytes);
    hotbackup::Job job = scene.coordinator().find();
    CHECK(job.location() == made.location() && job.status().bytes_linked == bytes);
    return job;
}

Code share_unchanged(Scene &scene) {
    share_always(scene);
    const hotbackup::Job first = shares(scene, 0, 0), second = shares(scene, 2, 100018);
    CHECK(first.warnings().empty() && second.warnings().empty());
    const hotbackup::Contents contents = hotbackup::Contents::open(second.location());
    for (std::size_t i = 1; i < 3; i++) // behind `wal`, and before `log`
        CHECK(contents.at(i).origin == first.id() && contents.at(i).verified_at);
    CHECK(contents.at(3).origin.empty());
    return Code::Ok;
}

Code share_never(Scene &scene) {
    share_always(scene);
    shares(scene, 0, 0);
    scene.options.share(Share::Never);
    CHECK(shares(scene, 0, 0).warnings().empty());
    return Code::Ok;
}

// As a disk does it.
void rot(const fs::path &stored) {
    const auto before = fs::last_write_time(stored);
    std::string bytes = read(stored);
    bytes[50000] = static_cast<char>(bytes[50000] ^ 1);
    write(stored, bytes);
    fs::last_write_time(stored, before);
}

Code share_rotted(Scene &scene) {
    share_always(scene);
    std::vector<fs::path> made{shares(scene, 0, 0).location(), shares(scene, 2, 100018).location()};
    rot(made[1] / "2.sst");
    scene.options.reread_after(std::chrono::seconds::max());
    const hotbackup::Job blind = shares(scene, 2, 100018);
    CHECK(blind.warnings().empty());
    made.push_back(blind.location());

    scene.options.reread_after(std::chrono::seconds(0));
    const hotbackup::Job job = shares(scene, 1, 18);
    const std::vector<hotbackup::Error> warnings = job.warnings();
    CHECK(warnings.size() == 1 && warnings[0].path() == made[2] / "2.sst");
    for (const fs::path &location : made)
        CHECK(std::string(warnings[0].what()).find(location.filename().string()) != std::string::npos);
    hotbackup::verify(job.location()).wait();
    return warnings[0].code();
}

Code scrub_rotted(Scene &scene) {
    share_always(scene);
    shares(scene, 0, 0);
    const fs::path second = shares(scene, 2, 100018).location();
    const hotbackup::Job good = hotbackup::scrub(scene.root);
    good.wait();
    CHECK(good.warnings().empty());
    rot(second / "2.sst");
    const hotbackup::Job job = hotbackup::scrub(scene.root, {1 << 30, std::chrono::hours(1)});
    const Code code = code_of([&] { job.wait(); });
    const std::vector<hotbackup::Error> warnings = job.warnings();
    CHECK(warnings.size() == 1 && warnings[0].code() == Code::Corrupt);
    CHECK(std::string(warnings[0].what()).find(second.filename().string()) != std::string::npos);
    CHECK(hotbackup::Snapshot::open(second).is_damaged());
    return code;
}

Code scrub_no_root(Scene &scene) {
    return code_of([&] { hotbackup::scrub(scene.data).wait(); });
}

} // namespace

Scenarios sharing() {
    return {
        {"share-unchanged", share_unchanged},
        {"share-never", share_never},
        {"share-rotted", share_rotted},
        {"scrub-rotted", scrub_rotted},
        {"scrub-no-root", scrub_no_root},
    };
}
