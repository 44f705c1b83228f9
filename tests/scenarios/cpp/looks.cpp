// What can be looked at without changing anything.
#include "scene.hpp"

using hotbackup::EntryKind;
using hotbackup::FileClass;

namespace {

Code contents(Scene &scene) {
    const hotbackup::Contents contents = hotbackup::Snapshot::open(scene.snapshot()).contents();
    const struct {
        const char *path;
        EntryKind kind;
        std::optional<FileClass> file_class;
        std::uint64_t size;
    } expected[] = {
        {"wal", EntryKind::Directory, std::nullopt, 0},
        {"1.sst", EntryKind::File, FileClass::Immutable, 18},
        {"2.sst", EntryKind::File, FileClass::Immutable, 100000},
        {"log", EntryKind::File, FileClass::Mutable, 5},
    };
    CHECK(contents.size() == 4);
    for (std::size_t i = 0; i < 4; i++) {
        const hotbackup::Entry entry = contents.at(i);
        CHECK(entry.path == expected[i].path && entry.kind == expected[i].kind);
        CHECK(entry.file_class == expected[i].file_class && entry.size == expected[i].size);
        CHECK((entry.crc32 == 0) == (entry.kind == EntryKind::Directory));
        CHECK(entry.origin.empty() && !entry.verified_at && entry.target.empty());
        CHECK(entry.attributes && entry.attributes->mtime_s > 0);
    }
    CHECK(code_of([&] { contents.at(4); }) == Code::InvalidArgument);
    return Code::Ok;
}

Code preview(Scene &scene) {
    using hotbackup::Outcome;
    const hotbackup::Preview told = hotbackup::preview(scene.data, scene.options);
    const struct {
        const char *path, *rule;
        FileClass file_class;
        Outcome outcome;
        std::uint64_t size;
    } expected[] = {
        {"1.sst", "*.sst", FileClass::Immutable, Outcome::CopiedAfterFreeze, 18},
        {"2.sst", "*.sst", FileClass::Immutable, Outcome::CopiedAfterFreeze, 100000},
        {"log", "", FileClass::Mutable, Outcome::CopiedInFreeze, 5},
    };
    CHECK(told.entries.size() == 3);
    for (std::size_t i = 0; i < 3; i++) {
        const hotbackup::PreviewEntry &entry = told.entries[i];
        CHECK(entry.path == expected[i].path && entry.rule == expected[i].rule);
        CHECK(entry.kind == EntryKind::File && entry.file_class == expected[i].file_class);
        CHECK(entry.outcome == expected[i].outcome && entry.size == expected[i].size);
    }
    CHECK(told.spaces.size() == 1 && told.spaces[0].path == told.root && told.root == scene.root);
    CHECK(told.spaces[0].free.value() > 0 && told.spaces[0].needed >= 100023);
    CHECK(told.is_one_file_system && told.directories == 1 && !told.previous && told.refusals.empty());
    CHECK(!fs::exists(scene.data / ".lifecycle"));
    return Code::Ok;
}

Code preview_refused(Scene &scene) {
    fs::create_symlink("nowhere", scene.data / "link");
    const hotbackup::Preview told = hotbackup::preview(scene.data, scene.options);
    CHECK(told.entries[2].outcome == hotbackup::Outcome::Refused && told.refusals.size() == 1);
    CHECK(told.refusals[0].path() == scene.data / "link");
    return told.refusals[0].code();
}

} // namespace

Scenarios looks() {
    return {
        {"contents", contents},
        {"contents-of-nothing", [](Scene &scene) {
             return code_of([&] { hotbackup::Contents::open(scene.directory / "missing"); });
         }},
        {"preview", preview},
        {"preview-refused", preview_refused},
    };
}
