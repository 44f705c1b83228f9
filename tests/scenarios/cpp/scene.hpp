// What a case has: a fresh data directory, options with hooks that write down their names, and a
// coordinator.
#ifndef SCENE_HPP
#define SCENE_HPP

#include "../../cpp/check.hpp"

#include <map>

// All that lies in a directory but .lifecycle, by its path: the bytes of files.
inline std::map<fs::path, std::string> tree(const fs::path &top) {
    std::map<fs::path, std::string> found;
    for (auto entry = fs::recursive_directory_iterator(top); entry != fs::end(entry); ++entry) {
        const fs::path path = entry->path().lexically_relative(top);
        if (path == ".lifecycle")
            entry.disable_recursion_pending();
        else
            found[path] = entry->is_directory() ? "" : read(entry->path());
    }
    return found;
}

// A host's own exception.
struct SaidNo : std::runtime_error {
    explicit SaidNo(const std::string &hook) : std::runtime_error(hook + " said no") {}
};

class Scene {
public:
    Scene(const fs::path &scratch, const fs::path &data_name)
        : directory(scratch), data(directory / data_name), root(data / ".lifecycle/backup") {
        fs::create_directories(data / "wal");
        std::string table(100000, '\0');
        for (std::size_t i = 0; i < table.size(); i++) table[i] = static_cast<char>(i % 251);
        write(data / "1.sst", "an immutable table");
        write(data / "2.sst", table);
        write(data / "log", "a log");

        using hotbackup::Hook;
        options.rule("*.sst", hotbackup::FileClass::Immutable)
            .checkpoint([this](Hook &hook) { called("checkpoint", hook); })
            .freeze([this](Hook &hook) { called("freeze", hook); },
                    [this](Hook &hook) { called("thaw", hook); })
            .release([this](Hook &hook) { called("release", hook); })
            .validate([this](const fs::path &staging, Hook &hook) {
                CHECK(staging.is_absolute() && fs::exists(staging / "log"));
                called("validate", hook);
            })
            .progress([this](const hotbackup::Progress &now, Hook &) {
                CHECK(now.percent >= percent && now.percent <= 100);
                CHECK(!on_caller || std::this_thread::get_id() == caller);
                percent = now.percent;
                progress_calls++;
                if (fails == "progress") throw SaidNo("progress");
                return !progress_says_stop;
            });
    }

    // The coordinator, opened when it is first wanted.
    hotbackup::Coordinator &coordinator() {
        if (!coordinator_) {
            coordinator_.emplace(data, options);
            CHECK(coordinator_->root() == root);
        }
        return *coordinator_;
    }

    // Opens it anew, with the options as they are now.
    void reopen() { coordinator_.reset(); }

    hotbackup::Job start() { return coordinator().start(); }

    // Makes a backup and returns where it is. The hook calls from here on are forgotten.
    fs::path snapshot() {
        const hotbackup::Job job = start();
        job.wait();
        forget();
        calls.clear();
        return job.location();
    }

    // Writes down no more of them.
    void forget() {
        forgets = true;
        percent = 0;
    }

    // Changes `log`, and not its length.
    void change() { write(data / "log", "log " + std::to_string(++changes_ % 10)); }

    const fs::path directory, data, root;
    hotbackup::Options options;

    std::string fails; // the hook that says no
    bool progress_says_stop = false;
    std::function<void(const std::string &name, hotbackup::Hook &)> during; // what a hook does, besides
    Gate gate;

    std::string calls; // the names of the hooks called, but progress
    bool forgets = false;
    int progress_calls = 0;
    std::uint32_t percent = 0;
    bool on_caller = false; // whether the hooks run on the case's thread
    const std::thread::id caller = std::this_thread::get_id();

private:
    void called(const std::string &name, hotbackup::Hook &hook) {
        CHECK(!on_caller || std::this_thread::get_id() == caller);
        if (!forgets) calls += (calls.empty() ? "" : " ") + name;
        if (during) during(name, hook);
        if (fails == name) throw SaidNo(name);
    }

    int changes_ = 0;
    std::optional<hotbackup::Coordinator> coordinator_; // goes first, as hooks use the rest
};

using Scenarios = std::map<std::string, Code (*)(Scene &)>;

// What there is, by name; each a file of its own.
Scenarios backups();
Scenarios checkpoints();
Scenarios disk();
Scenarios looks();
Scenarios sharing();

#endif
