// Runs every case of the list in its first argument below the scratch directory in its second. Prints nothing
// unless something is wrong.
#include "../../../../tests/scenarios/cpp/scene.hpp"

#include <hotbackup_remote.hpp>

#include <random>

namespace {

using hotbackup::Job;
using hotbackup::Options;
using hotbackup::Remote;
using hotbackup::RemoteOptions;

RemoteOptions with_password(const std::string &password) {
    return RemoteOptions().set("lock_wait", "2s").password(password);
}

// A data directory whose snapshots are made with libhotbackup, and a repository beside it.
struct Store {
    explicit Store(const fs::path &scratch)
        : scene(scratch, "data"), directory(scratch / "repository"), url("file://" + directory.string()) {
        std::mt19937 random(1);
        std::string table(1 << 20, '\0');
        for (char &byte : table) byte = static_cast<char>(random());
        write(scene.data / "3.sst", table);
    }

    // The repository, made.
    const Remote &made() {
        remote.init();
        return remote;
    }

    // Pushes a new snapshot, and returns where it is.
    fs::path pushed() {
        const fs::path snapshot = scene.snapshot();
        const Job job = remote.push(snapshot);
        job.wait();
        CHECK(job.location() == snapshot && job.status().kind == hotbackup::Kind::Push);
        return snapshot;
    }

    // Starts a push whose progress hook waits at the gate.
    Job held() {
        const fs::path snapshot = scene.snapshot();
        Job job = remote.push(snapshot, Options().progress([this](const hotbackup::Progress &) { gate.pass(); }));
        gate.await();
        return job;
    }

