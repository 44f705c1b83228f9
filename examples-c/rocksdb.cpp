// RocksDB backs itself up while it is written to, flushes and compacts; each snapshot is restored,
// opened and checked by RocksDB, and compared key by key with what was committed at the freeze.
//
//     make -C examples-c rocksdb      or: build/rocksdb [directory] [--rounds N] [--only VARIANT]
//                                                       [--break flush]
//
// RocksDB knows its live files, so the best backup names them (DisableFileDeletions until release,
// GetLiveFilesStorageInfo in the freeze). A host that has no access to these calls lets the
// directory be walked by the layout "rocksdb". Both are shown here. With `--break flush` nobody
// flushes what is in no log, which has to be found.
#include <hotbackup.hpp>

#include <rocksdb/db.h>
#include <rocksdb/file_checksum.h>
#include <rocksdb/listener.h>
#include <rocksdb/metadata.h>
#include <rocksdb/options.h>
#include <rocksdb/write_batch.h>

#include <atomic>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "lsm_rounds.hpp"
#include "lsm_workload.hpp"

namespace {

namespace fs = std::filesystem;

// Below this prefix a snapshot holds what was in wal_dir.
constexpr const char *kLogs = "wal";

struct Variant {
    const char *name;
    bool named;    // live files are named; else the directory is walked
    bool apart;    // logs in a directory of their own, and written when FlushWAL is called
    bool blobs;    // long values in blob files, which are garbage-collected
    bool recycled; // logs are renamed and overwritten in place
    bool unlogged; // two of three commits are made with disableWAL: until a flush they are in memory alone

    // Whether all memtables have to be flushed in the freeze.
    bool flushes() const { return unlogged || (named && recycled); }
};

constexpr Variant kVariants[] = {
    {"named", true, false, false, false, false},
    {"named-wal-dir-blobs", true, true, true, false, false},
    {"named-recycled", true, false, false, true, false},
    {"walked-wal-dir-blobs", false, true, true, false, false},
    {"walked-recycled", false, false, false, true, false},
    {"named-unlogged", true, false, false, false, true},
    {"walked-unlogged", false, false, false, false, true},
};

void check(const rocksdb::Status &status, const char *doing)
{
    if (!status.ok())
        throw std::runtime_error(std::string(doing) + ": " + status.ToString());
}

// Counts the tables and blob files that come and go.
class Watch : public rocksdb::EventListener {
public:
    explicit Watch(lsm::Churn &churn) : churn_(churn) {}
    void OnTableFileCreated(const rocksdb::TableFileCreationInfo &) override { churn_.made++; }
    void OnTableFileDeleted(const rocksdb::TableFileDeletionInfo &) override { churn_.deleted++; }

private:
    lsm::Churn &churn_;
};

// How a database is opened whose logs are in `logs`, where the variant has them apart. Everything is
// small, so that logs, tables and manifests change all the time.
rocksdb::Options options_of(const Variant &variant, const fs::path &logs)
{
    rocksdb::Options options;
    options.write_buffer_size = 64 << 10;
    options.target_file_size_base = 64 << 10;
    options.max_bytes_for_level_base = 256 << 10;
    options.level0_file_num_compaction_trigger = 2;
    options.max_manifest_file_size = 16 << 10;
    options.max_background_jobs = 2;
    options.compression = rocksdb::kNoCompression;
    options.paranoid_checks = true;
    options.file_checksum_gen_factory = rocksdb::GetFileChecksumGenCrc32cFactory(); // for VerifyFileChecksums
    if (variant.apart) {
        options.wal_dir = logs;
        options.manual_wal_flush = true;
    }
    if (variant.blobs) {
        options.enable_blob_files = true;
        options.min_blob_size = 256;
        options.blob_file_size = 256 << 10;
        options.enable_blob_garbage_collection = true;
        options.blob_garbage_collection_age_cutoff = 0.5;
    }
    // A commit to both families that is in no log is whole after a crash only if they are flushed together.
    options.atomic_flush = variant.unlogged;
    return options;
}

// The same for the database that is backed up.
rocksdb::Options live_options(const Variant &variant, const fs::path &logs, lsm::Churn &churn)
{
    auto options = options_of(variant, logs);
    options.create_if_missing = options.create_missing_column_families = true;
    options.listeners = {std::make_shared<Watch>(churn)};
    if (variant.recycled) {
        options.recycle_log_file_num = 2;
        // In any other mode RocksDB 7.8 silently sets recycle_log_file_num back to 0. But in this one it
        // never gets to the end of a log that has old records there, after a crash too: so what was
        // restored is opened in the default mode, kPointInTimeRecovery.
        options.wal_recovery_mode = rocksdb::WALRecoveryMode::kSkipAnyCorruptedRecords;
    }
    return options;
}

// A database of two column families, to both of which most commits write. With recycled logs it is
// one: RocksDB 7.8 crashes when it flushes one of several (in MarkLogsSynced).
class Database {
public:
    Database(const Variant &variant, const rocksdb::Options &options, const fs::path &path, bool read_only = false)
        : unlogged_(variant.unlogged)
    {
        std::vector<rocksdb::ColumnFamilyDescriptor> families = {{rocksdb::kDefaultColumnFamilyName, options}};
        if (!variant.recycled)
            families.push_back({"odd", options});
        rocksdb::DB *opened = nullptr;
        check(read_only ? rocksdb::DB::OpenForReadOnly(options, path, families, &families_, &opened)
                        : rocksdb::DB::Open(options, path, families, &families_, &opened),
              "opening");
        db_.reset(opened);
    }
    ~Database()
    {
        for (auto *family : families_)
            db_->DestroyColumnFamilyHandle(family);
    }
    Database(const Database &) = delete;
    Database &operator=(const Database &) = delete;

