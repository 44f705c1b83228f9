// What the C++ programs share: checks, files, and a gate for a hook to wait at. A program prints
// nothing unless something is wrong.
#ifndef CHECK_HPP
#define CHECK_HPP

#include <hotbackup.hpp>

#include <condition_variable>
#include <fstream>
#include <iostream>
#include <iterator>
#include <mutex>
#include <sstream>
#include <thread>

namespace fs = std::filesystem;
using hotbackup::Code;

// A failed check is no std::exception, so that nothing that is being tried catches it; but a hook
// that throws one fails its job with it.
struct NotSo {
    std::string what;
};

#define CHECK(condition) \
    do { \
        if (!(condition)) throw NotSo{std::string(__FILE__ ":") + std::to_string(__LINE__) + ": not so: " #condition}; \
    } while (0)

// Runs what may throw anything. Empty: it threw nothing, else what it was.
template <class Body>
std::string complaint_of(Body body) {
    try {
        body();
        return "";
    } catch (const NotSo &not_so) {
        return not_so.what;
    } catch (const std::exception &thrown) {
        return std::string("threw: ") + thrown.what();
    }
}

// The code that a call ends with.
template <class Call>
Code code_of(Call call) {
    try {
        call();
        return Code::Ok;
    } catch (const hotbackup::Error &error) {
        CHECK(error.code() != Code::Ok && *error.what() != '\0' && !error.cause());
        return error.code();
    }
}

#define REFUSED(call) CHECK(code_of([&] { (void)(call); }) == Code::InvalidArgument)

inline void write(const fs::path &path, const std::string &bytes) {
    std::ofstream file(path, std::ios::binary);
    file << bytes;
    file.close();
    CHECK(file);
}

inline std::string read(const fs::path &path) {
    std::ifstream file(path, std::ios::binary);
    CHECK(file);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// A door that a hook waits at, so that its job runs for as long as a test wants.
class Gate {
public:
    void pass() {
        std::unique_lock lock(mutex_);
        reached_ = true;
        changed_.notify_all();
        changed_.wait(lock, [&] { return open_; });
    }
    void await() {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return reached_; });
    }
    void open() {
        const std::lock_guard lock(mutex_);
        open_ = true;
        changed_.notify_all();
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool reached_ = false, open_ = false;
};

// A behaviour, which gets a directory of its own.
struct Behaviour {
    const char *name;
    void (*shows)(const fs::path &scratch);
};

// All of a program's, below the scratch directory in its first argument.
inline int show(int argc, char **argv, const std::vector<Behaviour> &behaviours) {
    if (argc != 2) return 2;
    for (const auto &[name, shows] : behaviours) {
        const fs::path scratch = fs::path(argv[1]) / name;
        fs::create_directory(scratch);
        const std::string complaint = complaint_of([&, behaviour = shows] { behaviour(scratch); });
        if (!complaint.empty()) {
            std::cerr << name << ": " << complaint << '\n';
            return 1;
        }
    }
    return 0;
}

// A new directory that a database might have.
inline fs::path database(const fs::path &scratch, const std::string &name = "database") {
    const fs::path directory = scratch / name;
    fs::create_directory(directory);
    write(directory / "data", "mutable");
    write(directory / "1.sst", "immutable");
    return directory;
}

// Options whose backups need not wait until files written just now prove quiet: the host freezes.
inline hotbackup::Options quick() {
    return hotbackup::Options().freeze([] {}, [] {});
}

#endif
