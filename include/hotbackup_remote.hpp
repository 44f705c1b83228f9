// hotbackup_remote.hpp - sends hotbackup's snapshots to an object store and brings them back, in C++17.
// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// Header-only, over the C API of hotbackup_remote.h; link with -lhotbackup_remote -lhotbackup. The least that
// sends a snapshot:
//
//     const auto options = hotbackup::RemoteOptions().set("password_file", "/etc/db/password");
//     const hotbackup::Remote remote("s3://bucket/db", options);
//     const hotbackup::Job job = remote.push("/backup/ts-1");
//     job.wait();
//
// Jobs, errors and the options of jobs are those of hotbackup.hpp, and what that header says at its top is
// true here too. Remote and RemoteOptions own a handle and can be moved, not copied; a remote may be used by any
// thread at any time, as coordinators are. All else is values. What waits for the store says so; it returns
// within the store's timeouts and its budget of retries.

#ifndef HOTBACKUP_REMOTE_HPP
#define HOTBACKUP_REMOTE_HPP

#include <hotbackup.hpp>
#include <hotbackup_remote.h>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace hotbackup {

// ---- Options -----------------------------------------------------------------------------------

/// @cond
namespace detail {

// What C calls for a password; user_data is the host's Function. What it throws becomes a message: nothing
// may be thrown through the library.
template <class Function>
struct Password {
    static_assert(std::is_invocable_r_v<std::string, Function &>,
                  "this hook is called with nothing and returns the password, a std::string");

    static std::int32_t call(void *function, backup_secret *secret) noexcept {
        try {
            const std::string password = std::invoke(*static_cast<Function *>(function));
            detail::call(backup_secret_set, secret, password.data(), password.size());
            return 0;
        } catch (const std::exception &thrown) {
            backup_secret_set_error(secret, thrown.what());
        } catch (...) {
            backup_secret_set_error(secret, "it threw something that is no std::exception");
        }
        return 1;
    }
};

} // namespace detail
/// @endcond

/// How a repository is reached. Remotes take a copy, so options may be changed, used for several, or destroyed at
/// any time. Each setter returns the options, or throws Error and changes nothing if its value is wrong.
class RemoteOptions {
public:
    /// All defaults. Throws Code::Internal after a defect of the library.
    RemoteOptions() : handle_(backup_remote_options_new_for(backup_extension_table())) {
        if (!handle_) throw Error(Code::Internal, "the options of a remote could not be made");
    }

    /// Sets one of the choices, which docs/remote.md lists: endpoint, region, path_style, access_key, secret_key,
    /// session_token, profile, credentials_file, ca_file, proxy, connect_timeout, idle_timeout, retries,
    /// retry_budget, connections, rate_limit_up, rate_limit_down, host, prefix, compression, password_file, piece,
    /// index_memory, lock_wait, accept, read_back. Times have a unit or are seconds ("500ms", "15m"), sizes and rates have
    /// one or are bytes ("64KiB", "16M"). Code::InvalidArgument: an unknown key, or a value that is none. What is
    /// secret is in no error.
    RemoteOptions &set(const std::string &key, const std::string &value) & {
        detail::call(backup_remote_options_set, handle(), detail::text(key), detail::text(value));
        return *this;
    }

    /// The repository's password itself, in place of password_hook(), password_file, and RESTIC_PASSWORD and
    /// RESTIC_PASSWORD_FILE in the environment. One that is empty or not UTF-8 is refused when it is needed, with
    /// Code::HookFailed.
    RemoteOptions &password(std::string password) & {
        return password_hook([password = std::move(password)] { return password; });
    }

    /// `std::string ()`: gives the repository's password each time it is opened, in place of password() and what that
    /// replaces. Anything that can be called and is not empty; it need not be copyable. It fails by throwing: then
    /// what was asked for fails with Code::HookFailed and the exception's message. It is called on any thread, never
    /// twice at once for one remote, and destroyed, on any thread, with the last of the options, the remotes that
    /// were opened with them, and their jobs.
    template <class Function>
    RemoteOptions &password_hook(Function &&hook) & {
        using Stored = std::decay_t<Function>;
        backup_remote_options *options = handle();
        // The library destroys the hook also when it fails.
        detail::call(backup_remote_options_set_password_hook, options, detail::Password<Stored>::call,
                     new Stored(detail::taken("password", std::forward<Function>(hook))),
                     detail::destroy<Stored>);
        return *this;
    }

    /// @cond
    // The same on a temporary, as those of Options.
    RemoteOptions set(const std::string &key, const std::string &value) && { return std::move(set(key, value)); }
    RemoteOptions password(std::string p) && { return std::move(password(std::move(p))); }
    template <class F> RemoteOptions password_hook(F &&f) && {
        return std::move(password_hook(std::forward<F>(f)));
    }
    /// @endcond

private:
    friend class Remote;

