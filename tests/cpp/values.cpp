// What goes in and comes out: options, progress, paths, constants.
#include "check.hpp"

#include <poll.h>

using namespace hotbackup;
using std::chrono::milliseconds;

namespace {

void every_option_reaches_the_library(const fs::path &scratch) {
    fs::create_directory(scratch / "wal");
    write(scratch / "wal" / "log", "log");
    auto options = Options()
                       .root(scratch / "root")
                       .adopt_root()
                       .source(scratch / "wal", "wal")
                       .layout("generic")
                       .rule("1.sst", FileClass::Excluded)
                       .rule("*.sst", FileClass::Immutable | FileClass::UnfinishedOk)
                       .threads(1)
                       .rate_limit(1 << 30)
                       .latency_target(std::chrono::hours(2000))
                       .verify_level(VerifyLevel::Media)
                       .symlinks(Symlinks::Preserve)
                       .freeze_timeout(std::chrono::seconds(20))
                       .min_free(1)
                       .metadata("mine")
                       .keep_undo(false)
                       .share(Share::Always)
                       .reread_after(std::chrono::hours(1))
                       .keep_matching()
                       .clone(false)
                       .no_posix_locks(false)
                       .freeze([] {}, [] {});
    const fs::path data = database(scratch);
    fs::create_symlink("data", data / "link");
    Coordinator coordinator(data, options);
    const fs::path snapshot = coordinator.run().location();
    CHECK(snapshot.parent_path() == scratch / "root" && fs::is_symlink(snapshot / "link"));
    CHECK(read(snapshot / "wal/log") == "log" && !fs::exists(snapshot / "1.sst"));
    CHECK(latest(scratch / "root").metadata() == "mine");

    fs::create_directory(scratch / "target");
    restore(snapshot, scratch / "target", options).wait();
    CHECK(code_of([&] { restore_undo(scratch / "target"); }) == Code::NotFound); // keep_undo(false)
    Job again = restore(snapshot, scratch / "target", options);
    again.wait();
    CHECK(again.status().bytes_linked > 0 && again.status().bytes_copied == 0); // keep_matching()
    restore(snapshot, scratch / "target", options.keep_undo(true)).wait();
    restore_undo(scratch / "target");

    Coordinator other(database(scratch, "other"), options.adopt_root(false));
    CHECK(code_of([&] { other.run(); }) == Code::Conflict);
    Coordinator full(data, options.adopt_root().min_free(UINT64_MAX / 2));
    CHECK(code_of([&] { full.run(); }) == Code::NoSpace);
}

void a_freeze_that_takes_too_long_times_out(const fs::path &scratch) {
    Gate gate;
    const auto freeze = [] {};
    auto options = Options().freeze(freeze, freeze).freeze_timeout(milliseconds(1)).rule("*", FileClass::Mutable);
    const fs::path data = database(scratch);
    for (int i = 0; i < 2000; i++) write(data / std::to_string(i), std::string(4096, 'x'));
    Coordinator coordinator(data, options);
    CHECK(code_of([&] { coordinator.run(); }) == Code::FreezeTimeout);
    options.freeze_timeout(milliseconds(0)); // none
    Coordinator patient(data, options);
    CHECK(patient.run().status().freeze > milliseconds(0));
}

void wrong_values_are_refused_and_change_nothing(const fs::path &scratch) {
    Options options;
    const auto refused = [&](auto call) { return code_of([&] { call(options); }) == Code::InvalidArgument; };
    CHECK(refused([](Options &o) { o.freeze_timeout(milliseconds(-1)); }));
    CHECK(refused([](Options &o) { o.latency_target(milliseconds(-1)); }));
    CHECK(refused([](Options &o) { o.rule("*", static_cast<FileClass>(99)); }));
    CHECK(refused([](Options &o) { o.verify_level(static_cast<VerifyLevel>(99)); }));
    CHECK(refused([](Options &o) { o.symlinks(static_cast<Symlinks>(99)); }));
    CHECK(refused([](Options &o) { o.share(static_cast<Share>(99)); }));
    CHECK(refused([](Options &o) { o.reread_after(milliseconds(-1)); }));
    CHECK(refused([](Options &o) { o.metadata(std::string((1 << 20) + 1, 'x')); }));
    CHECK(refused([](Options &o) { o.root(""); }));
    const std::string nul("a\0b", 3);
    CHECK(refused([&](Options &o) { o.root(nul); }));
    CHECK(refused([&](Options &o) { o.source(nul, "b"); }));
    CHECK(refused([&](Options &o) { o.layout(nul); }));
    CHECK(refused([&](Options &o) { o.rule(nul, FileClass::Mutable); }));
    CHECK(code_of([&] { Coordinator(scratch / nul); }) == Code::InvalidArgument);
    CHECK(code_of([&] { latest(nul); }) == Code::InvalidArgument);
    Coordinator coordinator(database(scratch), options);
    CHECK(coordinator.root() == scratch / "database/.lifecycle/backup");
    CHECK(code_of([&] { coordinator.find(nul); }) == Code::InvalidArgument);
    CHECK(code_of([&] { coordinator.find(); }) == Code::NotFound);
    CHECK(code_of([&] { coordinator.find("no uuid"); }) == Code::NotFound);
}

void progress_is_read_no_further_than_its_library_wrote(const fs::path &) {
    backup_progress written;
    std::memset(&written, 0xee, sizeof written);
    written.size = offsetof(backup_progress, bytes_copied); // an older library
    const Progress older = detail::progress_of(written);
    CHECK(older.percent == 0xeeeeeeee && older.files_done != 0);
    CHECK(older.bytes_copied == 0 && older.freeze.count() == 0 && !older.finished_at);
    written.size = sizeof written + 64; // a newer one
    written.freeze_ns = 5;
    CHECK(detail::progress_of(written).freeze.count() == 5);
}

void unknown_values_survive(const fs::path &) {
    backup_progress written{};
    written.size = sizeof written;
    written.phase = 77;
    written.state = 78;
    written.kind = 79;
    const Progress progress = detail::progress_of(written);
    CHECK(progress.phase == Phase{77} && progress.state == State{78} && progress.kind == Kind{79});
    CHECK(Error(Code{1234}, "new").code() == Code{1234});
    CHECK(code_name(Code{1234}) == std::string("BACKUP_UNKNOWN"));
    CHECK(code_name(Code::NoSpace) == std::string("BACKUP_NO_SPACE"));
    CHECK(detail::error_of(4321, nullptr).code() == Code{4321});
}

void times_are_whatever_a_manifest_says(const fs::path &) {
    using std::chrono::system_clock;
    CHECK(!detail::time_of(0) && detail::time_of(1)->time_since_epoch() == milliseconds(1));
    CHECK(detail::time_of(UINT64_MAX)->time_since_epoch() == milliseconds(INT64_MAX));
    const system_clock::time_point converted = *detail::time_of(1700000000000);
    CHECK(system_clock::to_time_t(converted) == 1700000000);
}

void waits_may_be_of_any_length(const fs::path &scratch) {
    Gate gate;
    Coordinator coordinator(database(scratch), quick().checkpoint([&] { gate.pass(); }));
    const Job job = coordinator.start();
    CHECK(!job.wait_for(milliseconds(0)) && !job.wait_for(milliseconds::min()));
    // In milliseconds these wrap to a negative number, or to a positive one.
    CHECK(!job.wait_for(std::chrono::hours::min()) && !job.wait_for(std::chrono::microseconds(1)));
    std::thread opener([&] { gate.open(); });
    CHECK(job.wait_for(std::chrono::hours::max()));
    opener.join();
    CHECK(job.wait_for(milliseconds::max()) && job.wait_for(std::chrono::duration<double>(1e300)));
    CHECK(job.wait_for(std::chrono::seconds(1)) && job.wait_for(milliseconds(0)));
}

void lengths_of_time_are_rounded_up_and_never_wrap(const fs::path &) {
    using namespace std::chrono;
    const auto ms = [](auto given) { return detail::milliseconds_of(given); };
    CHECK(ms(nanoseconds(1)) == 1 && ms(nanoseconds(-1)) == 0);
    CHECK(ms(seconds(20)) == 20'000 && ms(duration<double>(0.25)) == 250);
    CHECK(ms(milliseconds::max()) == INT64_MAX && ms(hours::max()) == INT64_MAX);
    CHECK(ms(milliseconds::min()) == INT64_MIN && ms(hours::min()) == INT64_MIN);
    CHECK(ms(milliseconds(INT64_MAX - 1'000'000)) >= INT64_MAX - 1'000'000);
    Options().freeze_timeout(hours::max()).freeze_timeout(microseconds(1));
    const auto s = [](auto given) { return detail::seconds_of(given); };
    CHECK(s(nanoseconds(1)) == 1 && s(milliseconds(1001)) == 2 && s(hours(24)) == 86'400 && s(hours(0)) == 0);
    CHECK(s(seconds::max()) == UINT64_MAX && s(hours::max()) == UINT64_MAX);
    REFUSED(Options().freeze_timeout(seconds::min()));
}

void a_job_can_be_polled(const fs::path &scratch) {
    Coordinator coordinator(database(scratch), quick());
    const Job job = coordinator.start();
    pollfd ended{job.eventfd(), POLLIN, 0};
    CHECK(ended.fd >= 0 && poll(&ended, 1, -1) == 1 && (ended.revents & POLLIN) != 0);
    CHECK(job.wait_for(milliseconds(0)));
}

void the_loaded_library_is_that_of_the_header(const fs::path &) {
    CHECK(abi_version() == BACKUP_ABI_VERSION);
    CHECK(std::string(version()).find('.') != std::string::npos);
}

} // namespace

int main(int argc, char **argv) {
    return show(argc, argv,
                {{"options", every_option_reaches_the_library},
                 {"freeze-timeout", a_freeze_that_takes_too_long_times_out},
                 {"wrong", wrong_values_are_refused_and_change_nothing},
                 {"size", progress_is_read_no_further_than_its_library_wrote},
                 {"unknown", unknown_values_survive},
                 {"times", times_are_whatever_a_manifest_says},
                 {"waits", waits_may_be_of_any_length},
                 {"lengths", lengths_of_time_are_rounded_up_and_never_wrap},
                 {"poll", a_job_can_be_polled},
                 {"version", the_loaded_library_is_that_of_the_header}});
}
