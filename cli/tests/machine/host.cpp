// A RocksDB under writers that never stop, which makes a snapshot whenever it is told to:
//
//     host run DATA ROOT              for each line that comes: a snapshot, or a checkpoint if that is what it says;
//                                     prints what was committed at its freeze, and where it is
//     host compare DIRECTORY A B C    opens what was restored, and fails unless it holds exactly those commits
//
// Beneath what the writers change lies a base that rests, as most of a database does.
#include <cstdio>
#include <iostream>
#include <stdexcept>
#include <string>

#include "rocksdb_backup.hpp"

namespace {

using namespace rocks;

constexpr Variant kVariant = {"named", true, false, false, false, false};

constexpr unsigned kBase = 8000;

// Before the keys of all writers.
std::string base_key(unsigned number)
{
    std::string digits = std::to_string(number);
    return "Base" + std::string(6 - digits.size(), '0') + digits;
}

std::string base_value(unsigned number)
{
    lsm::Random random(1000000007ull + number);
    std::string value = "Base:";
    while (value.size() < 1500) {
        std::uint64_t bits = random.next();
        value.append(reinterpret_cast<const char *>(&bits), sizeof bits);
    }
    return value;
}

void load(Database &database)
{
    for (unsigned number = 0; number < kBase;) {
        lsm::Batch batch;
        for (unsigned end = number + 100; number < end; number++)
            batch.push_back({base_key(number), base_value(number)});
        database.commit(batch, false);
    }
    database.flush();
    database.compact();
}

void run(const fs::path &data, const fs::path &root)
{
    lsm::Churn churn;
    Database database(kVariant, live_options(kVariant, {}, churn), data);
    load(database);
    lsm::Writers writers(
        churn, [&](const lsm::Batch &batch, bool sync) { database.commit(batch, sync); }, std::chrono::milliseconds(4));
    auto how = naming(database, writers, kVariant.flushes());
    how.root(root);
    hotbackup::Coordinator coordinator(data, how);
    for (std::string line; std::getline(std::cin, line);) {
        // Tables must have come and gone since the last one, however slow the machine is.
        for (std::uint64_t until = churn.made + 3; churn.made < until; writers.rethrow())
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        hotbackup::Job job = line == "checkpoint" ? coordinator.start_checkpoint() : coordinator.start();
        job.wait();
        for (std::uint64_t commits : writers.frozen())
            std::cout << commits << ' ';
        std::cout << job.location().string() << std::endl;
    }
    coordinator.close();
    writers.stop();
    writers.rethrow();
}

void compare(const fs::path &restored, const lsm::Point &point)
{
    lsm::Model model;
    model.advance(point);
    lsm::Contents expected = model.contents();
    for (unsigned number = 0; number < kBase; number++)
        expected[base_key(number)] = base_value(number);
    std::string differs =
        lsm::difference(Database(kVariant, options_of(kVariant, {}), restored).checked_contents(), expected);
    if (!differs.empty())
        throw std::runtime_error("THE RESTORED DATABASE IS WRONG: " + differs);
    std::printf("%zu keys\n", expected.size());
}

} // namespace

int main(int argc, char **argv)
try {
    std::string verb = argc > 1 ? argv[1] : "";
    if (verb == "run" && argc == 4)
        run(argv[2], argv[3]);
    else if (verb == "compare" && argc == 6)
        compare(argv[2], {std::stoull(argv[3]), std::stoull(argv[4]), std::stoull(argv[5])});
    else
        throw std::runtime_error("usage: host run DATA ROOT, or host compare DIRECTORY A B C");
    return 0;
} catch (const std::exception &error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
}
