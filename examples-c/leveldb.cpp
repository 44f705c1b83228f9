// LevelDB backs itself up while it is written to, flushes and compacts; each snapshot is restored,
// opened and checked by LevelDB, and compared key by key with what was committed at the freeze.
//
//     make -C examples-c leveldb      or: build/leveldb [directory] [--rounds N]
//
// LevelDB cannot say which of its files are live, cannot keep them from being deleted, and cannot
// stop its compactions. It need not: the layout "leveldb" lets the library look at the directory
// again and again inside the freeze, until two looks agree on logs and MANIFEST.
#include <hotbackup.hpp>

#include <leveldb/db.h>
#include <leveldb/env.h>
#include <leveldb/write_batch.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>

#include "lsm_rounds.hpp"
#include "lsm_workload.hpp"

namespace {

namespace fs = std::filesystem;

void check(const leveldb::Status &status, const char *doing)
{
    if (!status.ok())
        throw std::runtime_error(std::string(doing) + ": " + status.ToString());
}

// Counts the files that come and go. LevelDB has no listeners, but all of it goes through its Env.
class Watch : public leveldb::EnvWrapper {
public:
    explicit Watch(lsm::Churn &churn) : EnvWrapper(leveldb::Env::Default()), churn_(churn) {}
    leveldb::Status NewWritableFile(const std::string &name, leveldb::WritableFile **out) override
    {
        churn_.made++;
        return target()->NewWritableFile(name, out);
    }
    leveldb::Status RemoveFile(const std::string &name) override
    {
        churn_.deleted++;
        return target()->RemoveFile(name);
    }

private:
    lsm::Churn &churn_;
};

// Everything is small, so that logs and tables change all the time.
leveldb::Options small()
{
    leveldb::Options options;
    options.write_buffer_size = 64 << 10;
    options.max_file_size = 1 << 20; // the least there is
    options.compression = leveldb::kNoCompression;
    options.paranoid_checks = true;
    return options;
}

class Database {
public:
    Database(const leveldb::Options &options, const fs::path &path)
    {
        leveldb::DB *opened = nullptr;
        check(leveldb::DB::Open(options, path, &opened), "opening");
        db_.reset(opened);
    }

    void commit(const lsm::Batch &batch, bool sync)
    {
        leveldb::WriteBatch writes;
        for (const auto &[key, value] : batch)
            if (value)
                writes.Put(key, *value);
            else
                writes.Delete(key);
        leveldb::WriteOptions how;
        how.sync = sync;
        check(db_->Write(how, &writes), "writing");
    }

    // All that is in there, each block checked: with paranoid_checks LevelDB opens all or nothing.
    lsm::Contents checked_contents()
    {
        leveldb::ReadOptions how;
        how.verify_checksums = true;
        lsm::Contents contents;
        std::unique_ptr<leveldb::Iterator> i(db_->NewIterator(how));
        for (i->SeekToFirst(); i->Valid(); i->Next())
            contents[i->key().ToString()] = i->value().ToString();
        check(i->status(), "reading");
        return contents;
    }

    // Commits of its own, that make logs, tables and manifests of its own.
    void use()
    {
        for (int round = 0; round < 3; round++) {
            for (unsigned commit = 1; commit <= 300; commit++)
                this->commit(lsm::batch_of(commit % lsm::kWriters, 1000000 + commit), false);
            db_->CompactRange(nullptr, nullptr);
        }
    }

private:
    std::unique_ptr<leveldb::DB> db_;
};

// Once Write has returned, its record is in the log file, synced or not: LevelDB keeps nothing back
// in memory. So the freeze has nothing to do but to hold back those who write.
hotbackup::Options backup_options(lsm::Writers &writers)
{
    hotbackup::Options options;
    options.layout("leveldb").freeze([&](hotbackup::Hook &) { writers.freeze(); },
                                     [&](hotbackup::Hook &) { writers.thaw(); });
    return options;
}

void run(const fs::path &dir, const lsm::Arguments &arguments)
{
    fs::path data = dir / "data";
    fs::remove_all(dir);
    fs::create_directories(dir);
    lsm::Churn churn;
    Watch watch(churn);
    auto options = small();
    options.create_if_missing = true;
    options.env = &watch;

    lsm::Rounds trial("leveldb", dir, [&](const fs::path &restored) {
        return Database(small(), restored).checked_contents();
    });
    lsm::Point last;
    {
        Database database(options, data);
        lsm::Writers writers(
            churn, [&](const lsm::Batch &batch, bool sync) { database.commit(batch, sync); }, arguments.rest());
        auto how = backup_options(writers);
        how.root(dir / "backups");
        hotbackup::Coordinator coordinator(data, how);
        trial.live(coordinator, writers, churn, arguments);
        trial.self_check(coordinator, writers);
        // LevelDB has no way of opening a database but to write to it.
        auto opened = [](const fs::path &location) { return Database(small(), location).checked_contents(); };
        trial.checkpoints(coordinator, writers, churn, arguments.rounds, opened,
                          [](const fs::path &location) { Database(small(), location).use(); });
        coordinator.close();
        writers.stop();
        last = writers.last();
    }
    // The layout also serves a database that is closed. That needs no hook.
    auto how = hotbackup::Options().layout("leveldb").root(dir / "backups");
    hotbackup::Coordinator coordinator(data, how);
    trial.stopped(coordinator, last);
}

} // namespace

int main(int argc, char **argv)
try {
    auto arguments = lsm::arguments(argc, argv);
    run(arguments.dir / "leveldb", arguments);
    return 0;
} catch (const std::exception &error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
}