    struct Free {
        void operator()(backup_remote_options *options) const noexcept { backup_remote_options_free(options); }
    };

    backup_remote_options *handle() const { return detail::given(handle_.get(), "RemoteOptions"); }

    std::unique_ptr<backup_remote_options, Free> handle_;
};

// ---- Snapshots in a repository -----------------------------------------------------------------

/// A snapshot in a repository: a value.
struct RemoteSnapshot {
    std::string id;     ///< Of the local snapshot that it is of; of one that restic made its object.
    std::string object; ///< The name by which restic knows it: 64 hexadecimal digits, of which eight are enough.
    std::string host;   ///< What its host is called.
    std::string layout; ///< The name of its layout; empty where that is not known.
    std::vector<std::string> tags;       ///< But for those that the push gave it.
    std::optional<Time> time;            ///< When the local snapshot was finished.
    std::optional<std::uint64_t> number; ///< The n in the local snapshot's name ts-N, if it had one.
    bool is_pushed = false;              ///< Whether a push made it, and not restic.
};

/// The snapshots that a repository had at one instant: a value.
struct RemoteSnapshots {
    std::vector<RemoteSnapshot> snapshots; ///< The oldest first.
    /// Why records of snapshots cannot be read. Whose they are is not known, so they are in every list.
    std::vector<Error> unreadable;
};

/// What a remote has asked of its store so far, of all its jobs. What an older library does not know is 0.
struct RemoteRequests {
    std::uint64_t puts = 0;       ///< Objects sent.
    std::uint64_t gets = 0;       ///< Objects or parts of them fetched, and their heads.
    std::uint64_t lists = 0;      ///< Pages of listings.
    std::uint64_t deletes = 0;    ///< Objects deleted.
    std::uint64_t bytes_up = 0;   ///< Bytes of bodies sent.
    std::uint64_t bytes_down = 0; ///< Bytes of bodies fetched.
    std::uint64_t retries = 0;    ///< Requests that were made again; they count above, too.
};

/// @cond
namespace detail {

// What remotes need of the classes of hotbackup.hpp.
struct Remotes {
    static const backup_options *lent(const Options &options) { return options.handle(); }
};

inline RemoteSnapshot remote_snapshot(const backup_remote_snapshot *s) {
    RemoteSnapshot told;
    told.id = backup_remote_snapshot_id(s);
    told.object = backup_remote_snapshot_object(s);
    told.host = backup_remote_snapshot_host(s);
    told.layout = backup_remote_snapshot_layout(s);
    while (const char *tag = backup_remote_snapshot_tag(s, told.tags.size())) told.tags.emplace_back(tag);
    told.time = time_of(backup_remote_snapshot_time_ms(s));
    const std::uint64_t number = backup_remote_snapshot_number(s);
    if (number != UINT64_MAX) told.number = number;
    told.is_pushed = backup_remote_snapshot_is_pushed(s) != 0;
    return told;
}

} // namespace detail
/// @endcond

// ---- Repositories ------------------------------------------------------------------------------

/// A repository in an object store, of restic's format. Wherever a snapshot's id is asked for, the beginning of its
/// object's name, or "latest", will do. Jobs are not for temporary remotes, whose end would cancel them at once; and
/// destroying the last handle of one that runs cancels it and waits for its end, as that of a restore.
class Remote {
public:
    /// Opens it by its URL: s3://bucket/prefix, gs://bucket/prefix, az://account/container/prefix or
    /// file:///path. Nothing is asked of the store yet.
    explicit Remote(const std::string &url, const RemoteOptions &options = {}) {
        detail::call(backup_remote_open, detail::text(url), options.handle(), &handle_);
    }

