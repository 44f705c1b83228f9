// What the examples with RocksDB and LevelDB share: writers that never stop, and a model that knows
// the exact contents of the database after each of their commits. Nothing here knows of hotbackup.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace lsm {

constexpr unsigned kWriters = 3;
constexpr unsigned kKeys = 1500; // of each writer

// The last commit of each writer. Together they are a point in the life of the database: writers
// have keys of their own, so that nothing depends on how their commits interleave.
using Point = std::array<std::uint64_t, kWriters>;

using Contents = std::map<std::string, std::string>;

struct Operation {
    std::string key;
    std::optional<std::string> value; // none: the key is deleted
};

using Batch = std::vector<Operation>;

// --- What is committed: all of it follows from who commits, and for which time. ---

// SplitMix64: small, and each seed gives a sequence of its own.
class Random {
public:
    explicit Random(std::uint64_t seed) : state_(seed) {}

    std::uint64_t next()
    {
        std::uint64_t z = state_ += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
    std::uint64_t below(std::uint64_t limit) { return next() % limit; }

private:
    std::uint64_t state_;
};

inline std::string key_of(unsigned writer, std::uint64_t number)
{
    std::string digits = std::to_string(number);
    return std::string(1, static_cast<char>('a' + writer)) + std::string(6 - digits.size(), '0') + digits;
}

// Here each commit leaves its number.
inline std::string last_commit_key(unsigned writer)
{
    return std::string(1, static_cast<char>('a' + writer)) + "-last";
}

// Begins with who wrote it when, which names the commit that a wrong value is from. Most are short,
// some are of several kilobytes.
inline std::string value_of(unsigned writer, std::uint64_t commit, std::uint64_t operation, Random &random)
{
    static constexpr std::uint64_t sizes[] = {60, 60, 200, 200, 200, 800, 800, 6000};
    std::string value = std::string(1, static_cast<char>('a' + writer)) + std::to_string(commit) + "." +
                        std::to_string(operation) + ":";
    for (std::size_t size = value.size() + random.below(sizes[random.below(8)]); value.size() < size;) {
        std::uint64_t bits = random.next();
        value.append(reinterpret_cast<const char *>(&bits), std::min(sizeof bits, size - value.size()));
    }
    return value;
}

inline Batch batch_of(unsigned writer, std::uint64_t commit)
{
    Random random(commit * kWriters + writer);
    Batch batch;
    for (std::uint64_t i = 0, count = 1 + random.below(8); i < count; i++) {
        std::string key = key_of(writer, random.below(kKeys));
        bool deleted = random.below(5) == 0;
        batch.push_back({std::move(key), std::nullopt});
        if (!deleted)
            batch.back().value = value_of(writer, commit, i, random);
    }
    batch.push_back({last_commit_key(writer), std::to_string(commit)});
    return batch;
}

// What a database that holds exactly the commits up to a point holds.
class Model {
public:
    // Points only move on, as those of one database do.
    void advance(const Point &point)
    {
        for (unsigned writer = 0; writer < kWriters; writer++)
            while (point_[writer] < point[writer])
                for (Operation &operation : batch_of(writer, ++point_[writer]))
                    if (operation.value)
                        contents_[operation.key] = std::move(*operation.value);
                    else
                        contents_.erase(operation.key);
    }

    const Contents &contents() const { return contents_; }

private:
    Point point_ = {};
    Contents contents_;
};

// How the contents of a database differ from what they must be; empty: not at all.
inline std::string difference(const Contents &found, const Contents &expected)
{
    auto shown = [](const std::string &value) {
        auto end = value.find(':');
        return end == std::string::npos ? value : value.substr(0, end);
    };
    std::string first;
    std::uint64_t missing = 0, extra = 0, wrong = 0;
    auto note = [&](std::uint64_t &count, const std::string &what) {
        if (missing + extra + wrong == 0)
            first = what;
        count++;
    };
    auto f = found.begin();
    for (auto e = expected.begin(); e != expected.end() || f != found.end();) {
        if (f == found.end() || (e != expected.end() && e->first < f->first)) {
            note(missing, e->first + " of commit " + shown(e->second) + " is missing");
            ++e;
        } else if (e == expected.end() || f->first < e->first) {
            note(extra, f->first + " of commit " + shown(f->second) + " should not be there");
            ++f;
        } else {
            if (f->second != e->second)
                note(wrong, f->first + " is of commit " + shown(f->second) + " and not of " + shown(e->second));
            ++e, ++f;
        }
    }
    if (missing + extra + wrong == 0)
        return {};
    return std::to_string(missing) + " keys missing, " + std::to_string(extra) + " too many, " +
           std::to_string(wrong) + " with another value; the first: " + first;
}

// --- Who commits ---

// Lets commits through until it is closed, which waits for those that are under way.
class Gate {
public:
    void enter()
    {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return !closed_; });
        inside_++;
    }
    void leave()
    {
        std::lock_guard lock(mutex_);
        if (--inside_ == 0)
            changed_.notify_all();
    }
    void close()
    {
        std::unique_lock lock(mutex_);
        closed_ = true;
        changed_.wait(lock, [&] { return inside_ == 0; });
    }
    void open()
    {
        std::lock_guard lock(mutex_);
        closed_ = false;
        changed_.notify_all();
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    unsigned inside_ = 0;
    bool closed_ = false;
};

