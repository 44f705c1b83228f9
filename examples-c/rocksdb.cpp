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
#include <cstdio>
#include <filesystem>
#include <stdexcept>
#include <string>

#include "lsm_rounds.hpp"
#include "rocksdb_backup.hpp"

namespace {

namespace fs = std::filesystem;
using namespace rocks;

constexpr Variant kVariants[] = {
    {"named", true, false, false, false, false},
    {"named-wal-dir-blobs", true, true, true, false, false},
    {"named-recycled", true, false, false, true, false},
    {"walked-wal-dir-blobs", false, true, true, false, false},
    {"walked-recycled", false, false, false, true, false},
    {"named-unlogged", true, false, false, false, true},
    {"walked-unlogged", false, false, false, false, true},
};

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
