// How RocksDB is backed up: its live files named by itself, or its directory walked.
#pragma once

#include <hotbackup.hpp>

#include <rocksdb/metadata.h>

#include <limits>

#include "rocksdb_db.hpp"

namespace rocks {

inline hotbackup::FileClass class_of(rocksdb::FileType type, bool recycled)
{
    switch (type) {
    case rocksdb::kDescriptorFile: // the MANIFEST
        return hotbackup::FileClass::AppendOnly;
    case rocksdb::kWalFile: // a recycled one is overwritten from its start as soon as it is reused
        return recycled ? hotbackup::FileClass::Mutable : hotbackup::FileClass::AppendOnly;
    default: // tables, blob files, OPTIONS
        return hotbackup::FileClass::Immutable;
    }
}

// Exactly the files that make up the database at this moment; deletions are disabled.
inline void name_live_files(rocksdb::DB &db, bool flushes, hotbackup::Hook &hook)
{
    auto options = db.GetDBOptions();
    bool recycled = options.recycle_log_file_num > 0;
    rocksdb::LiveFilesStorageInfoOptions how;
    // The logs hold what is not in tables yet, so nothing need be flushed; 0: all families are. That must
    // be for commits that are in no log, and where logs are recycled: among those that wait to be reused
    // the live ones cannot be told otherwise.
    how.wal_size_for_flush = flushes ? 0 : std::numeric_limits<std::uint64_t>::max();
    std::vector<rocksdb::LiveFileStorageInfo> files;
    check(db.GetLiveFilesStorageInfo(how, &files), "asking for live files"); // calls FlushWAL, too
    for (const auto &file : files) {
        fs::path path = file.relative_filename;
        if (file.directory == options.wal_dir && options.wal_dir != db.GetName())
            path = kLogs / path;
        if (!file.replacement_contents.empty()) // CURRENT: another MANIFEST may come any time
            hook.add_bytes(path, file.replacement_contents);
        else if (file.trim_to_size)
            hook.add_file(path, class_of(file.file_type, recycled), file.size);
        else
            hook.add_file(path, class_of(file.file_type, recycled));
    }
}

// Stops the writers and does what else is to be done while they are stopped.
template <class Rest>
inline void freeze(lsm::Writers &writers, Rest rest)
{
    writers.freeze();
    try {
        rest();
    } catch (...) {
        writers.thaw(); // a hook that fails undoes its own work
        throw;
    }
}

inline hotbackup::Options naming(Database &database, lsm::Writers &writers, bool flushes)
{
    rocksdb::DB &db = database.db();
    hotbackup::Options options;
    options.layout("rocksdb")
        .checkpoint([&, flushes](hotbackup::Hook &) {
            if (flushes)
                database.flush(); // so that little is left to be flushed in the freeze
            check(db.DisableFileDeletions(), "disabling deletions");
        })
        .freeze(
            [&, flushes](hotbackup::Hook &hook) {
                freeze(writers, [&] { name_live_files(db, flushes, hook); });
            },
            [&](hotbackup::Hook &) { writers.thaw(); })
        .release([&](hotbackup::Hook &) {
            // Not forced, which is the default: something else may have disabled them, too.
            check(db.EnableFileDeletions(false), "enabling deletions");
        });
    return options;
}

inline hotbackup::Options walking(Database &database, lsm::Writers &writers, bool recycled, bool flushes)
{
    hotbackup::Options options;
    options.layout("rocksdb")
        .checkpoint([&, flushes](hotbackup::Hook &) {
            if (flushes)
                database.flush(); // likewise
        })
        .freeze(
            [&, flushes](hotbackup::Hook &) {
                freeze(writers, [&] {
                    // Only with manual_wal_flush there is something to be written, from RocksDB's own buffer.
                    check(database.db().FlushWAL(false), "flushing the log");
                    if (flushes)
                        database.flush();
                });
            },
            [&](hotbackup::Hook &) { writers.thaw(); });
    if (recycled) // they are renamed and overwritten, so that the layout's append_only is wrong
        options.rule("*.log", hotbackup::FileClass::Mutable);
    return options;
}

} // namespace rocks