using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::duration<double, std::milli>;

inline double median(std::vector<double> values)
{
    if (values.empty())
        return 0;
    auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
}

inline double largest(const std::vector<double> &values)
{
    return values.empty() ? 0 : *std::max_element(values.begin(), values.end());
}

// The files that an engine makes and deletes on its own: its flushes and compactions.
struct Churn {
    std::atomic<std::uint64_t> made = 0;
    std::atomic<std::uint64_t> deleted = 0;

    std::uint64_t both() const { return made + deleted; }
};

// Threads that commit until they are stopped, held back only while they are frozen.
class Writers {
public:
    // Makes one commit, which is durable when it returns, or becomes so when the engine pleases.
    using Commit = std::function<void(const Batch &, bool sync)>;

    // `rest`: of each writer after each commit.
    Writers(const Churn &churn, Commit commit, std::chrono::microseconds rest)
        : churn_(churn), commit_(std::move(commit)), rest_(rest)
    {
        for (unsigned writer = 0; writer < kWriters; writer++)
            threads_.emplace_back([this, writer] { run(writer); });
    }
    ~Writers() { stop(); }

    // Returns once no commit is under way.
    void freeze()
    {
        gate_.close();
        frozen_at_ = Clock::now();
        frozen_ = last_;
        churn_at_freeze_ = churn_.both();
    }
    void thaw()
    {
        held_back_.push_back(Milliseconds(Clock::now() - frozen_at_).count());
        churned_ += churn_.both() != churn_at_freeze_;
        gate_.open();
    }

    // What was committed when the last freeze returned.
    const Point &frozen() const { return frozen_; }

    // What is committed, once stopped.
    const Point &last() const { return last_; }

    void stop()
    {
        {
            std::lock_guard lock(mutex_);
            stopped_ = true;
        }
        for (auto &thread : threads_)
            if (thread.joinable())
                thread.join();
    }

    // Throws what stopped a writer, if anything did.
    void rethrow() const
    {
        std::lock_guard lock(mutex_);
        if (failure_)
            std::rethrow_exception(failure_);
    }

    // Of all freezes so far, how long they held commits back, in milliseconds.
    const std::vector<double> &held_back() const { return held_back_; }

    // During how many of them the engine made or deleted files.
    std::uint64_t churned() const { return churned_; }

    // How long each commit took that was durable when it returned, likewise in milliseconds.
    std::vector<double> synced() const
    {
        std::lock_guard lock(mutex_);
        return synced_;
    }

private:
    void run(unsigned writer)
    try {
        for (;;) {
            {
                std::lock_guard lock(mutex_);
                if (stopped_)
                    return;
            }
            std::this_thread::sleep_for(rest_);
            std::uint64_t commit = last_[writer] + 1;
            Batch batch = batch_of(writer, commit);
            bool sync = commit % 16 == 0;
            gate_.enter();
            auto began = Clock::now();
            try {
                commit_(batch, sync);
            } catch (...) {
                gate_.leave();
                throw;
            }
            double took = Milliseconds(Clock::now() - began).count();
            last_[writer] = commit;
            gate_.leave();
            if (sync) {
                std::lock_guard lock(mutex_);
                synced_.push_back(took);
            }
        }
    } catch (...) {
        std::lock_guard lock(mutex_);
        failure_ = std::current_exception();
    }

    const Churn &churn_;
    Commit commit_;
    std::chrono::microseconds rest_;
    Gate gate_;
    Point last_ = {}; // each writer its own, in the gate
    Point frozen_ = {};
    Clock::time_point frozen_at_;
    std::vector<double> held_back_;
    std::uint64_t churn_at_freeze_ = 0;
    std::uint64_t churned_ = 0;

    mutable std::mutex mutex_; // guards what follows
    bool stopped_ = false;
    std::exception_ptr failure_;
    std::vector<double> synced_;

    std::vector<std::thread> threads_; // last: they use all of the above
};

} // namespace lsm
