// The header in two files of one program, here alone and first.
#include <hotbackup.hpp>

hotbackup::Options elsewhere_options() {
    return hotbackup::Options().freeze([] {}, [] {}).progress([](const hotbackup::Progress &) { return true; });
}

std::string elsewhere_backup(hotbackup::Coordinator &coordinator) {
    const hotbackup::Job job = coordinator.start();
    job.wait();
    return job.id();
}

[[noreturn]] void elsewhere_throws() {
    hotbackup::Snapshot::open("/nonexistent");
    std::terminate();
}
