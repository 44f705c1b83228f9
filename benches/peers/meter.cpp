// What other programs take, what a bare loop would, and how a writer beside them fares.
//
//     meter run COMMAND...               time, CPU and peak of memory of a command
//     meter beside FILE COMMAND...       a writer to that file while the command runs: 4 KiB, fdatasync, 200 a second
//     meter links FROM TO                a link for each file below a directory, and nothing else
//     meter copy FROM TO                 each file read, written, made durable and read back, on two threads
//     meter small DIR FILES DIRECTORIES  so many files of 4 KiB in so many directories
//
// It is a program of its own since a process's peak counts what its parent had when it was forked.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <iostream>
#include <thread>
#include <vector>

#include "report.hpp"

namespace {

namespace fs = std::filesystem;
using peers::Clock;
using Arguments = std::vector<std::string>;

constexpr std::size_t kRecord = 4096;
constexpr std::chrono::milliseconds kInterval{5};

// Starts a command, whose own output is not ours.
pid_t start(const Arguments &arguments, std::size_t first)
{
    const pid_t child = fork();
    if (child < 0) throw peers::failed("fork");
    if (child > 0) return child;
    std::vector<char *> argv;
    for (std::size_t at = first; at < arguments.size(); at++) argv.push_back(const_cast<char *>(arguments[at].c_str()));
    argv.push_back(nullptr);
    dup2(open("/dev/null", O_WRONLY), STDOUT_FILENO);
    execvp(argv[0], argv.data());
    std::perror(argv[0]);
    _exit(127);
}

// Whether the command has ended; throws when it failed.
bool ended(pid_t child, int flags)
{
    int status = 0;
    const pid_t found = waitpid(child, &status, flags);
    if (found == 0) return false;
    if (found < 0 || status != 0) throw std::runtime_error("the command failed");
    return true;
}

void run(const Arguments &arguments)
{
    const auto since = Clock::now();
    ended(start(arguments, 1), 0);
    const double took = peers::seconds(Clock::now() - since);
    rusage used{};
    getrusage(RUSAGE_CHILDREN, &used);
    peers::print({{"seconds", took},
                  {"cpu", peers::cpu_seconds(RUSAGE_CHILDREN)},
                  {"peak_kib", double(used.ru_maxrss)}});
}

// How long one record took to be durable.
double append(int file)
{
    static const std::vector<char> record(kRecord, 'x');
    const auto since = Clock::now();
    if (write(file, record.data(), record.size()) != ssize_t(record.size())) throw peers::failed("write");
    if (fdatasync(file) != 0) throw peers::failed("fdatasync");
    return peers::seconds(Clock::now() - since);
}

void beside(const Arguments &arguments)
{
    const int file = open(arguments.at(1).c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (file < 0) throw peers::failed(arguments.at(1));
    for (int warm = 0; warm < 20; warm++) append(file);
    std::vector<double> took;
    const auto since = Clock::now();
    const pid_t child = start(arguments, 2);
    for (auto due = since; !ended(child, WNOHANG); due = std::max(due + kInterval, Clock::now())) {
        std::this_thread::sleep_until(due);
        took.push_back(append(file));
    }
    const double whole = peers::seconds(Clock::now() - since);
    close(file);
    std::sort(took.begin(), took.end());
    const auto at = [&](double part) { return took.empty() ? 0 : took[std::size_t(double(took.size() - 1) * part)]; };
    peers::print({{"seconds", whole}, {"writes", double(took.size())}, {"p50", at(0.5)}, {"p99", at(0.99)}, {"max", at(1)}});
}

using Pairs = std::vector<std::pair<fs::path, fs::path>>;

// All files below a directory and where each of them goes; the directories there are made.
Pairs pairs_of(const fs::path &from, const fs::path &to)
{
    Pairs pairs;
    fs::create_directories(to);
    for (const auto &entry : fs::recursive_directory_iterator(from)) {
        const auto copy = to / fs::relative(entry.path(), from);
        if (entry.is_directory())
            fs::create_directories(copy);
        else if (entry.is_regular_file())
            pairs.emplace_back(entry.path(), copy);
    }
    return pairs;
}

void links(const Arguments &arguments)
{
    const auto pairs = pairs_of(arguments.at(1), arguments.at(2));
    const peers::Meter meter;
    for (const auto &[name, copy] : pairs)
        if (link(name.c_str(), copy.c_str()) != 0) throw peers::failed(copy);
    auto numbers = meter.stop();
    numbers["files"] = double(pairs.size());
    peers::print(numbers);
}

// Reads a file to its end, and writes it to another unless that is -1.
void pour(const fs::path &from, int to, std::vector<char> &buffer)
{
    const int file = open(from.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) throw peers::failed(from);
    for (ssize_t got; (got = read(file, buffer.data(), buffer.size())) != 0;)
        if (got < 0 || (to >= 0 && write(to, buffer.data(), std::size_t(got)) != got)) throw peers::failed(from);
    close(file);
}

// What no backup that is durable and verified can do without, and nothing else: no listing, no attributes, no checksum.
void copy(const Arguments &arguments)
{
    const auto pairs = pairs_of(arguments.at(1), arguments.at(2));
    const auto on_two_threads = [&](auto &&work) {
        std::atomic<std::size_t> next{0};
        const auto share = [&] {
            std::vector<char> buffer(256 << 10);
            for (std::size_t at; (at = next++) < pairs.size();) work(pairs[at], buffer);
        };
        std::thread other(share);
        share();
        other.join();
    };
    const peers::Meter meter;
    on_two_threads([](const auto &pair, auto &buffer) {
        const int to = open(pair.second.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
        if (to < 0) throw peers::failed(pair.second);
        pour(pair.first, to, buffer);
        close(to);
    });
    const int top = open(arguments.at(2).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (top < 0 || syncfs(top) != 0) throw peers::failed(arguments.at(2));
    on_two_threads([](const auto &pair, auto &buffer) { pour(pair.second, -1, buffer); });
    peers::print(meter.stop());
}

void small(const Arguments &arguments)
{
    const fs::path top = arguments.at(1);
    const int files = std::stoi(arguments.at(2)), directories = std::stoi(arguments.at(3));
    std::vector<std::uint64_t> block(kRecord / sizeof(std::uint64_t));
    std::uint64_t state = 0x9e3779b97f4a7c15;
    for (int number = 0; number < files; number++) {
        const auto directory = top / std::to_string(number % directories);
        if (number < directories) fs::create_directories(directory);
        for (auto &word : block) state ^= state << 13, state ^= state >> 7, state ^= state << 17, word = state;
        std::ofstream file(directory / (std::to_string(number) + ".sst"), std::ios::binary);
        file.write(reinterpret_cast<const char *>(block.data()), kRecord);
        if (!file.flush()) throw peers::failed("writing a small file");
    }
}

} // namespace

int main(int argc, char **argv)
{
    const std::map<std::string, void (*)(const Arguments &)> commands{
        {"run", run}, {"beside", beside}, {"links", links}, {"copy", copy}, {"small", small}};
    try {
        const Arguments arguments(argv + 1, argv + argc);
        commands.at(arguments.at(0))(arguments);
    } catch (const std::exception &error) {
        std::cerr << "meter: " << error.what() << '\n';
        return 1;
    }
}