    rocksdb::DB &db() { return *db_; }

    void commit(const lsm::Batch &batch, bool sync)
    {
        rocksdb::WriteBatch writes;
        for (const auto &[key, value] : batch)
            check(value ? writes.Put(family(key), key, *value) : writes.Delete(family(key), key), "batching");
        rocksdb::WriteOptions how;
        how.sync = sync;
        how.disableWAL = unlogged_ && !sync && commits_++ % 3 != 0;
        check(db_->Write(how, &writes), "writing");
    }

    // All families, at once with `atomic_flush`, else one after the other.
    void flush() { check(db_->Flush(rocksdb::FlushOptions(), families_), "flushing"); }

    // Commits of its own, that make logs, tables and manifests of its own.
    void use()
    {
        for (int round = 0; round < 3; round++) {
            for (unsigned number = 1; number <= 300; number++)
                commit(lsm::batch_of(number % lsm::kWriters, 1000000 + number), false);
            flush();
            for (auto *family : families_)
                check(db_->CompactRange(rocksdb::CompactRangeOptions(), family, nullptr, nullptr), "compacting");
        }
    }

    // RocksDB's own checks, and all that is in there.
    lsm::Contents checked_contents()
    {
        check(db_->VerifyChecksum(), "verifying the blocks' checksums");
        check(db_->VerifyFileChecksums(rocksdb::ReadOptions()), "verifying the files' checksums");
        lsm::Contents contents;
        rocksdb::ReadOptions how;
        how.verify_checksums = true;
        for (auto *family : families_) {
            std::unique_ptr<rocksdb::Iterator> i(db_->NewIterator(how, family));
            for (i->SeekToFirst(); i->Valid(); i->Next())
                contents[i->key().ToString()] = i->value().ToString();
            check(i->status(), "reading");
        }
        return contents;
    }

private:
    rocksdb::ColumnFamilyHandle *family(const std::string &key) const
    {
        return families_[static_cast<unsigned char>(key.back()) % families_.size()];
    }

    std::unique_ptr<rocksdb::DB> db_;
    std::vector<rocksdb::ColumnFamilyHandle *> families_;
    bool unlogged_;
    std::atomic<std::uint64_t> commits_ = 0;
};

// --- The backup ---

hotbackup::FileClass class_of(rocksdb::FileType type, bool recycled)
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
void name_live_files(rocksdb::DB &db, bool flushes, hotbackup::Hook &hook)
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
void freeze(lsm::Writers &writers, Rest rest)
{
    writers.freeze();
    try {
        rest();
    } catch (...) {
        writers.thaw(); // a hook that fails undoes its own work
        throw;
    }
}

hotbackup::Options naming(Database &database, lsm::Writers &writers, bool flushes)
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

hotbackup::Options walking(Database &database, lsm::Writers &writers, bool recycled, bool flushes)
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

void run(const Variant &variant, const fs::path &dir, const lsm::Arguments &arguments, bool flushes)
{
    fs::path data = dir / "data", logs = dir / "logs";
    fs::remove_all(dir);
    fs::create_directories(logs);

    // A restored database has its logs below its own directory and is opened with that as wal_dir: the
    // OPTIONS file in there still names the wal_dir of the original.
    lsm::Rounds trial(std::string("rocksdb ") + variant.name, dir, [&](const fs::path &restored) {
        return Database(variant, options_of(variant, restored / kLogs), restored).checked_contents();
    });
    lsm::Point last;
    {
        lsm::Churn churn;
        Database database(variant, live_options(variant, logs, churn), data);
        if (variant.recycled != (database.db().GetDBOptions().recycle_log_file_num > 0))
            throw std::runtime_error("this RocksDB does not recycle its logs as it was told");
        lsm::Writers writers(
            churn, [&](const lsm::Batch &batch, bool sync) { database.commit(batch, sync); }, arguments.rest());
        auto how = variant.named ? naming(database, writers, flushes)
                                 : walking(database, writers, variant.recycled, flushes);
        how.root(dir / "backups");
        if (variant.apart)
            how.source(logs, kLogs);
        hotbackup::Coordinator coordinator(data, how);
        trial.live(coordinator, writers, churn, arguments);
        if (!variant.flushes()) // else no log is missed
            trial.self_check(coordinator, writers);
        auto opened = [&](const fs::path &location) {
            return Database(variant, options_of(variant, location / kLogs), location, true).checked_contents();
        };
        trial.checkpoints(coordinator, writers, churn, arguments.rounds, opened, [&](const fs::path &location) {
            Database(variant, options_of(variant, location / kLogs), location).use();
        });
        coordinator.close(); // no hook is called any more
        writers.stop();
        last = writers.last();
    }
    // The layout also serves a database that is closed. That needs no hook.
    auto how = hotbackup::Options().layout("rocksdb").root(dir / "backups");
    if (variant.apart)
        how.source(logs, kLogs);
    hotbackup::Coordinator coordinator(data, how);
    trial.stopped(coordinator, last);
}

} // namespace

int main(int argc, char **argv)
try {
    auto arguments = lsm::arguments(argc, argv, "flush");
    bool known = false;
    for (const Variant &variant : kVariants)
        if (arguments.only.empty() || arguments.only == variant.name) {
            known = true;
            run(variant, arguments.dir / "rocksdb", arguments, variant.flushes() && !arguments.broken);
        }
    if (!known)
        throw std::runtime_error("there is no variant " + arguments.only);
    return 0;
} catch (const std::exception &error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
}
