// Moving, closing and destroying: who owns what, and what is left behind.
#include "check.hpp"

using namespace hotbackup;

namespace {

template <class Owner>
constexpr bool only_moves = std::is_nothrow_move_constructible_v<Owner> && std::is_nothrow_move_assignable_v<Owner>
                            && !std::is_copy_constructible_v<Owner> && !std::is_copy_assignable_v<Owner>
                            && std::is_nothrow_destructible_v<Owner>;
static_assert(only_moves<Coordinator> && only_moves<Job> && only_moves<Options>);

void a_moved_job_refuses_every_call(const fs::path &scratch) {
    Coordinator coordinator(database(scratch), quick());
    Job job = coordinator.run();
    const Job taken = std::move(job);
    REFUSED(job.id());
    REFUSED(job.location());
    REFUSED(job.wait());
    REFUSED(job.wait_for(std::chrono::seconds(1)));
    REFUSED(job.error());
    REFUSED(job.status());
    REFUSED(job.warnings());
    REFUSED(job.cancel());
    REFUSED(job.rate_limit(1));
    REFUSED(job.eventfd());
    taken.wait();
    job = coordinator.run();
    job.wait();
}

void a_closed_or_moved_coordinator_refuses_every_call(const fs::path &scratch) {
    Coordinator coordinator(database(scratch), quick());
    Coordinator taken = std::move(coordinator);
    taken.run();
    taken.close();
    taken.close();
    coordinator.close();
    for (Coordinator *one : {&coordinator, &taken}) {
        REFUSED(one->root());
        REFUSED(one->start());
        REFUSED(one->run());
        REFUSED(one->find());
    }
    taken = Coordinator(scratch / "database", quick());
    taken.run();
}

void moved_options_refuse_every_call(const fs::path &scratch) {
    Options options;
    const Options taken = std::move(options);
    REFUSED(options.root(scratch));
    REFUSED(options.threads(1));
    REFUSED(options.checkpoint(nullptr));
    REFUSED(Coordinator(database(scratch), options));
    REFUSED(restore(scratch, scratch / "target", options));
    REFUSED(verify(scratch, options));
    options = Options().threads(2);
    Coordinator(scratch / "database", options).root();
}

void moving_to_itself_changes_nothing(const fs::path &scratch) {
    Coordinator coordinator(database(scratch), quick());
    Coordinator &same_coordinator = coordinator;
    coordinator = std::move(same_coordinator);
    Job job = coordinator.run();
    Job &same_job = job;
    job = std::move(same_job);
    job.wait();
}

void options_can_be_named_from_a_chain(const fs::path &scratch) {
    auto named = Options().root(scratch / "root").threads(1).keep_undo(false);
    named.rate_limit(0).min_free(0);
    auto made = [&] { return quick().root(scratch / "root"); }();
    CHECK(Coordinator(database(scratch), named).root() == scratch / "root");
    CHECK(Coordinator(scratch / "database", made).root() == scratch / "root");
}

void jobs_and_coordinators_live_in_vectors(const fs::path &scratch) {
    std::vector<Coordinator> coordinators;
    std::vector<Job> jobs;
    for (const char *name : {"a", "b", "c", "d", "e"}) {
        coordinators.emplace_back(database(scratch, name), quick());
        jobs.push_back(coordinators.back().start());
    }
    for (const Job &job : jobs) job.wait();
    coordinators.clear();
    for (const Job &job : jobs) CHECK(job.status().state == State::Completed && fs::exists(job.location()));
}

void snapshots_are_values_that_outlive_what_they_tell_of(const fs::path &scratch) {
    Coordinator coordinator(database(scratch), quick().metadata("mine"));
    std::vector<std::string> ids;
    for (int i = 0; i < 3; i++) ids.insert(ids.begin(), coordinator.run().id());
    std::vector<Snapshot> found = list(coordinator.root()), copies = found;
    for (const Snapshot &one : found) remove(coordinator.root(), one.id());
    CHECK(list(coordinator.root()).empty() && code_of([&] { latest(coordinator.root()); }) == Code::NotFound);
    found.clear();
    for (std::size_t i = 0; i < 3; i++) {
        CHECK(copies[i].id() == ids[i] && copies[i].metadata() == "mine" && copies[i].files() == 2);
        CHECK(copies[i].started_at().value() <= copies[i].finished_at().value());
        CHECK(copies[i].files_skipped() == 0 && copies[i].files_left_out() == 0);
    }
    std::swap(copies[0], copies[1]);
    CHECK(copies[0].id() == ids[1]);
    CHECK(list(scratch / "nowhere").empty());
}

// --- Destructors

void destroying_a_backups_handle_lets_it_go_on(const fs::path &scratch) {
    Gate gate;
    Coordinator coordinator(database(scratch), quick().checkpoint([&] { gate.pass(); }));
    std::optional<Job> job = coordinator.start();
    const std::string id = job->id();
    gate.await();
    job.reset();
    gate.open();
    coordinator.find(id).wait();
}

void destroying_a_coordinator_cancels_and_waits(const fs::path &scratch) {
    bool released = false;
    std::optional<Job> job;
    {
        Coordinator coordinator(database(scratch), quick().release([&] { released = true; }).rate_limit(1));
        write(scratch / "database" / "large", std::string(1 << 20, 'x'));
        job = coordinator.start();
    }
    CHECK(job->status().finished_at && job->status().state == State::Cancelled);
    CHECK(code_of([&] { job->wait(); }) == Code::Cancelled);
    CHECK(released || job->status().bytes_total == 0);
}

void assigning_a_coordinator_closes_the_one_before(const fs::path &scratch) {
    Coordinator coordinator(database(scratch, "one"), quick().rate_limit(1));
    write(scratch / "one" / "large", std::string(1 << 20, 'x'));
    const Job job = coordinator.start();
    coordinator = Coordinator(database(scratch, "two"), quick());
    CHECK(job.status().state == State::Cancelled);
    coordinator.run();
}

void destroying_the_last_handle_of_a_restore_cancels_it_and_waits(const fs::path &scratch) {
    Coordinator coordinator(database(scratch), quick());
    write(scratch / "database" / "large", std::string(1 << 20, 'x'));
    const fs::path snapshot = coordinator.run().location();
    { const Job job = restore(snapshot, scratch / "target", Options().rate_limit(1)); }
    CHECK(!fs::exists(scratch / "target"));
    CHECK(std::distance(fs::directory_iterator(scratch), {}) == 1);
}

void unwinding_destroys_all_in_any_order(const fs::path &scratch) {
    try {
        const Options options = quick().rate_limit(1);
        write(database(scratch) / "large", std::string(1 << 20, 'x'));
        std::optional<Job> later;
        Coordinator coordinator(scratch / "database", options);
        later = coordinator.start();
        throw std::runtime_error("unwinding");
    } catch (const std::runtime_error &error) {
        CHECK(error.what() == std::string("unwinding"));
    }
}

void a_coordinator_closed_in_its_own_hook_is_cancelled_later(const fs::path &scratch) {
    std::optional<Coordinator> coordinator;
    coordinator.emplace(database(scratch), quick().checkpoint([&] { coordinator->close(); }));
    const Job job = coordinator->start();
    CHECK(code_of([&] { job.wait(); }) == Code::Cancelled);
    REFUSED(coordinator->start());
}

} // namespace

int main(int argc, char **argv) {
    return show(argc, argv,
                {{"moved-job", a_moved_job_refuses_every_call},
                 {"moved-coordinator", a_closed_or_moved_coordinator_refuses_every_call},
                 {"moved-options", moved_options_refuse_every_call},
                 {"self", moving_to_itself_changes_nothing},
                 {"chain", options_can_be_named_from_a_chain},
                 {"vectors", jobs_and_coordinators_live_in_vectors},
                 {"snapshots", snapshots_are_values_that_outlive_what_they_tell_of},
                 {"backup", destroying_a_backups_handle_lets_it_go_on},
                 {"coordinator", destroying_a_coordinator_cancels_and_waits},
                 {"assigning", assigning_a_coordinator_closes_the_one_before},
                 {"restore", destroying_the_last_handle_of_a_restore_cancels_it_and_waits},
                 {"unwinding", unwinding_destroys_all_in_any_order},
                 {"own-hook", a_coordinator_closed_in_its_own_hook_is_cancelled_later}});
}
