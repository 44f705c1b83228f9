// RocksDB's own ways, and the directory that all are measured on.
//
//     rocks make DB BYTES FILES         a database of so many bytes in so many tables
//     rocks write DB BYTES              adds so many bytes, in one more table
//     rocks backup DB BACKUPS [VERIFY]  BackupEngine, durable; then VerifyBackup with checksums
//     rocks restore BACKUPS DB          the newest of them
//     rocks checkpoint DB CHECKPOINT
#include <rocksdb/db.h>
#include <rocksdb/options.h>
#include <rocksdb/utilities/backup_engine.h>
#include <rocksdb/utilities/checkpoint.h>

#include <cstring>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "report.hpp"

namespace {

using Arguments = std::vector<std::string>;

constexpr std::size_t kValue = 4096;

template <class Status> void check(const Status &status, const char *doing)
{
    if (!status.ok()) throw std::runtime_error(std::string(doing) + ": " + status.ToString());
}

// Tables stay as they were flushed, so that a directory has the files that were asked for.
std::unique_ptr<rocksdb::DB> open(const std::string &path)
{
    rocksdb::Options options;
    options.create_if_missing = true;
    options.compression = rocksdb::kNoCompression;
    options.disable_auto_compactions = true;
    options.level0_slowdown_writes_trigger = options.level0_stop_writes_trigger = 1 << 30;
    options.write_buffer_size = 1 << 30;
    rocksdb::DB *db = nullptr;
    check(rocksdb::DB::Open(options, path, &db), "opening the database");
    return std::unique_ptr<rocksdb::DB>(db);
}

// One more table of random values, which no compression can shrink.
void add_table(rocksdb::DB &db, std::size_t bytes, std::uint64_t &state)
{
    rocksdb::WriteOptions unlogged;
    unlogged.disableWAL = true;
    std::string value(kValue, 0);
    for (std::size_t written = 0; written < bytes; written += kValue) {
        for (std::size_t at = 0; at < kValue; at += sizeof state) {
            state ^= state << 13, state ^= state >> 7, state ^= state << 17;
            std::memcpy(&value[at], &state, sizeof state);
        }
        check(db.Put(unlogged, "key-" + std::to_string(state), value), "writing");
    }
    check(db.Flush(rocksdb::FlushOptions()), "flushing");
}

void make(const Arguments &arguments)
{
    const auto db = open(arguments.at(1));
    const std::size_t bytes = std::stoull(arguments.at(2)), files = std::stoull(arguments.at(3));
    std::uint64_t state = 0x9e3779b97f4a7c15;
    for (std::size_t file = 0; file < files; file++) add_table(*db, bytes / files, state);
}

void write(const Arguments &arguments)
{
    const auto db = open(arguments.at(1));
    std::uint64_t state = db->GetLatestSequenceNumber() * 2654435761 + 1;
    add_table(*db, std::stoull(arguments.at(2)), state);
}

// As many threads as hotbackup takes by default.
rocksdb::BackupEngineOptions engine_options(const std::string &directory)
{
    rocksdb::BackupEngineOptions options(directory);
    options.sync = true;
    options.max_background_operations = 2;
    return options;
}

std::unique_ptr<rocksdb::BackupEngine> open_engine(const std::string &directory)
{
    rocksdb::BackupEngine *engine = nullptr;
    check(rocksdb::BackupEngine::Open(rocksdb::Env::Default(), engine_options(directory), &engine),
          "opening the backups");
    return std::unique_ptr<rocksdb::BackupEngine>(engine);
}

void backup(const Arguments &arguments)
{
    const auto db = open(arguments.at(1));
    const bool verifies = arguments.size() > 3;
    const peers::Meter meter;
    const auto engine = open_engine(arguments.at(2));
    rocksdb::BackupID id = 0;
    check(engine->CreateNewBackup(rocksdb::CreateBackupOptions(), db.get(), &id), "backing up");
    auto numbers = meter.stop();
    if (verifies) {
        check(engine->VerifyBackup(id, true), "verifying");
        const auto both = meter.stop();
        numbers["verified_seconds"] = both.at("seconds");
        numbers["verified_cpu"] = both.at("cpu");
    }
    peers::print(numbers);
}

void restore(const Arguments &arguments)
{
    const peers::Meter meter;
    const auto engine = open_engine(arguments.at(1));
    const auto &to = arguments.at(2);
    check(engine->RestoreDBFromLatestBackup(to, to), "restoring");
    peers::print(meter.stop());
}

void checkpoint(const Arguments &arguments)
{
    const auto db = open(arguments.at(1));
    const peers::Meter meter;
    rocksdb::Checkpoint *made = nullptr;
    check(rocksdb::Checkpoint::Create(db.get(), &made), "opening the checkpoint");
    const std::unique_ptr<rocksdb::Checkpoint> owned(made);
    check(made->CreateCheckpoint(arguments.at(2)), "making the checkpoint");
    peers::print(meter.stop());
}

} // namespace

int main(int argc, char **argv)
{
    const std::map<std::string, void (*)(const Arguments &)> commands{
        {"make", make},       {"write", write},           {"backup", backup},
        {"restore", restore}, {"checkpoint", checkpoint},
    };
    try {
        const Arguments arguments(argv + 1, argv + argc);
        commands.at(arguments.at(0))(arguments);
    } catch (const std::exception &error) {
        std::cerr << "rocks: " << error.what() << '\n';
        return 1;
    }
}
