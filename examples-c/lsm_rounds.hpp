// What the examples with RocksDB and LevelDB do with their databases: back one up, restore it, let
// the engine open and check it, and compare every key; so many times, while writers never stop. The same
// with checkpoints, which the engine opens where they lie, as copies, and to write to them.
#pragma once

#include <hotbackup.hpp>

#include <cstdio>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "lsm_workload.hpp"

namespace lsm {

namespace fs = std::filesystem;

struct Arguments {
    fs::path dir;
    unsigned rounds = 5;
    std::string only; // a variant; empty: all
    bool broken = false;
    std::chrono::milliseconds pause{0}; // between two backups

    // With a pause writers take their time too: so some tables live for long enough to be shared.
    std::chrono::microseconds rest() const { return pause / 25; }
};

// [directory] [--rounds N] [--pause MS] [--only VARIANT], and, where something may be broken to see that it is found,
// [--break WHAT]
inline Arguments arguments(int argc, char **argv, const std::string &breakable = {})
{
    Arguments found;
    std::string usage = "usage: " + std::string(argv[0]) + " [directory] [--rounds N] [--pause MS] [--only VARIANT]" +
                        (breakable.empty() ? "" : " [--break " + breakable + "]");
    for (int i = 1; i < argc; i++) {
        std::string argument = argv[i];
        if (argument == "--rounds" && i + 1 < argc)
            found.rounds = static_cast<unsigned>(std::stoul(argv[++i]));
        else if (argument == "--pause" && i + 1 < argc)
            found.pause = std::chrono::milliseconds(std::stoul(argv[++i]));
        else if (argument == "--only" && i + 1 < argc)
            found.only = argv[++i];
        else if (argument == "--break" && i + 1 < argc && !breakable.empty() && argv[i + 1] == breakable)
            found.broken = true, i++;
        else if (argument.rfind("--", 0) != 0 && found.dir.empty())
            found.dir = argument;
        else
            throw std::runtime_error(usage);
    }
    if (found.rounds == 0)
        throw std::runtime_error("at least one round");
    if (found.dir.empty()) {
        std::string fresh = (fs::temp_directory_path() / "hotbackup-XXXXXX").string();
        if (mkdtemp(fresh.data()) == nullptr)
            throw std::runtime_error("no temporary directory can be made");
        found.dir = fresh;
    }
    std::printf("working in %s\n", found.dir.c_str());
    return found;
}

// Opens a restored database with its engine, lets the engine check it, and reads all of it.
using ReadBack = std::function<Contents(const fs::path &)>;

// Makes backups and restores each, at once and again when younger ones share its files and others that did are
// deleted. Throws at the first that is not exactly the point of its freeze.
class Rounds {
public:
    // `dir` is for what is restored.
    Rounds(std::string name, fs::path dir, ReadBack read_back)
        : name_(std::move(name)), dir_(std::move(dir)), read_back_(std::move(read_back))
    {
    }

    // So many of a database that is written to.
    void live(hotbackup::Coordinator &coordinator, Writers &writers, const Churn &churn, const Arguments &how)
    {
        std::uint64_t during = 0, files_left_out = 0, shared = 0, again = 0;
        unsigned rounds = how.rounds;
        std::vector<double> windows;
        for (unsigned round = 1; round <= rounds; round++) {
            wait_for_churn(writers, churn);
            std::this_thread::sleep_for(how.pause);
            std::uint64_t before = churn.both();
            auto job = coordinator.start();
            job.wait();
            during += churn.both() - before;
            auto status = job.status();
            windows.push_back(Milliseconds(status.freeze).count());
            files_left_out += status.files_left_out;
            shared += status.bytes_linked;
            compare(job.location(), writers.frozen());
            kept_.push_back({job.location(), job.id(), model_.contents()});
            if (kept_.size() > kKept)
                delete_any(coordinator.root());
            compare_again(kept_[random_.below(kept_.size())]), again++;
        }
        writers.rethrow();
        for (; !kept_.empty(); delete_any(coordinator.root()))
            for (const Kept &kept : kept_)
                compare_again(kept), again++;
        if (during == 0)
            throw std::runtime_error(name_ + ": no backup saw a flush or a compaction, which proves nothing");
        double held_back = median(writers.held_back()), synced = median(writers.synced());
        std::printf("%s: %u snapshots, 0 wrong: each is the point of its freeze, key by key (%zu at the end)\n"
                    "  commits were held back for %.2f ms (median; at most %.2f), %.2f of which are the "
                    "library's;\n"
                    "  that is %.1f times a synced commit, which took %.2f ms (median)\n"
                    "  files came or went in %llu of %zu freezes, %llu during all of the backups; %llu "
                    "unfinished ones left out\n"
                    "  older ones were restored %llu times, others deleted in between, 0 wrong; %llu KB were "
                    "shared\n",
                    name_.c_str(), rounds, model_.contents().size(), held_back, largest(writers.held_back()),
                    median(windows), held_back / synced, synced,
                    static_cast<unsigned long long>(writers.churned()), writers.held_back().size(),
                    static_cast<unsigned long long>(during),
                    static_cast<unsigned long long>(files_left_out), static_cast<unsigned long long>(again),
                    static_cast<unsigned long long>(shared >> 10));
    }

