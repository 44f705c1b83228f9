// A hook's exception comes out of wait() and run() as it was; all else is an Error.
#include "check.hpp"

#include <atomic>

using namespace hotbackup;

namespace {

struct Base : std::runtime_error {
    using std::runtime_error::runtime_error;
};

struct Derived : Base {
    explicit Derived(int value) : Base("derived"), number(value) {}
    int number;
};

// Knows how many of its kind there are.
struct Counted {
    static inline std::atomic<int> alive{0};
    Counted() { ++alive; }
    Counted(const Counted &) { ++alive; }
    Counted &operator=(const Counted &) = default;
    ~Counted() { --alive; }
};

template <class Exception, class Call>
std::optional<Exception> thrown_by(Call call) {
    try {
        call();
    } catch (const Exception &exception) {
        return exception;
    }
    return std::nullopt;
}

void it_comes_out_of_wait_and_run_with_its_type(const fs::path &scratch) {
    Coordinator coordinator(database(scratch), quick().checkpoint([] { throw Derived(7); }));
    const Job job = coordinator.start();
    CHECK(thrown_by<Derived>([&] { job.wait(); })->number == 7);
    CHECK(thrown_by<Base>([&] { job.wait(); }).has_value());
    CHECK(thrown_by<Derived>([&] { (void)job.wait_for(std::chrono::hours(1)); })->number == 7);
    CHECK(thrown_by<Derived>([&] { coordinator.run(); })->number == 7);
}

void it_need_be_no_std_exception(const fs::path &scratch) {
    Coordinator coordinator(database(scratch), quick().release([] { throw 42; }));
    CHECK(thrown_by<int>([&] { coordinator.start().wait(); }) == 42);
    CHECK(thrown_by<int>([&] { coordinator.run(); }) == 42);
    const std::string what = coordinator.find().error()->what();
    CHECK(what.find("the release hook failed: it threw something that is no std::exception") != what.npos);
}

void every_hook_may_throw(const fs::path &scratch) {
    const char *const names[] = {"checkpoint", "freeze", "thaw", "release", "validate", "progress"};
    for (const std::string name : names) {
        const auto hook = [name](const std::string &self) {
            return [=] {
                if (self == name) throw Base(self);
            };
        };
        auto options = Options()
                           .checkpoint(hook("checkpoint"))
                           .freeze(hook("freeze"), hook("thaw"))
                           .release(hook("release"))
                           .validate([=](const fs::path &) { hook("validate")(); })
                           .progress([=](const Progress &) { hook("progress")(); });
        Coordinator coordinator(database(scratch, name), options);
        CHECK(thrown_by<Base>([&] { coordinator.start().wait(); })->what() == name);
        CHECK(thrown_by<Base>([&] { coordinator.run(); })->what() == name);
        CHECK(list(coordinator.root()).empty());
    }
}

void the_first_one_wins(const fs::path &scratch) {
    int thaws = 0, releases = 0;
    Coordinator coordinator(database(scratch), Options()
                                                   .freeze([] {}, [&] { thaws++; throw Base("thaw"); })
                                                   .release([&] { releases++; throw Derived(1); }));
    CHECK(thrown_by<Base>([&] { coordinator.start().wait(); })->what() == std::string("thaw"));
    CHECK(thaws == 1 && releases == 1);
}

void a_cancel_that_came_first_wins(const fs::path &scratch) {
    Coordinator coordinator(database(scratch), quick()
                                                   .checkpoint([](Hook &hook) { hook.job().cancel(); })
                                                   .release([] { throw Base("too late"); }));
    CHECK(code_of([&] { coordinator.start().wait(); }) == Code::Cancelled);
}

void what_a_hook_throws_after_its_own_cancel_came_second(const fs::path &scratch) {
    Coordinator coordinator(database(scratch), quick().checkpoint([](Hook &hook) {
        hook.job().cancel();
        throw Base("and failed");
    }));
    CHECK(code_of([&] { coordinator.run(); }) == Code::Cancelled);
    CHECK(coordinator.find().status().state == State::Cancelled);
}

void every_waiter_gets_the_same_one(const fs::path &scratch) {
    Coordinator coordinator(database(scratch), quick().checkpoint([] { throw Derived(3); }));
    const Job job = coordinator.start();
    std::atomic<int> caught{0};
    std::vector<std::thread> waiters;
    for (int i = 0; i < 8; i++)
        waiters.emplace_back([&] { caught += thrown_by<Derived>([&] { job.wait(); })->number; });
    for (std::thread &waiter : waiters) waiter.join();
    CHECK(caught == 8 * 3);
}

void it_outlives_the_job_and_is_destroyed_once(const fs::path &scratch) {
    CHECK(Counted::alive == 0);
    {
        std::exception_ptr kept;
        std::optional<Error> error;
        {
            Coordinator coordinator(database(scratch), quick().checkpoint([] { throw Counted(); }));
            const Job job = coordinator.start();
            try {
                job.wait();
            } catch (const Counted &) {
                kept = std::current_exception();
            }
            error = job.error();
        }
        CHECK(Counted::alive == 1 && error->code() == Code::HookFailed && error->cause());
        CHECK(thrown_by<Counted>([&] { std::rethrow_exception(error->cause()); }).has_value());
    }
    CHECK(Counted::alive == 0);
}

void a_library_error_in_a_hook_comes_out_as_itself(const fs::path &scratch) {
    Coordinator coordinator(database(scratch), quick().release([](Hook &hook) {
        hook.add_bytes("LABEL", "too late");
    }));
    CHECK(code_of([&] { coordinator.run(); }) == Code::Conflict);
    CHECK(coordinator.find().error()->code() == Code::HookFailed);
}

void its_message_is_one_line_of_the_errors(const fs::path &scratch) {
    Coordinator coordinator(database(scratch), quick().checkpoint([] { throw Base("two\nlines \xff"); }));
    CHECK(thrown_by<Base>([&] { coordinator.run(); })->what() == std::string("two\nlines \xff"));
    const std::string what = coordinator.find().error()->what();
    CHECK(what.find('\n') == what.npos && what.find("two") != what.npos);
}

void restores_and_verifications_carry_them_too(const fs::path &scratch) {
    Coordinator coordinator(database(scratch), quick());
    const fs::path snapshot = coordinator.run().location();
    const auto refuses = Options().validate([](const fs::path &) { throw Derived(5); });
    CHECK(thrown_by<Derived>([&] { restore(snapshot, scratch / "target", refuses).wait(); })->number == 5);
    CHECK(thrown_by<Derived>([&] { verify(snapshot, refuses).wait(); })->number == 5);
    CHECK(!fs::exists(scratch / "target"));
}

void an_error_says_code_errno_and_path_and_outlives_its_job(const fs::path &scratch) {
    std::optional<Error> error;
    try {
        // A file stands where the root is to be made.
        Coordinator coordinator(database(scratch), quick().root(scratch / "database/data/root"));
        coordinator.run();
    } catch (const Error &thrown) {
        error = thrown;
    }
    CHECK(error->code() == Code::Io && error->path() == scratch / "database/data/root");
    CHECK(error->os_error() == ENOTDIR && !error->cause());
    Error moved = std::move(*error);
    CHECK(moved.path() == error->path() && std::string(moved.what()) == error->what());
    const Error own(Code::Conflict, "of one's own");
    CHECK(own.os_error() == 0 && own.path().empty());
    static_assert(std::is_nothrow_copy_constructible_v<Error> && std::is_nothrow_copy_assignable_v<Error>);
}

void a_job_without_a_failure_has_no_error(const fs::path &scratch) {
    Gate gate;
    Coordinator coordinator(database(scratch), quick().checkpoint([&] { gate.pass(); }));
    const Job job = coordinator.start();
    CHECK(!job.error() && !job.wait_for(std::chrono::milliseconds(-5)));
    gate.open();
    job.wait();
    CHECK(!job.error());
}

} // namespace

int main(int argc, char **argv) {
    return show(argc, argv,
                {{"type", it_comes_out_of_wait_and_run_with_its_type},
                 {"no-std-exception", it_need_be_no_std_exception},
                 {"every-hook", every_hook_may_throw},
                 {"first", the_first_one_wins},
                 {"cancel-first", a_cancel_that_came_first_wins},
                 {"cancel-and-throw", what_a_hook_throws_after_its_own_cancel_came_second},
                 {"waiters", every_waiter_gets_the_same_one},
                 {"outlives", it_outlives_the_job_and_is_destroyed_once},
                 {"library-error", a_library_error_in_a_hook_comes_out_as_itself},
                 {"message", its_message_is_one_line_of_the_errors},
                 {"restores", restores_and_verifications_carry_them_too},
                 {"error", an_error_says_code_errno_and_path_and_outlives_its_job},
                 {"no-error", a_job_without_a_failure_has_no_error}});
}