    Gate gate;
    Scene scene;
    const fs::path directory;
    const std::string url;
    Remote remote = Remote(url, with_password("of the repository"));
};

void comes_back(Store &store) {
    const Remote &remote = store.made();
    store.pushed();
    const fs::path target = store.scene.directory / "target";
    const Job job = remote.restore("latest", target);
    job.wait();
    CHECK(job.location() == target && tree(target) == tree(store.scene.data));
    remote.verify("latest").wait();
    CHECK(remote.url() == store.url && remote.repository_id().size() == 64);
    CHECK(remote.requests().bytes_down > 1 << 20);
}

void second_sends_less(Store &store) {
    const Remote &remote = store.made();
    store.pushed();
    const std::uint64_t first = remote.requests().bytes_up;
    store.scene.change();
    store.pushed();
    const std::uint64_t second = remote.requests().bytes_up - first;
    CHECK(first > 1 << 20 && second > 0 && second < first / 10);
}

void not_sent_again(Store &store) {
    const Remote &remote = store.made();
    const fs::path snapshot = store.pushed();
    const std::string object = remote.list().snapshots.at(0).object;
    const std::uint64_t first = remote.requests().bytes_up;
    remote.push(snapshot).wait();
    const auto listed = remote.list();
    CHECK(listed.snapshots.size() == 1 && listed.snapshots[0].object == object);
    CHECK(remote.requests().bytes_up - first < 1 << 16);
}

void fetched_is_restored(Store &store) {
    const Remote &remote = store.made();
    const fs::path snapshot = store.pushed();
    const fs::path fetched = store.scene.directory / "fetched", target = store.scene.directory / "target";
    const Job job = remote.fetch(hotbackup::Snapshot::open(snapshot).id(), fetched);
    job.wait();
    CHECK(job.status().kind == hotbackup::Kind::Fetch);
    CHECK(hotbackup::Snapshot::open(fetched).id() == hotbackup::Snapshot::open(snapshot).id());
    hotbackup::restore(fetched, target).wait();
    CHECK(tree(target) == tree(store.scene.data));
    CHECK(code_of([&] { remote.fetch("latest", fetched).wait(); }) != Code::Ok);
}

void pushed_checkpoint(Store &store) {
    const Remote &remote = store.made();
    const Job made = store.scene.coordinator().start_checkpoint(hotbackup::CheckpointFlags::LinksAreSafe);
    made.wait();
    auto before = tree(store.scene.data);
    CHECK(fs::hard_link_count(made.location() / "3.sst") == 2);
    // The database goes on, and deletes its table.
    fs::remove(store.scene.data / "3.sst");
    store.scene.change();
    const Job job = remote.push(made.location());
    job.wait();
    CHECK(!fs::exists(made.location()) && fs::exists(store.scene.data / "2.sst"));
    CHECK(remote.list().snapshots.size() == 1 && remote.list().snapshots[0].is_pushed);
    const fs::path target = store.scene.directory / "target";
    remote.restore("latest", target).wait();
    CHECK(tree(target) == before);
}

void listed_and_forgotten(Store &store) {
    store.remote = Remote(store.url, with_password("of the repository").set("host", "here"));
    const Remote &remote = store.made();
    CHECK(remote.list().snapshots.empty());
    store.scene.options.tag("nightly");
    const fs::path first = store.pushed();
    store.scene.change();
    const fs::path second = store.pushed();

    const auto listed = remote.list();
    CHECK(listed.snapshots.size() == 2 && listed.unreadable.empty());
    for (std::size_t i = 0; i < 2; i++) {
        const auto local = hotbackup::Snapshot::open(i == 0 ? first : second);
        const auto &one = listed.snapshots[i];
        CHECK(one.id == local.id() && one.object.size() == 64 && one.host == "here" && one.is_pushed);
        CHECK(one.layout == "generic" && one.tags == local.tags() && one.tags.size() == 1);
        CHECK(one.time == local.finished_at() && one.time);
        CHECK("ts-" + std::to_string(one.number.value()) == local.location().filename());
    }
    CHECK(remote.list("here").snapshots.size() == 2 && remote.list("elsewhere").snapshots.empty());

    remote.forget(listed.snapshots[0].object.substr(0, 8));
    const auto left = remote.list();
    CHECK(left.snapshots.size() == 1 && left.snapshots[0].id == listed.snapshots[1].id);
    CHECK(code_of([&] { remote.forget(listed.snapshots[0].id); }) == Code::NotFound);
}

void second_init(Store &store) {
    store.made();
    CHECK(code_of([&] { store.remote.init(); }) == Code::Conflict);
}

void another_password(Store &store) {
    store.made();
    const Remote other(store.url, with_password("another"));
    CHECK(code_of([&] { other.list(); }) == Code::Unauthorized);
    CHECK(code_of([&] { other.push(store.scene.snapshot()).wait(); }) == Code::Unauthorized);
}

void hook_says_why(Store &store) {
    store.made();
    const auto failing = [&](auto hook) {
        const Remote remote(store.url, RemoteOptions().password_hook(std::move(hook)));
        try {
            (void)remote.list();
        } catch (const hotbackup::Error &error) {
            CHECK(error.code() == Code::HookFailed && !error.cause());
            return std::string(error.what());
        }
        return std::string();
    };
    auto own = std::make_unique<std::string>("the vault is sealed"); // a hook need not be copyable
    std::weak_ptr<int> watch;
    {
        auto kept = std::make_shared<int>();
        watch = kept;
        const std::string why = failing([own = std::move(own), kept = std::move(kept)]() -> std::string {
            throw std::runtime_error(*own);
        });
        CHECK(why.find("the vault is sealed") != why.npos);
    }
    CHECK(watch.expired());
    CHECK(!failing([]() -> std::string { throw 1; }).empty());
    CHECK(!failing([] { return std::string(); }).empty());
    REFUSED(RemoteOptions().password_hook(std::function<std::string()>()));

    const Remote good(store.url, RemoteOptions().password_hook([] { return "of the repository"; }));
    CHECK(good.list().snapshots.empty());
}

void gone_pack(Store &store) {
    const Remote &remote = store.made();
    store.pushed();
    // The largest has the table.
    fs::directory_entry largest;
    for (const auto &entry : fs::recursive_directory_iterator(store.directory / "data"))
        if (entry.is_regular_file() && (largest.path().empty() || entry.file_size() > largest.file_size()))
            largest = entry;
    // Damaged it is a warning of each file that is bad.
    fs::permissions(largest.path(), fs::perms::owner_write, fs::perm_options::add);
    std::string bytes = read(largest.path());
    bytes[bytes.size() / 2] ^= 1;
    write(largest.path(), bytes);
    using hotbackup::VerifyLevel;
    const auto verify = [&](VerifyLevel level) { return remote.verify("latest", Options().verify_level(level)); };
    const Job damaged = verify(VerifyLevel::Checksum);
    CHECK(code_of([&] { damaged.wait(); }) == Code::Corrupt);
    const auto warnings = damaged.warnings();
    CHECK(warnings.size() == 1 && warnings[0].code() == Code::Corrupt);
    CHECK(std::string(warnings[0].what()).find("3.sst") != std::string::npos);
    verify(VerifyLevel::Size).wait();

    CHECK(fs::remove(largest.path()));
    for (const VerifyLevel level : {VerifyLevel::Size, VerifyLevel::Checksum})
        CHECK(code_of([&] { verify(level).wait(); }) == Code::Corrupt);
    const fs::path target = store.scene.directory / "target";
    CHECK(code_of([&] { remote.restore("latest", target).wait(); }) != Code::Ok && !fs::exists(target));
}

void unknown_key(Store &store) {
    auto options = with_password("of the repository");
    REFUSED(options.set("colour", "blue"));
    REFUSED(options.set("lock_wait", "soon"));
    REFUSED(options.set(std::string("host\0", 5), "here"));
    REFUSED(Remote("ftp://host/db", options));

    const RemoteOptions moved = std::move(options);
    REFUSED(options.set("host", "here"));
    store.made();
    Remote remote(store.url, moved);
    CHECK(remote.list().snapshots.empty());
    remote.close();
    REFUSED(remote.list());
    REFUSED(remote.url());
}

void cancelled(Store &store) {
    store.made();
    const Job job = store.held();
    job.cancel();
    store.gate.open();
    CHECK(code_of([&] { job.wait(); }) == Code::Cancelled);
    CHECK(store.remote.list().snapshots.empty());
}

void closed_before_its_job(Store &store) {
    store.made();
    const Job job = store.held();
    store.remote.close();
    store.gate.open();
    CHECK(code_of([&] { job.wait(); }) == Code::Cancelled);
    CHECK(job.status().state == hotbackup::State::Cancelled);
    CHECK(Remote(store.url, with_password("of the repository")).list().snapshots.empty());
}

} // namespace

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    std::map<std::string, void (*)(Store &)> missing = {
        {"a_snapshot_comes_back_as_it_was", comes_back},
        {"a_second_push_sends_less", second_sends_less},
        {"a_snapshot_that_is_there_is_not_sent_again", not_sent_again},
        {"a_fetched_snapshot_can_be_restored", fetched_is_restored},
        {"a_pushed_checkpoint_comes_back_and_is_gone_here", pushed_checkpoint},
        {"snapshots_are_listed_and_forgotten", listed_and_forgotten},
        {"a_second_init_is_a_conflict", second_init},
        {"another_password_is_refused", another_password},
        {"a_password_hook_says_why_there_is_none", hook_says_why},
        {"a_pack_that_is_gone_is_found", gone_pack},
        {"an_unknown_key_is_refused", unknown_key},
        {"a_cancelled_push_lists_nothing", cancelled},
        {"a_remote_can_be_closed_before_its_job_ends", closed_before_its_job},
    };
    std::ifstream list(argv[1]);
    for (std::string name; std::getline(list, name);) {
        if (name.empty() || name[0] == '#') continue;
        std::string wrong = "is in the list alone";
        if (const auto scenario = missing.extract(name))
            wrong = complaint_of([&] {
                Store store(fs::path(argv[2]) / name);
                scenario.mapped()(store);
            });
        if (!wrong.empty()) {
            std::cerr << "the case " << name << ": " << wrong << '\n';
            return 1;
        }
    }
    for (const auto &[name, scenario] : missing) std::cerr << "the case " << name << " is not in the list\n";
    return missing.empty() ? 0 : 1;
}
