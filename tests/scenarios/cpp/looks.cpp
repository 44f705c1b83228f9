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

} // namespace

Scenarios looks() {
    return {
        {"contents", contents},
        {"contents-of-nothing", [](Scene &scene) {
             return code_of([&] { hotbackup::Contents::open(scene.directory / "missing"); });
         }},
    };
}