    // So many checkpoints of a database that is written to. `opened` opens one where it lies; `used` opens it
    // to write to it, which must leave the live database alone: that is compared when it is stopped().
    void checkpoints(hotbackup::Coordinator &coordinator, Writers &writers, const Churn &churn, unsigned rounds,
                     const ReadBack &opened, const std::function<void(const fs::path &)> &used)
    {
        // Of those that stay the live engine deletes many tables.
        constexpr std::size_t kStay = 3;
        struct Made {
            fs::path location;
            Contents expected;
        };
        std::deque<Made> made;
        std::vector<double> took;
        std::uint64_t linked = 0, copied = 0;
        auto again = [&] {
            compare_checkpoint(opened(made.front().location), made.front().expected, made.front().location);
            hotbackup::remove_checkpoint(made.front().location);
            made.pop_front();
        };
        for (unsigned round = 1; round <= rounds; round++) {
            wait_for_churn(writers, churn);
            auto began = Clock::now();
            auto job = coordinator.start_checkpoint();
            job.wait();
            took.push_back(Milliseconds(Clock::now() - began).count());
            linked += job.status().bytes_linked;
            copied += job.status().bytes_copied;
            model_.advance(writers.frozen());
            fs::path copy = dir_ / "copied";
            fs::copy(job.location(), copy, fs::copy_options::recursive);
            compare_checkpoint(read_back_(copy), model_.contents(), job.location());
            fs::remove_all(copy);
            if (round % 2 == 0) {
                compare_checkpoint(opened(job.location()), model_.contents(), job.location());
                used(job.location());
                hotbackup::remove_checkpoint(job.location());
                continue;
            }
            made.push_back({job.location(), model_.contents()});
            if (made.size() > kStay)
                again();
        }
        while (!made.empty())
            again();
        writers.rethrow();
        if (linked == 0)
            throw std::runtime_error(name_ + ": no table was linked, which proves nothing");
        std::printf("%s: %u checkpoints, 0 wrong: each is the point of its freeze, where it lies, copied, and later\n"
                    "  each took %.1f ms (median; at most %.1f); %.1f MB were linked, %.1f copied\n",
                    name_.c_str(), rounds, median(took), largest(took), static_cast<double>(linked) / 1e6,
                    static_cast<double>(copied) / 1e6);
    }

    // One of a database that is closed and at this point.
    void stopped(hotbackup::Coordinator &coordinator, const Point &point)
    {
        auto job = coordinator.start();
        job.wait();
        compare(job.location(), point);
        std::printf("%s: the snapshot of the closed database holds all of its %zu keys\n", name_.c_str(),
                    model_.contents().size());
    }

    // That the comparison would find a lost log, which the engine does not miss: of a restored snapshot the newest
    // log is deleted.
    void self_check(hotbackup::Coordinator &coordinator, const Writers &writers)
    {
        auto job = coordinator.start();
        job.wait();
        model_.advance(writers.frozen());
        fs::path target = restored(job.location());
        fs::path newest;
        for (const auto &entry : fs::recursive_directory_iterator(target))
            if (entry.path().extension() == ".log" && entry.path().filename() > newest.filename())
                newest = entry.path();
        fs::remove(newest);
        std::string differs = difference(read_back_(target), model_.contents());
        if (newest.empty() || differs.empty())
            throw std::runtime_error(name_ + ": without " + newest.string() + " nothing is found to be missing");
        std::printf("  without %s the engine opens it all the same; found by comparison: %s\n",
                    newest.filename().c_str(), differs.c_str());
        fs::remove_all(target);
    }

private:
    // Flushes and compactions must be under way, however slow the machine is.
    static void wait_for_churn(const Writers &writers, const Churn &churn)
    {
        for (std::uint64_t made = churn.made; churn.made < made + 3;) {
            writers.rethrow();
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
    }

    void compare_checkpoint(const Contents &found, const Contents &expected, const fs::path &location) const
    {
        std::string differs = difference(found, expected);
        if (!differs.empty())
            throw std::runtime_error(name_ + ": THE CHECKPOINT IS WRONG: " + differs + " (" + location.string() +
                                     ")");
    }

    fs::path restored(const fs::path &snapshot) const
    {
        fs::path target = dir_ / "restored";
        fs::remove_all(target);
        hotbackup::restore(snapshot, target).wait();
        return target;
    }

    struct Kept {
        fs::path location;
        std::string id;
        Contents contents;
    };

    // So many snapshots are there at a time.
    static constexpr std::size_t kKept = 5;

    void delete_any(const fs::path &root)
    {
        auto gone = kept_.begin() + static_cast<std::ptrdiff_t>(random_.below(kept_.size()));
        hotbackup::remove(root, gone->id);
        kept_.erase(gone);
    }

    void compare(const fs::path &snapshot, const Point &point)
    {
        model_.advance(point);
        compare_with(snapshot, model_.contents());
    }

    void compare_again(const Kept &kept) const { compare_with(kept.location, kept.contents); }

    void compare_with(const fs::path &snapshot, const Contents &expected) const
    {
        fs::path target = restored(snapshot);
        std::string differs = difference(read_back_(target), expected);
        if (!differs.empty())
            throw std::runtime_error(name_ + ": THE RESTORED DATABASE IS WRONG: " + differs + " (" +
                                     snapshot.string() + ")");
        fs::remove_all(target);
    }

    std::string name_;
    fs::path dir_;
    ReadBack read_back_;
    Model model_;
    std::vector<Kept> kept_;
    Random random_{1};
};

} // namespace lsm