    /// Takes over the handle.
    Remote(Remote &&other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
    /// Closes the one that was held before.
    Remote &operator=(Remote &&other) noexcept {
        Remote taken(std::move(other));
        std::swap(handle_, taken.handle_);
        return *this;
    }
    Remote(const Remote &) = delete;
    Remote &operator=(const Remote &) = delete;
    /// As close().
    ~Remote() { close(); }

    /// Cancels its jobs, and does not wait for them: they stay good, and say when they have ended. Once is
    /// enough.
    void close() noexcept {
        backup_remote_close(handle_);
        handle_ = nullptr;
    }

    /// Its URL, without credentials.
    std::string url() const { return backup_remote_url(handle()); }

    /// Makes the repository, and waits for it. Code::Conflict: there is one.
    void init() const { detail::call(backup_remote_init, handle()); }

    /// The id of the repository, 64 hexadecimal digits, asked of the store. Code::Conflict: one was made anew at
    /// the same place since this remote first used it.
    std::string repository_id() const {
        const char *id = nullptr;
        detail::call(backup_remote_repository_id, handle(), &id);
        return id;
    }

    /// Starts to send a finished snapshot, by its directory, and returns at once; it cannot be deleted or pruned
    /// meanwhile. One that is there already is not sent again, but for packs that the store has lost since, of which
    /// a warning tells, and of others only what an earlier push of this host
    /// has not sent. The job completes once the repository lists the snapshot; killed before that, the next push
    /// goes on with what was sent. A checkpoint, by its job's location, arrives as a snapshot too, and is removed
    /// once it has; Code::Corrupt: a live file of it was changed, or it is a copy. Code::Conflict: another program
    /// held the repository alone for longer than lock_wait, or it is another repository than that which earlier
    /// snapshots of the same root went to. Of the options it uses threads, rate limit (of what is read, and of what is
    /// sent) and the progress hook.
    [[nodiscard]] Job push(const std::filesystem::path &snapshot, const Options &options = {}) const & {
        return detail::Jobs::make(backup_remote_push_start, handle(), detail::text(snapshot),
                                  detail::Remotes::lent(options));
    }

    /// Starts to bring a snapshot as a directory target, which must not exist, and returns at once. It goes on with
    /// what an earlier fetch of it to the same place has left. Of the options it uses threads, rate limit, min free
    /// and the progress hook.
    [[nodiscard]] Job fetch(const std::string &id, const std::filesystem::path &target,
                            const Options &options = {}) const & {
        return detail::Jobs::make(backup_remote_fetch_start, handle(), detail::text(id), detail::text(target),
                                  detail::Remotes::lent(options));
    }

    /// Starts a restore of a snapshot to target, as hotbackup::restore() does and with the same options: the target is
    /// as it was until all has come and was compared with the manifest's checksums.
    [[nodiscard]] Job restore(const std::string &id, const std::filesystem::path &target,
                              const Options &options = {}) const & {
        return detail::Jobs::make(backup_remote_restore_start, handle(), detail::text(id), detail::text(target),
                                  detail::Remotes::lent(options));
    }

    /// Starts to verify a snapshot, and returns at once: that all it needs is there (VerifyLevel::Size, or None), or
    /// that all of it can be read and is what its manifest says (any other, the default). Each bad file is one of
    /// Job::warnings(); then the job fails with Code::Corrupt. Of the options it uses threads, rate limit, verify
    /// level and the progress hook.
    [[nodiscard]] Job verify(const std::string &id, const Options &options = {}) const & {
        return detail::Jobs::make(backup_remote_verify_start, handle(), detail::text(id),
                                  detail::Remotes::lent(options));
    }

    /// @cond
    Job push(const std::filesystem::path &, const Options & = {}) const && = delete;
    Job fetch(const std::string &, const std::filesystem::path &, const Options & = {}) const && = delete;
    Job restore(const std::string &, const std::filesystem::path &, const Options & = {}) const && = delete;
    Job verify(const std::string &, const Options & = {}) const && = delete;
    /// @endcond

    /// Takes a snapshot out of the list, and waits for it. What it alone needs stays until restic's prune removes it.
    void forget(const std::string &id) const { detail::call(backup_remote_forget, handle(), detail::text(id)); }

    /// Lists the snapshots, and waits for it; of those that are of one local snapshot the oldest alone. host: those of
    /// that host; without one, of all.
    RemoteSnapshots list(const std::optional<std::string> &host = std::nullopt) const {
        backup_remote_list *list = nullptr;
        detail::call(backup_remote_list_open, handle(), host ? detail::text(*host) : nullptr, &list);
        const std::unique_ptr<backup_remote_list, decltype(&backup_remote_list_free)> owned(
            list, backup_remote_list_free);
        RemoteSnapshots told;
        told.snapshots.reserve(backup_remote_list_count(list));
        for (std::size_t i = 0; i < backup_remote_list_count(list); i++)
            told.snapshots.push_back(detail::remote_snapshot(backup_remote_list_get(list, i)));
        while (const backup_error *error = backup_remote_list_error(list, told.unreadable.size()))
            told.unreadable.push_back(detail::error_of(backup_error_code(error), error));
        return told;
    }

    /// Counts its requests, without waiting.
    RemoteRequests requests() const {
        backup_remote_requests now{}; // the library fills what it knows, and the rest with 0
        detail::call(backup_remote_requests_now, handle(), &now, sizeof now);
        return {now.puts,     now.gets,       now.lists,  now.deletes,
                now.bytes_up, now.bytes_down, now.retries};
    }

private:
    const backup_remote *handle() const { return detail::given(handle_, "Remote"); }

    backup_remote *handle_ = nullptr;
};

// ---- Version -----------------------------------------------------------------------------------

/// The version of libhotbackup_remote that was loaded, such as "0.1.0". A constant string.
inline const char *remote_version() noexcept { return backup_remote_version(); }

} // namespace hotbackup

#endif // HOTBACKUP_REMOTE_HPP
