// Any callable is a hook; it is destroyed exactly once, when nothing can call it any more.
#include "check.hpp"

using namespace hotbackup;

namespace {

// A hook that can only be moved, of which it is known whether it is still there: the flag counts
// how many have been destroyed that were not moved from.
class MoveOnly {
public:
    explicit MoveOnly(int &destroyed) : destroyed_(&destroyed) {}
    MoveOnly(MoveOnly &&other) noexcept : destroyed_(std::exchange(other.destroyed_, nullptr)) {}
    MoveOnly &operator=(MoveOnly &&) = delete;
    ~MoveOnly() {
        if (destroyed_) ++*destroyed_;
    }
    void operator()(Hook &) {}
    void operator()(const fs::path &, Hook &) {}
    void operator()(const Progress &, Hook &) {}

private:
    int *destroyed_;
};

void set_all(Options &options, int &destroyed) {
    options.checkpoint(MoveOnly(destroyed))
        .freeze(MoveOnly(destroyed), MoveOnly(destroyed))
        .release(MoveOnly(destroyed))
        .validate(MoveOnly(destroyed))
        .progress(MoveOnly(destroyed));
}

void each_is_destroyed_once_with_the_last_that_holds_it(const fs::path &scratch) {
    int destroyed = 0;
    {
        std::optional<Options> options(std::in_place);
        set_all(*options, destroyed);
        Coordinator first(database(scratch, "first"), *options), second(database(scratch, "second"), *options);
        options.reset();
        const Job job = first.start();
        job.wait();
        second.run();
        first.close();
        CHECK(destroyed == 0 && job.status().percent == 100);
    }
    CHECK(destroyed == 6);
}

void replacing_and_removing_destroys_it(const fs::path &) {
    int destroyed = 0;
    Options options;
    set_all(options, destroyed);
    set_all(options, destroyed);
    CHECK(destroyed == 6);
    options.checkpoint(nullptr).freeze(nullptr, nullptr).release(nullptr).validate(nullptr).progress(nullptr);
    CHECK(destroyed == 12);
}

void the_end_of_a_restore_destroys_it(const fs::path &scratch) {
    int destroyed = 0;
    Coordinator coordinator(database(scratch), quick());
    const fs::path snapshot = coordinator.run().location();
    const Job job = restore(snapshot, scratch / "target", Options().validate(MoveOnly(destroyed)));
    job.wait();
    CHECK(destroyed == 1);
}

void a_setter_of_moved_options_destroys_it(const fs::path &) {
    int destroyed = 0;
    Options options;
    const Options taken = std::move(options);
    CHECK(code_of([&] { options.checkpoint(MoveOnly(destroyed)); }) == Code::InvalidArgument);
    CHECK(code_of([&] { options.freeze(MoveOnly(destroyed), MoveOnly(destroyed)); }) == Code::InvalidArgument);
    CHECK(destroyed == 3);
}

// --- Shapes

int called = 0;
void function() { called++; }
void function_with_hook(Hook &hook) { called += hook.job().id().size() == 36; }

struct Database {
    void lock() { locked++; }
    void unlock(Hook &) { locked--; }
    int locked = 0;
};

void functions_members_and_functors_will_do(const fs::path &scratch) {
    called = 0;
    Database db;
    std::function<void(Hook &)> checkpoint = function_with_hook;
    auto lock = [&db]() noexcept { db.lock(); };
    auto unlock = std::bind(&Database::unlock, &db, std::placeholders::_1);
    Coordinator coordinator(database(scratch), Options()
                                                   .checkpoint(checkpoint)
                                                   .freeze(lock, unlock)
                                                   .release(&function)
                                                   .validate([](const auto &staging, auto &...) {
                                                       called += fs::exists(staging / "data");
                                                   })
                                                   .progress([](Progress now) { return now.percent <= 100; }));
    coordinator.run();
    CHECK(called == 3 && db.locked == 0);
}

void a_hook_that_keeps_state_is_called_on_the_same_object(const fs::path &scratch) {
    int seen = 0;
    Coordinator coordinator(database(scratch), quick().checkpoint([&seen, n = 0]() mutable { seen = ++n; }));
    coordinator.run();
    coordinator.start().wait();
    CHECK(seen == 2);
}

// A callable that is not empty, and a bool of its own.
struct Switch {
    void operator()(Hook &) const {}
    explicit operator bool() const { return on; }
    bool on;
};

void an_empty_hook_is_refused_at_once(const fs::path &scratch) {
    void (*const no_function)() = nullptr;
    const auto thaw = [] {}; // converts to a pointer, and so to a bool
    static_assert(detail::SaysWhetherEmpty<void (Hook::*)()>::value && !detail::SaysWhetherEmpty<decltype(thaw)>::value);
    Options options = quick();
    int destroyed = 0;
    options.checkpoint(MoveOnly(destroyed));
    REFUSED(options.checkpoint(std::function<void(Hook &)>()));
    REFUSED(options.checkpoint(no_function));
    REFUSED(options.checkpoint(Switch{false}));
    REFUSED(options.freeze(std::function<void()>(), thaw));
    REFUSED(options.freeze(thaw, std::function<void()>()));
    REFUSED(options.freeze(no_function, no_function));
    REFUSED(options.release(no_function));
    REFUSED(options.validate(std::function<bool(const fs::path &)>()));
    REFUSED(options.progress(std::function<void(const Progress &)>()));
    CHECK(destroyed == 0); // what was there stays
    options.checkpoint(Switch{true}).release(std::function<void()>(thaw));
    CHECK(destroyed == 1);
    Coordinator(database(scratch), options).run();
}

void a_validate_hook_that_returns_false_refuses(const fs::path &scratch) {
    bool good = true;
    Coordinator coordinator(database(scratch), quick().validate([&](const fs::path &) { return good; }));
    const fs::path snapshot = coordinator.run().location();
    good = false;
    CHECK(code_of([&] { coordinator.run(); }) == Code::HookFailed);
    CHECK(code_of([&] { coordinator.start().wait(); }) == Code::HookFailed);
    const std::string what = coordinator.find().error()->what();
    CHECK(what.find("validate hook failed: it returned false") != what.npos);
    CHECK(list(coordinator.root()).size() == 1);
    const auto refuses = Options().validate([&](const fs::path &, Hook &) -> const bool & { return good; });
    CHECK(code_of([&] { restore(snapshot, scratch / "target", refuses).wait(); }) == Code::HookFailed);
    CHECK(code_of([&] { verify(snapshot, refuses).wait(); }) == Code::HookFailed);
    CHECK(!fs::exists(scratch / "target"));
}

void freeze_and_thaw_share_a_thread_and_a_lock(const fs::path &scratch) {
    std::mutex writes;
    std::unique_lock<std::mutex> held(writes, std::defer_lock);
    Coordinator coordinator(database(scratch), Options().freeze([&] { held.lock(); }, [&] { held.unlock(); }));
    coordinator.start().wait();
    CHECK(writes.try_lock());
    writes.unlock();
}

void the_job_of_a_hook_can_be_looked_at_and_steered(const fs::path &scratch) {
    static_assert(std::is_same_v<decltype(std::declval<Hook &>().job()), const Job &>);
    static_assert(!std::is_copy_constructible_v<Job>); // so none of a hook's outlives it by accident
    Coordinator *opened = nullptr;
    Coordinator coordinator(database(scratch), quick().checkpoint([&](Hook &hook) {
        const Job &job = hook.job();
        CHECK(job.status().phase == Phase::Checkpoint && job.status().state == State::Running);
        CHECK(opened->find().id() == job.id() && opened->find(job.id()).location() == job.location());
        job.rate_limit(1 << 30);
        CHECK(!job.error() && code_of([&] { job.wait(); }) == Code::Conflict);
        CHECK(job.in_hook() && opened->find().in_hook());
        CHECK(code_of([&] { opened->start(); }) == Code::Conflict);
    }));
    opened = &coordinator;
    CHECK(!coordinator.run().in_hook());
    coordinator.start().wait();
}

void bytes_given_by_hooks_may_be_empty_and_hold_nul(const fs::path &scratch) {
    const std::string bytes("\0\n", 2);
    Coordinator coordinator(database(scratch), quick().checkpoint([&](Hook &hook) {
        hook.add_bytes("empty", {});
        hook.add_bytes("bytes", bytes);
        hook.set_metadata(bytes);
        hook.set_metadata({});
    }));
    const fs::path location = coordinator.run().location();
    CHECK(read(location / "empty").empty() && read(location / "bytes") == bytes);
    CHECK(Snapshot::open(location).metadata().empty());
}

} // namespace

int main(int argc, char **argv) {
    return show(argc, argv,
                {{"once", each_is_destroyed_once_with_the_last_that_holds_it},
                 {"replacing", replacing_and_removing_destroys_it},
                 {"restore", the_end_of_a_restore_destroys_it},
                 {"moved-options", a_setter_of_moved_options_destroys_it},
                 {"shapes", functions_members_and_functors_will_do},
                 {"state", a_hook_that_keeps_state_is_called_on_the_same_object},
                 {"empty", an_empty_hook_is_refused_at_once},
                 {"false", a_validate_hook_that_returns_false_refuses},
                 {"lock", freeze_and_thaw_share_a_thread_and_a_lock},
                 {"job", the_job_of_a_hook_can_be_looked_at_and_steered},
                 {"bytes", bytes_given_by_hooks_may_be_empty_and_hold_nul}});
}
