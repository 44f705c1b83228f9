// A host of hotbackup: backs a directory up, restores or verifies a snapshot, and says what it took.
//
//     ours backup DATA ROOT [OPTION...]        ours restore SNAPSHOT TARGET [OPTION...]
//     ours verify SNAPSHOT [OPTION...]         ours checkpoint DATA [OPTION...]
//
// Options: --layout NAME, --immutable GLOB, --limit BYTES_PER_SECOND, --latency-target MS, --threads N,
// --verify LEVEL (0 to 3), --keep-matching 0|1.
#include <hotbackup.hpp>

#include <functional>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include "report.hpp"

namespace {

using Arguments = std::vector<std::string>;

// Takes the options from behind the first `skip` arguments.
hotbackup::Options options_of(const Arguments &arguments, std::size_t skip)
{
    hotbackup::Options options;
    const std::map<std::string, std::function<void(const std::string &)>> known{
        {"--layout", [&](const std::string &name) { options.layout(name); }},
        {"--immutable", [&](const std::string &glob) { options.rule(glob, hotbackup::FileClass::Immutable); }},
        {"--limit", [&](const std::string &bytes) { options.rate_limit(std::stoull(bytes)); }},
        {"--latency-target",
         [&](const std::string &ms) { options.latency_target(std::chrono::milliseconds(std::stoul(ms))); }},
        {"--threads", [&](const std::string &count) { options.threads(std::uint32_t(std::stoul(count))); }},
        {"--keep-matching", [&](const std::string &keep) { options.keep_matching(keep == "1"); }},
        {"--verify",
         [&](const std::string &level) { options.verify_level(hotbackup::VerifyLevel(std::stoi(level))); }},
    };
    for (std::size_t at = skip; at + 1 < arguments.size(); at += 2) known.at(arguments[at])(arguments[at + 1]);
    return options;
}

void backup(const Arguments &arguments)
{
    auto options = options_of(arguments, 3);
    // Nobody writes: the window costs what the library does in it. Each root is on a file system made anew.
    options.root(arguments.at(2)).adopt_root().freeze([] {}, [] {});
    const peers::Meter meter;
    hotbackup::Coordinator coordinator(arguments.at(1), options);
    const auto job = coordinator.start();
    job.wait();
    auto numbers = meter.stop();
    const auto status = job.status();
    numbers["freeze"] = std::chrono::duration<double>(status.freeze).count();
    numbers["copied"] = double(status.bytes_copied);
    numbers["linked"] = double(status.bytes_linked);
    numbers["cloned"] = double(status.bytes_cloned);
    peers::print(numbers);
}

// Nothing is written here, so links are safe; it goes with its coordinator, which is not counted.
void checkpoint(const Arguments &arguments)
{
    auto options = options_of(arguments, 2);
    options.freeze([] {}, [] {});
    using Flags = hotbackup::CheckpointFlags;
    const peers::Meter meter;
    hotbackup::Coordinator coordinator(arguments.at(1), options);
    const auto job = coordinator.start_checkpoint(Flags::UntilClose | Flags::LinksAreSafe);
    job.wait();
    auto numbers = meter.stop();
    numbers["freeze"] = std::chrono::duration<double>(job.status().freeze).count();
    peers::print(numbers);
}

void restore(const Arguments &arguments)
{
    auto options = options_of(arguments, 3);
    options.keep_undo(false);
    const peers::Meter meter;
    hotbackup::restore(arguments.at(1), arguments.at(2), options).wait();
    peers::print(meter.stop());
}

void verify(const Arguments &arguments)
{
    const auto options = options_of(arguments, 2);
    const peers::Meter meter;
    hotbackup::verify(arguments.at(1), options).wait();
    peers::print(meter.stop());
}

} // namespace

int main(int argc, char **argv)
{
    const std::map<std::string, void (*)(const Arguments &)> commands{
        {"backup", backup}, {"checkpoint", checkpoint}, {"restore", restore}, {"verify", verify}};
    try {
        const Arguments arguments(argv + 1, argv + argc);
        commands.at(arguments.at(0))(arguments);
    } catch (const std::exception &error) {
        std::cerr << "ours: " << error.what() << '\n';
        return 1;
    }
}
