// What each of these programs says of itself: one line of JSON, on standard output.
#ifndef PEERS_REPORT_HPP
#define PEERS_REPORT_HPP

#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <stdexcept>
#include <string>

namespace peers {

using Clock = std::chrono::steady_clock;

inline double seconds(Clock::duration took) { return std::chrono::duration<double>(took).count(); }

// User and system time of a process and all its threads, or of its ended children.
inline double cpu_seconds(int whose)
{
    rusage used{};
    getrusage(whose, &used);
    const auto of = [](const timeval &t) { return double(t.tv_sec) + double(t.tv_usec) / 1e6; };
    return of(used.ru_utime) + of(used.ru_stime);
}

// The most memory that this process has had at once, in KiB.
inline double peak_kib()
{
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);)
        if (line.rfind("VmHWM:", 0) == 0) return std::atof(line.c_str() + 6);
    return 0;
}

// Time, CPU and growth of the peak of memory, of all that is done from its making on.
class Meter {
public:
    Meter()
    {
        std::ofstream("/proc/self/clear_refs") << "5"; // the peak is forgotten
        peak_ = peak_kib(), cpu_ = cpu_seconds(RUSAGE_SELF), start_ = Clock::now();
    }

    // What was measured so far.
    std::map<std::string, double> stop() const
    {
        const double took = seconds(Clock::now() - start_);
        return {{"seconds", took}, {"cpu", cpu_seconds(RUSAGE_SELF) - cpu_}, {"peak_kib", peak_kib() - peak_}};
    }

private:
    double peak_ = 0, cpu_ = 0;
    Clock::time_point start_;
};

inline void print(const std::map<std::string, double> &numbers)
{
    const char *before = "{";
    for (const auto &[name, value] : numbers) {
        std::printf("%s\"%s\": %.9g", before, name.c_str(), value);
        before = ", ";
    }
    std::puts("}");
}

inline std::runtime_error failed(const std::string &doing)
{
    return std::runtime_error(doing + ": " + std::generic_category().message(errno));
}

} // namespace peers

#endif
