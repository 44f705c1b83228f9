// RocksDB as the examples use it: how it is opened, committed to, and read back whole with its own checks.
// Nothing here knows of hotbackup.
#pragma once

#include <rocksdb/db.h>
#include <rocksdb/file_checksum.h>
#include <rocksdb/listener.h>
#include <rocksdb/options.h>
#include <rocksdb/write_batch.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "lsm_workload.hpp"

namespace rocks {

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

inline void check(const rocksdb::Status &status, const char *doing)
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
inline rocksdb::Options options_of(const Variant &variant, const fs::path &logs)
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
inline rocksdb::Options live_options(const Variant &variant, const fs::path &logs, lsm::Churn &churn)
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
            compact();
        }
    }

    void compact()
    {
        for (auto *family : families_)
            check(db_->CompactRange(rocksdb::CompactRangeOptions(), family, nullptr, nullptr), "compacting");
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

} // namespace rocks
