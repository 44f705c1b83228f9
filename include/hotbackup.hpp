// hotbackup.hpp - backs up a live database directory from inside the process that owns it, in C++17.
// SPDX-License-Identifier: Apache-2.0 OR MIT
//
// Header-only, over the C API of hotbackup.h; link with -lhotbackup. The least that makes a backup:
//
//     auto options = hotbackup::Options()
//                        .rule("*.sst", hotbackup::FileClass::Immutable)
//                        .freeze([&] { db.lock(); }, [&] { db.unlock(); });
//     hotbackup::Coordinator coordinator("/var/lib/db", options);
//     hotbackup::Job job = coordinator.start();
//     job.wait();
//     std::cout << job.location() << '\n';
//
// True for all of it, unless a comment says otherwise:
//
//  1. What fails throws Error, or std::bad_alloc. Where a hook threw, its own exception comes out of
//     wait() and run(), as it was. Nothing is ever thrown through the library, nor by a destructor.
//  2. Coordinator, Job and Options own a handle and can be moved, not copied. On one that was moved
//     from (or closed), every call throws Error with Code::InvalidArgument; only assigning,
//     destroying and closing it are fine. All else is values, which hold on to nothing.
//  3. Coordinators and jobs may be used by any thread at any time, but moved, assigned, closed and
//     destroyed by one thread while no other uses them. Options belong to one thread at a time.
//  4. Paths are any bytes and made absolute when taken. A path or text with a NUL in it is refused.
//  5. An enumeration may hold values that have no name here: the library may be newer.

#ifndef HOTBACKUP_HPP
#define HOTBACKUP_HPP

#include <hotbackup.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <filesystem>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <ratio>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

/// Backups of a live database directory.
namespace hotbackup {

// ---- Errors ------------------------------------------------------------------------------------

/// Why something failed.
enum class Code : std::int32_t {
    Ok = BACKUP_OK,                              ///< Done.
    InvalidArgument = BACKUP_INVALID_ARGUMENT,   ///< An argument or an option is wrong.
    NotFound = BACKUP_NOT_FOUND,                 ///< A directory, snapshot, job or file is not there.
    Conflict = BACKUP_CONFLICT,                  ///< Something else is at work here.
    Io = BACKUP_IO,                              ///< A system call failed.
    NoSpace = BACKUP_NO_SPACE,                   ///< A disk is full, or would be below the reserve.
    SourceChanged = BACKUP_SOURCE_CHANGED,       ///< A source file broke the promise of its class.
    Corrupt = BACKUP_CORRUPT,                    ///< A snapshot is not what it should be.
    HookFailed = BACKUP_HOOK_FAILED,             ///< A hook failed.
    FreezeTimeout = BACKUP_FREEZE_TIMEOUT,       ///< The freeze window took too long.
    Cancelled = BACKUP_CANCELLED,                ///< The job was cancelled.
    Timeout = BACKUP_TIMEOUT,                    ///< Never thrown: Job::wait_for returns false.
    RestoreUnfinished = BACKUP_RESTORE_UNFINISHED, ///< Call recover() first.
    Unsupported = BACKUP_UNSUPPORTED,            ///< This system or build cannot do it.
    Internal = BACKUP_INTERNAL,                  ///< A defect of the library.
    Unauthorized = BACKUP_UNAUTHORIZED,          ///< A store refuses the credentials, or the rights are too few.
    Unreachable = BACKUP_UNREACHABLE,            ///< A store cannot be reached, or does not answer in time.
};

/// The name of a code in C, such as "BACKUP_NO_SPACE"; "BACKUP_UNKNOWN" for one that the library
/// does not know. A constant string.
inline const char *code_name(Code code) noexcept {
    return backup_code_name(static_cast<backup_code>(code));
}

/// What failed: what() is one line for a person, which says what was being done, to which path, why
/// it failed and what is unharmed. Copies share what they hold, never throw, and may outlive the job.
class Error : public std::runtime_error {
public:
    /// An error of one's own, for a hook to throw.
    Error(Code code, const std::string &message, int os_error = 0, std::filesystem::path path = {},
          std::exception_ptr cause = nullptr)
        : std::runtime_error(message),
          facts_(std::make_shared<const Facts>(Facts{code, os_error, std::move(path), std::move(cause)})) {}

    /// Shares what it holds.
    Error(const Error &) noexcept = default;
    /// Shares what it holds.
    Error &operator=(const Error &) noexcept = default;
    ~Error() override = default;

    /// Why it failed.
    Code code() const noexcept { return facts_->code; }

    /// The errno of the system call that failed; 0 if it was none.
    int os_error() const noexcept { return facts_->os_error; }

    /// The path concerned; empty if there is none.
    const std::filesystem::path &path() const noexcept { return facts_->path; }

    /// What a hook threw, in the errors of Job::error() with Code::HookFailed; null in all others.
    const std::exception_ptr &cause() const noexcept { return facts_->cause; }

private:
    struct Facts {
        Code code;
        int os_error;
        std::filesystem::path path;
        std::exception_ptr cause;
    };
    std::shared_ptr<const Facts> facts_;
};

/// @cond
namespace detail {

struct FreeError {
    void operator()(backup_error *error) const noexcept { backup_error_free(error); }
};
using OwnedError = std::unique_ptr<backup_error, FreeError>;

// A copy of an error of the C API, which may be NULL. A cause is always what carry() gave it.
inline Error error_of(backup_code code, const backup_error *error) {
    const char *message = backup_error_message(error);
    const char *path = backup_error_path(error);
    const void *cause = backup_error_cause(error);
    return Error(static_cast<Code>(code), message ? message : backup_code_name(code),
                 backup_error_os_error(error), path ? path : "",
                 cause ? *static_cast<const std::exception_ptr *>(cause) : nullptr);
}

// Throws unless the code is BACKUP_OK: what a hook threw, as it was, or an Error.
inline void check(backup_code code, OwnedError error) {
    if (code == BACKUP_OK) return;
    const Error failure = error_of(code, error.get());
    error.reset();
    if (failure.cause()) std::rethrow_exception(failure.cause());
    throw failure;
}

// Calls a function of the C API whose last parameter is a backup_error **.
template <class... Parameters, class... Arguments>
void call(backup_code (*function)(Parameters...), Arguments... arguments) {
    backup_error *error = nullptr;
    const backup_code code = function(arguments..., &error);
    check(code, OwnedError(error));
}

// A handle that is there.
template <class Handle>
Handle *given(Handle *handle, const char *what) {
    if (handle == nullptr)
        throw Error(Code::InvalidArgument, std::string("this ") + what + " was moved from or closed");
    return handle;
}

// Text for C, where a NUL would end it early.
inline const char *text(const std::string &text) {
    const std::size_t nul = text.find('\0');
    if (nul != std::string::npos)
        throw Error(Code::InvalidArgument, "there is a NUL after \"" + text.substr(0, nul) + "\"");
    return text.c_str();
}

inline const char *text(const std::filesystem::path &path) { return text(path.native()); }

// In milliseconds, rounded up. std::chrono would wrap one that is longer than these can say, such as
// hours::max(), to a negative one.
template <class Rep, class Period>
std::int64_t milliseconds_of(const std::chrono::duration<Rep, Period> &given) {
    using namespace std::chrono;
    const duration<long double, std::milli> exact(given);
    if (exact >= milliseconds::max()) return INT64_MAX;
    if (exact <= milliseconds::min()) return INT64_MIN;
    return ceil<milliseconds>(exact).count();
}

// In seconds, rounded up; UINT64_MAX, which is for ever, where it is longer than std::chrono::seconds can say.
template <class Rep, class Period>
std::uint64_t seconds_of(const std::chrono::duration<Rep, Period> &given) {
    using namespace std::chrono;
    const duration<long double> exact(given);
    if (exact < seconds::zero()) throw Error(Code::InvalidArgument, "an age must not be negative");
    if (exact >= seconds::max()) return UINT64_MAX;
    return static_cast<std::uint64_t>(ceil<seconds>(exact).count());
}

} // namespace detail
/// @endcond

// ---- Jobs --------------------------------------------------------------------------------------

/// A time of the system clock, in milliseconds, as manifests keep it. Converts to
/// std::chrono::system_clock::time_point.
using Time = std::chrono::time_point<std::chrono::system_clock, std::chrono::milliseconds>;

/// What a job does.
enum class Kind : std::int32_t {
    Backup = BACKUP_KIND_BACKUP,   ///< Makes a snapshot.
    Restore = BACKUP_KIND_RESTORE, ///< Puts a snapshot in place.
    Verify = BACKUP_KIND_VERIFY,   ///< Reads a snapshot and compares it.
    Checkpoint = BACKUP_KIND_CHECKPOINT, ///< Makes a checkpoint.
    Scrub = BACKUP_KIND_SCRUB,     ///< Reads back what is stored in a backup root.
    Push = BACKUP_KIND_PUSH,       ///< Sends a snapshot to an object store.
    Fetch = BACKUP_KIND_FETCH,     ///< Brings a snapshot from an object store.
};

/// How far a job has come.
enum class State : std::int32_t {
    Queued = BACKUP_STATE_QUEUED,       ///< Accepted, not begun.
    Running = BACKUP_STATE_RUNNING,     ///< At work.
    Completed = BACKUP_STATE_COMPLETED, ///< Ended well.
    Failed = BACKUP_STATE_FAILED,       ///< Ended with an error.
    Cancelled = BACKUP_STATE_CANCELLED, ///< Ended because someone asked.
};

/// What a running job is doing.
enum class Phase : std::int32_t {
    None = BACKUP_PHASE_NONE,             ///< It has not begun or has ended.
    Checkpoint = BACKUP_PHASE_CHECKPOINT, ///< The host flushes to a consistent state.
    Pin = BACKUP_PHASE_PIN,               ///< Files are listed and pinned.
    Freeze = BACKUP_PHASE_FREEZE,         ///< The host's writes are stopped.
    Copy = BACKUP_PHASE_COPY,             ///< Bytes are copied.
    Verify = BACKUP_PHASE_VERIFY,         ///< The copy is synced, validated and compared.
    Publish = BACKUP_PHASE_PUBLISH,       ///< The snapshot gets its name.
    Swap = BACKUP_PHASE_SWAP,             ///< A restored tree takes the place of the present one.
    Scan = BACKUP_PHASE_SCAN,             ///< What a store has already is looked at.
    Upload = BACKUP_PHASE_UPLOAD,         ///< What it lacks is read and sent.
    Commit = BACKUP_PHASE_COMMIT,         ///< A snapshot is put into a store's list.
    Download = BACKUP_PHASE_DOWNLOAD,     ///< What a store has is brought and written.
};

/// @cond
namespace detail {

// Milliseconds since 1970; 0 is none. They may come from a manifest, so any number will do.
inline std::optional<Time> time_of(std::uint64_t ms) {
    if (ms == 0) return std::nullopt;
    return Time(std::chrono::milliseconds(static_cast<std::int64_t>(std::min<std::uint64_t>(ms, INT64_MAX))));
}

} // namespace detail
/// @endcond

/// A job at one instant. What it does not deal with, and what an older library does not know, is 0.
struct Progress {
    Kind kind{};                      ///< What the job does.
    State state{};                    ///< How far it has come.
    Phase phase{};                    ///< What it is doing.
    std::uint32_t percent = 0;        ///< 0 to 100, never falling; 100 only once it has completed.
    std::uint64_t bytes_total = 0;    ///< Bytes to deal with, as far as known.
    std::uint64_t bytes_done = 0;     ///< Bytes dealt with: copied, cloned, linked or holes.
    std::uint64_t files_total = 0;    ///< Files to deal with, as far as known.
    std::uint64_t files_done = 0;     ///< Files dealt with.
    std::uint64_t bytes_copied = 0;   ///< Bytes read and written.
    std::uint64_t bytes_cloned = 0;   ///< Bytes shared by the file system (reflinks).
    std::uint64_t bytes_linked = 0;   ///< Bytes shared with a snapshot, a target, or the live files.
    std::uint64_t bytes_holes = 0;    ///< Bytes that are holes on both sides.
    std::uint64_t files_skipped = 0;  ///< FIFOs, sockets, devices, leftovers: no data.
    std::uint64_t files_left_out = 0; ///< Immutable files that were still being built.
    std::chrono::nanoseconds freeze{}; ///< The longest freeze window.
    std::optional<Time> started_at;   ///< When the job began.
    std::optional<Time> finished_at;  ///< When it ended; none: not yet.
};

/// @cond
namespace detail {

// Reads `size` bytes at most: the library may be older than this header, or newer.
inline Progress progress_of(const backup_progress &source) noexcept {
    backup_progress p{};
    std::memcpy(&p, &source, std::min<std::size_t>(source.size, sizeof p));
    Progress out;
    out.kind = static_cast<Kind>(p.kind);
    out.state = static_cast<State>(p.state);
    out.phase = static_cast<Phase>(p.phase);
    out.percent = p.percent;
    out.bytes_total = p.bytes_total;
    out.bytes_done = p.bytes_done;
    out.files_total = p.files_total;
    out.files_done = p.files_done;
    out.bytes_copied = p.bytes_copied;
    out.bytes_cloned = p.bytes_cloned;
    out.bytes_linked = p.bytes_linked;
    out.bytes_holes = p.bytes_holes;
    out.files_skipped = p.files_skipped;
    out.files_left_out = p.files_left_out;
    out.freeze = std::chrono::nanoseconds(static_cast<std::int64_t>(p.freeze_ns));
    out.started_at = time_of(p.started_at_ms);
    out.finished_at = time_of(p.finished_at_ms);
    return out;
}

struct Jobs;
struct Remotes; // of hotbackup_remote.hpp

} // namespace detail
/// @endcond

/// One backup, restore or verification. Destroying the handle of a backup lets it go on, as its
/// coordinator owns it; destroying the last handle of a running restore or verification cancels it
/// and waits for its end, except from a hook of it. It stays good after its coordinator is closed.
class Job {
public:
    /// Takes over the handle.
    Job(Job &&other) noexcept
        : handle_(std::exchange(other.handle_, nullptr)), owned_(other.owned_) {}
    /// Lets go of the job that was held before, as destroying it does.
    Job &operator=(Job &&other) noexcept {
        Job taken(std::move(other));
        std::swap(handle_, taken.handle_);
        std::swap(owned_, taken.owned_);
        return *this;
    }
    Job(const Job &) = delete;
    Job &operator=(const Job &) = delete;
    ~Job() {
        if (owned_) backup_free(handle_);
    }

    /// Its UUID.
    std::string id() const { return backup_id(handle()); }

    /// Where the result is, absolute: the snapshot that is made (there once the job has completed),
    /// the target of a restore, the snapshot verified.
    std::filesystem::path location() const { return backup_location(handle()); }

    /// Waits for the end. Throws why the job failed, each time: what a hook threw, or else Error. The
    /// exception is the same object for every caller, and lives as long as any of them, the job's
    /// handles and its coordinator keep it. In a hook of the same job it throws Code::Conflict.
    void wait() const { detail::call(backup_wait, handle(), std::int64_t{-1}); }

    /// Waits for so long at most, rounded up to milliseconds; nothing or less is a look. false: the job
    /// still runs. true: it has completed. Throws as wait() does.
    template <class Rep, class Period>
    [[nodiscard]] bool wait_for(const std::chrono::duration<Rep, Period> &timeout) const {
        backup_error *error = nullptr;
        const std::int64_t ms = std::max<std::int64_t>(detail::milliseconds_of(timeout), 0);
        const backup_code code = backup_wait(handle(), ms, &error);
        if (code == BACKUP_TIMEOUT) return false;
        detail::check(code, detail::OwnedError(error));
        return true;
    }

    /// Why the job failed or was cancelled, as the library tells it and without throwing: where a
    /// hook threw, it has Code::HookFailed and the exception is its cause(). None: the job still runs,
    /// or has completed.
    std::optional<Error> error() const {
        const State state = status().state;
        if (state != State::Failed && state != State::Cancelled) return std::nullopt;
        backup_error *error = nullptr;
        const backup_code code = backup_wait(handle(), -1, &error);
        const detail::OwnedError owned(error);
        return detail::error_of(code, error);
    }

    /// Where it stands now, without waiting.
    Progress status() const {
        backup_progress progress{};
        detail::call(backup_status, handle(), &progress, sizeof progress);
        return detail::progress_of(progress);
    }

    /// Whether this thread is in a hook of the job, where waiting for it is Code::Conflict, and where
    /// closing its coordinator and destroying its last handle do not wait. With Coordinator::run() that is
    /// so until run() returns.
    bool in_hook() const { return backup_in_hook(handle()) != 0; }

    /// What is wrong, though it does not fail the job: Code::Corrupt is a file that was to be shared with the
    /// previous snapshot and whose stored bytes are bad, and names all snapshots that hold it. There may be
    /// more while the job runs; those of an ended job stay.
    std::vector<Error> warnings() const {
        std::vector<Error> found;
        for (;;) {
            backup_error *warning = nullptr, *error = nullptr;
            const backup_code code = backup_warning(handle(), found.size(), &warning, &error);
            const detail::OwnedError owned(warning);
            detail::OwnedError why(error);
            if (code == BACKUP_NOT_FOUND) return found;
            detail::check(code, std::move(why));
            found.push_back(detail::error_of(backup_error_code(warning), warning));
        }
    }

    /// Asks the job to end with Code::Cancelled, and returns at once. No effect on a job that has
    /// ended or begun to publish.
    void cancel() const { detail::call(backup_cancel, handle()); }

    /// Changes how fast a running job may copy, in bytes per second; 0: no limit.
    void rate_limit(std::uint64_t bytes_per_second) const {
        detail::call(backup_set_rate_limit, handle(), bytes_per_second);
    }

    /// A descriptor that becomes readable when the job has ended, and stays so. It is the job's own:
    /// poll it, never read or close it; it goes with the last handle. -1: there is none to give.
    int eventfd() const { return backup_eventfd(handle()); }

private:
    friend struct detail::Jobs;

    Job(const backup_job *handle, bool owned) noexcept
        : handle_(const_cast<backup_job *>(handle)), owned_(owned) {}

    const backup_job *handle() const { return detail::given(handle_, "Job"); }

    backup_job *handle_;
    bool owned_;
};

/// @cond
namespace detail {

// Makes Jobs of handles.
struct Jobs {
    static Job borrow(const backup_job *job) noexcept { return Job(job, false); }

    // Calls a function of the C API that gives a job.
    template <class... Parameters, class... Arguments>
    static Job make(backup_code (*function)(Parameters...), Arguments... arguments) {
        backup_job *job = nullptr;
        backup_error *error = nullptr;
        const backup_code code = function(arguments..., &job, &error);
        Job made(job, true); // backup_run gives one that failed, too
        check(code, OwnedError(error));
        return made;
    }
};

} // namespace detail
/// @endcond

// ---- Hooks -------------------------------------------------------------------------------------

/// What the host promises about a file, and so how it is captured.
enum class FileClass : std::int32_t {
    Immutable = BACKUP_FILE_IMMUTABLE,    ///< Never changes once complete, may be deleted (an SST).
    AppendOnly = BACKUP_FILE_APPEND_ONLY, ///< Only grows, may be deleted (a log that is not recycled).
    Pinned = BACKUP_FILE_PINNED,          ///< What a read transaction sees stays until release (LMDB).
    Mutable = BACKUP_FILE_MUTABLE,        ///< May change at any time. What no rule matches.
    Excluded = BACKUP_FILE_EXCLUDED,      ///< Not data (a lock file).
    /// A flag, as in `FileClass::Immutable | FileClass::UnfinishedOk`: one that is still being built is
    /// left out and counted instead of failing the backup (LevelDB, RocksDB, Pebble).
    UnfinishedOk = BACKUP_FILE_UNFINISHED_OK,
};

/// A class with a flag.
constexpr FileClass operator|(FileClass a, FileClass b) noexcept {
    return static_cast<FileClass>(static_cast<std::int32_t>(a) | static_cast<std::int32_t>(b));
}

/// What a hook is given for the time of its call: on its own thread alone.
class Hook {
public:
    /// All of a file, for add_file().
    static constexpr std::uint64_t whole = UINT64_MAX;

    /// Not for hosts.
    explicit Hook(backup_hook *hook) noexcept
        : hook_(hook), job_(detail::Jobs::borrow(backup_hook_job(hook))) {}
    Hook(const Hook &) = delete;
    Hook &operator=(const Hook &) = delete;
    ~Hook() = default;

    /// Names a live file, from a checkpoint or freeze hook: then exactly the named files are captured,
    /// and one that is missing fails the job. The path is relative to the data directory, or starts
    /// with the prefix of a source. length: only so many bytes from its start.
    void add_file(const std::filesystem::path &path, FileClass file_class,
                  std::uint64_t length = whole) {
        detail::call(backup_hook_add_file, hook_, detail::text(path),
                     static_cast<std::int32_t>(file_class), length);
    }

    /// Gives a file that only the snapshot has, from a checkpoint or freeze hook. The bytes are copied.
    void add_bytes(const std::filesystem::path &path, std::string_view bytes) {
        detail::call(backup_hook_add_bytes, hook_, detail::text(path), bytes.data(), bytes.size());
    }

    /// Sets the metadata of this backup only, in place of that of the options: copied, at most 1 MiB.
    /// Code::Conflict in validate, and in restores and verifications.
    void set_metadata(std::string_view metadata) {
        detail::call(backup_hook_set_metadata, hook_, metadata.data(), metadata.size());
    }

    /// Gives this backup's snapshot a tag beside those of the options (Options::tag()), when set_metadata() may
    /// be called.
    void add_tag(const std::string &tag) {
        detail::call(backup_hook_add_tag, hook_, detail::text(tag));
    }

    /// The job that called this hook, valid until the hook returns. It cannot be waited for here.
    const Job &job() const noexcept { return job_; }

private:
    backup_hook *hook_;
    Job job_;
};

/// @cond
namespace detail {

// Whether a hook can be called with these and perhaps the Hook.
template <class Function, class... Arguments>
constexpr bool fits = std::is_invocable_v<Function &, Arguments..., Hook &>
                      || std::is_invocable_v<Function &, Arguments...>;

template <class Function, class... Arguments>
decltype(auto) with_hook(void *function, Hook &hook, const Arguments &...arguments) {
    auto &called = *static_cast<Function *>(function);
    if constexpr (std::is_invocable_v<Function &, const Arguments &..., Hook &>)
        return std::invoke(called, arguments..., hook);
    else
        return std::invoke(called, arguments...);
}

// What a hook that fits returns.
template <class Function, class... Arguments>
using Returned = decltype(with_hook<Function>(nullptr, std::declval<Hook &>(),
                                              std::declval<const Arguments &>()...));

// A std::packaged_task, which keeps what its function throws or returns for its future.
template <class Function, class = void>
struct IsTask : std::false_type {};
template <class Function>
struct IsTask<Function, std::void_t<decltype(std::declval<Function &>().get_future())>>
    : std::true_type {};

// Something that can be empty and says so, such as a std::function. (That a lambda converts to a
// pointer and that to a bool is not meant.)
template <class Function, class = void>
struct SaysWhetherEmpty
    : std::bool_constant<std::is_pointer_v<Function> || std::is_member_pointer_v<Function>> {};
template <class Function>
struct SaysWhetherEmpty<Function,
                        std::void_t<decltype(std::declval<const Function &>().operator bool())>>
    : std::true_type {};

// The hook, stored. An empty one would do nothing where the host meant something.
template <class Function>
std::decay_t<Function> taken(const char *name, Function &&hook) {
    using Stored = std::decay_t<Function>;
    static_assert(!IsTask<Stored>::value,
                  "a packaged_task keeps its exceptions for its future: give the function itself");
    Stored stored(std::forward<Function>(hook));
    if constexpr (SaysWhetherEmpty<Stored>::value)
        if (!static_cast<bool>(std::as_const(stored)))
            throw Error(Code::InvalidArgument,
                        std::string("the ") + name + " hook is empty; nullptr means none");
    return stored;
}

template <class Owned>
void destroy(void *owned) noexcept {
    delete static_cast<Owned *>(owned);
}

// Gives the exception that is being handled to the library, whose errors give it back (error_of).
inline void carry(backup_hook *hook, const char *message) noexcept {
    auto *cause = new (std::nothrow) std::exception_ptr(std::current_exception());
    backup_hook_set_error(hook, message, cause, destroy<std::exception_ptr>);
}

// Runs a hook's body where nothing may be thrown. Non-zero: it failed.
template <class Body>
std::int32_t guarded(backup_hook *hook, const Body &body) noexcept {
    try {
        Hook view(hook);
        return body(view);
    } catch (const std::exception &thrown) {
        carry(hook, thrown.what());
    } catch (...) {
        carry(hook, "it threw something that is no std::exception");
    }
    return 1;
}

// What C calls for a hook of each shape; user_data is the host's Function.
template <class Function>
struct Act {
    static_assert(fits<Function>, "this hook is called with a hotbackup::Hook & or with nothing");

    static std::int32_t call(void *function, backup_hook *hook) noexcept {
        return guarded(hook, [&](Hook &view) {
            // Nobody would look at an error code, or run what a future or a coroutine puts off.
            static_assert(std::is_void_v<Returned<Function>>,
                          "this hook returns nothing, and fails by throwing: "
                          "see to what yours returns in a lambda");
            with_hook<Function>(function, view);
            return 0;
        });
    }
};

template <class Function>
struct Validate {
    static_assert(fits<Function, const std::filesystem::path &>,
                  "validate is called with a const std::filesystem::path & and perhaps a Hook &");

    static std::int32_t call(void *function, const char *staging, backup_hook *hook) noexcept {
        return guarded(hook, [&](Hook &view) {
            using Result = Returned<Function, std::filesystem::path>;
            if constexpr (std::is_void_v<Result>) {
                with_hook<Function>(function, view, std::filesystem::path(staging));
            } else {
                // An int could mean either thing: C hooks return 0 for good.
                static_assert(std::is_same_v<std::decay_t<Result>, bool>,
                              "validate returns a bool, false to refuse, or nothing");
                if (!with_hook<Function>(function, view, std::filesystem::path(staging))) {
                    backup_hook_set_error(hook, "it returned false", nullptr, nullptr);
                    return 1;
                }
            }
            return 0;
        });
    }
};

template <class Function>
struct Watch {
    static_assert(fits<Function, const Progress &>,
                  "progress is called with a const hotbackup::Progress & and perhaps a Hook &");

    static std::int32_t call(void *function, const backup_progress *progress,
                             backup_hook *hook) noexcept {
        return guarded(hook, [&](Hook &view) {
            using Result = Returned<Function, Progress>;
            if constexpr (std::is_void_v<Result>) {
                with_hook<Function>(function, view, progress_of(*progress));
                return 0;
            } else {
                // An int could mean either thing: C hooks return 0 to go on.
                static_assert(std::is_same_v<std::decay_t<Result>, bool>,
                              "progress returns a bool, true to go on, or nothing");
                return with_hook<Function>(function, view, progress_of(*progress)) ? 0 : 1;
            }
        });
    }
};

template <class Freeze, class Thaw>
struct FreezeThaw {
    Freeze freeze;
    Thaw thaw;

    static std::int32_t call_freeze(void *pair, backup_hook *hook) noexcept {
        return Act<Freeze>::call(&static_cast<FreezeThaw *>(pair)->freeze, hook);
    }
    static std::int32_t call_thaw(void *pair, backup_hook *hook) noexcept {
        return Act<Thaw>::call(&static_cast<FreezeThaw *>(pair)->thaw, hook);
    }
};

} // namespace detail
/// @endcond

// ---- Options -----------------------------------------------------------------------------------

/// How much is read back before a copy counts as good.
enum class VerifyLevel : std::int32_t {
    None = BACKUP_VERIFY_NONE,         ///< Nothing; names, sizes and times are compared all the same.
    Size = BACKUP_VERIFY_SIZE,         ///< A verification compares names and sizes.
    Checksum = BACKUP_VERIFY_CHECKSUM, ///< Every byte, from the cache or the disk. The default.
    Media = BACKUP_VERIFY_MEDIA,       ///< Every byte, evicted from the cache first.
};

/// What happens when a source holds a symbolic link.
enum class Symlinks : std::int32_t {
    Fail = BACKUP_SYMLINKS_FAIL,         ///< It fails the backup and is named. The default.
    Preserve = BACKUP_SYMLINKS_PRESERVE, ///< The link itself is kept.
};

/// Whether a backup shares files with the snapshot before it.
enum class Share : std::int32_t {
    /// It takes each file anew.
    Never = BACKUP_SHARE_NEVER,
    /// It shares what has not changed, by clones where the root's file system makes them, else by hard links;
    /// but not by links where there is a validate hook, since an engine that writes to what it opens would
    /// write to older snapshots. The default.
    Safely = BACKUP_SHARE_SAFELY,
    /// By links beneath a validate hook too: the host vouches that it writes to nothing it looks at.
    Always = BACKUP_SHARE_ALWAYS,
};

/// How much one scrub reads: it ends with the file that it has begun when one of these is spent.
struct ScrubBudget {
    std::uint64_t bytes = 0;              ///< 0: no limit.
    std::chrono::milliseconds time{0};    ///< 0: no limit.
};
struct Preview;

/// What a host chooses for a coordinator, a restore or a verification. Those take a copy, so options
/// may be changed, used for several, or destroyed at any time; a hook is shared by all that took it,
/// and destroyed, on any thread, with the last of them and of the options. They can be moved, not
/// copied. Each setter returns the options, or throws Error and changes nothing if its value is wrong.
///
/// A hook is anything that can be called, with or without the Hook &, and need not be copyable;
/// nullptr removes the one that was there. An empty std::function or a null pointer would do nothing where
/// the host meant something: that is Code::InvalidArgument. A hook fails by throwing, and has then undone
/// its own work. It has done its work when it returns: one that returns an error code, a future or a
/// coroutine, which nobody would look at or run, does not compile. (What a std::function drops, or a
/// thread that a hook leaves behind still does, cannot be seen here.)
/// Hooks run one at a time for each job, on a thread of the job's or, with Coordinator::run(), on the
/// caller's, in this order: checkpoint, freeze, thaw, release, validate, with progress in between.
/// The first failure is the job's, a cancel being one; a failing thaw or release fails a job that had
/// not failed. A hook must not end its thread. On that of a job all signals are blocked, and a process that
/// a hook starts there inherits that.
/// Restores and verifications use validate and progress alone. From a hook anything may be called, but
/// waiting for its own job is Code::Conflict, and closing and destroying do not wait there.
class Options {
public:
    /// All defaults. Throws Code::Internal after a defect of the library.
    Options() : handle_(backup_options_new()) {
        if (!handle_) throw Error(Code::Internal, "the options could not be made");
    }

    /// Where snapshots live: made when missing, on any file system. By default .lifecycle/backup in
    /// the data directory.
    Options &root(const std::filesystem::path &directory) & {
        return set(backup_options_set_root, detail::text(directory));
    }

    /// Takes over a root that belongs to another data directory, which is Code::Conflict otherwise (one
    /// that was moved, copied or made anew is another), begins a new one where one was before and is
    /// missing, which is Code::NotFound otherwise (its disk is not mounted), and takes a further source that
    /// is another than the one that its prefix had, or is empty now.
    Options &adopt_root(bool adopt = true) & {
        return set(backup_options_set_adopt_root, adopt ? 1 : 0);
    }

    /// Captures a further directory (a WAL directory) below this prefix in the snapshot. May be called
    /// several times.
    Options &source(const std::filesystem::path &directory, const std::filesystem::path &prefix) & {
        return set(backup_options_add_source, detail::text(directory), detail::text(prefix));
    }

    /// The engine's layout: rules for its files, and a check of what was staged. "generic", the
    /// default, has none. Code::Unsupported: this library was built without it.
    Options &layout(const std::string &name) & {
        return set(backup_options_set_layout, detail::text(name));
    }

    /// Gives a class to the files that a glob matches: one without a slash matches the last component
    /// at any depth, one with a slash the whole path in the snapshot. The first rule that matches wins,
    /// and these come before the layout's.
    Options &rule(const std::string &glob, FileClass file_class) & {
        return set(backup_options_add_rule, detail::text(glob),
                   static_cast<std::int32_t>(file_class));
    }

    /// The number of I/O threads of a job; 0, the default: two.
    Options &threads(std::uint32_t count) & { return set(backup_options_set_threads, count); }

    /// How fast a job may copy and read back, in bytes per second; 0, the default: no limit.
    Options &rate_limit(std::uint64_t bytes_per_second) & {
        return set(backup_options_set_rate_limit, bytes_per_second);
    }

    /// How long a small synced write of the host's may take beside a backup, a checkpoint or a restore, whose
    /// rate then follows such writes of the library's own; see backup_options_set_latency_target. Rounded up to
    /// milliseconds. 0, the default: whatever it takes.
    template <class Rep, class Period>
    Options &latency_target(const std::chrono::duration<Rep, Period> &target) & {
        const std::int64_t ms = detail::milliseconds_of(target);
        if (ms < 0) throw Error(Code::InvalidArgument, "the latency target must not be negative");
        return set(backup_options_set_latency_target,
                   static_cast<std::uint32_t>(std::min<std::int64_t>(ms, UINT32_MAX)));
    }

    /// How much is read back before a copy counts as good.
    Options &verify_level(VerifyLevel level) & {
        return set(backup_options_set_verify_level, static_cast<std::int32_t>(level));
    }

    /// What happens when a source holds a symbolic link.
    Options &symlinks(Symlinks symlinks) & {
        return set(backup_options_set_symlinks, static_cast<std::int32_t>(symlinks));
    }

    /// The longest time between freeze returning and thaw being called; then the host is thawed and
    /// the job fails with Code::FreezeTimeout. Rounded up to milliseconds. 0: none. The default is 30 s.
    template <class Rep, class Period>
    Options &freeze_timeout(const std::chrono::duration<Rep, Period> &timeout) & {
        const std::int64_t ms = detail::milliseconds_of(timeout);
        if (ms < 0) throw Error(Code::InvalidArgument, "the freeze timeout must not be negative");
        return set(backup_options_set_freeze_timeout, static_cast<std::uint64_t>(ms));
    }

    /// How many bytes must stay free on each file system concerned, else Code::NoSpace. By default 0.
    Options &min_free(std::uint64_t bytes) & { return set(backup_options_set_min_free, bytes); }

    /// The host's own metadata, copied and kept in each snapshot: any bytes, at most 1 MiB. Empty: none.
    Options &metadata(std::string_view bytes) & {
        return set(backup_options_set_metadata, bytes.data(), bytes.size());
    }

    /// Gives each snapshot a tag, by which a retention policy may keep it: UTF-8 of 1 to 255 bytes, without
    /// commas and control characters; at most 64 of them. Hook::add_tag() is for that of one backup.
    Options &tag(const std::string &name) & { return set(backup_options_add_tag, detail::text(name)); }

    /// Whether a restore keeps what it replaces, for restore_undo(). The default is true.
    Options &keep_undo(bool keep) & { return set(backup_options_set_keep_undo, keep ? 1 : 0); }

    /// Whether a backup shares with the snapshot before it (what latest() gives) the immutable files that have
    /// not changed since. They are neither pinned nor read, so a backup costs what has changed. A snapshot is
    /// complete all the same, deleting one harms no other, and what is restored shares with none.
    Options &share(Share share) & { return set(backup_options_set_share, static_cast<std::int32_t>(share)); }

    /// How long ago a shared file may have been read back from the disk. Each backup reads what was not for
    /// longer, the oldest first, before its checkpoint hook: at most 64 MiB or a 32nd of what can be shared,
    /// whichever is more. A file that is bad is copied anew, and Job::warnings() names it. Rounded up to
    /// seconds. 0: some in each backup; std::chrono::seconds::max(): none. The default is a day.
    template <class Rep, class Period>
    Options &reread_after(const std::chrono::duration<Rep, Period> &age) & {
        return set(backup_options_set_reread_after, detail::seconds_of(age));
    }

    /// Whether a restore keeps files of its target that are what the snapshot has, by their checksums, so
    /// that one over nearly the same costs reading; see backup_options_set_keep_matching. The default is
    /// false.
    Options &keep_matching(bool keep = true) & { return set(backup_options_set_keep_matching, keep ? 1 : 0); }

    /// Whether backups and restores may share blocks with what they copy, where the file system can (a
    /// reflink, as on xfs and btrfs). The default is true.
    Options &clone(bool allowed) & { return set(backup_options_set_clone, allowed ? 1 : 0); }

    /// The host vouches that its process holds no fcntl locks on the files concerned, so that jobs may
    /// run where that is Code::Unsupported otherwise (some containers).
    Options &no_posix_locks(bool none_held = true) & {
        return set(backup_options_set_no_posix_locks, none_held ? 1 : 0);
    }

    /// `void (Hook &)`: flush to a consistent state. Called once, first.
    template <class Function>
    Options &checkpoint(Function &&hook) & {
        return set_hook<detail::Act>("checkpoint", backup_options_set_checkpoint_hook,
                                     std::forward<Function>(hook));
    }

    /// `void (Hook &)`, twice: stop and resume writes. Thaw is called exactly once for each freeze that
    /// returned, on the same thread and on every path, and no other hook in between. nullptr twice
    /// removes them.
    template <class Freeze, class Thaw>
    Options &freeze(Freeze &&freeze, Thaw &&thaw) & {
        using Stored = detail::FreezeThaw<std::decay_t<Freeze>, std::decay_t<Thaw>>;
        constexpr bool none = std::is_null_pointer_v<std::decay_t<Freeze>>;
        static_assert(none == std::is_null_pointer_v<std::decay_t<Thaw>>,
                      "freeze and thaw come both or not at all");
        const auto setter = backup_options_set_freeze_hook;
        backup_options *options = handle();
        if constexpr (none) {
            detail::call(setter, options, nullptr, nullptr, nullptr, nullptr);
        } else {
            detail::call(setter, options, Stored::call_freeze, Stored::call_thaw,
                         new Stored{detail::taken("freeze", std::forward<Freeze>(freeze)),
                                    detail::taken("thaw", std::forward<Thaw>(thaw))},
                         detail::destroy<Stored>);
        }
        return *this;
    }

    /// `void (Hook &)`: unpin what freeze or checkpoint pinned. Called exactly once after the last read
    /// of the source, on every path, once checkpoint returned or there is none.
    template <class Function>
    Options &release(Function &&hook) & {
        return set_hook<detail::Act>("release", backup_options_set_release_hook,
                                     std::forward<Function>(hook));
    }

    /// `bool (const std::filesystem::path &staging, Hook &)`: look at a staged snapshot or restore,
    /// without changing it, before it is published. false fails the job with Code::HookFailed; one that
    /// returns nothing throws to do so.
    template <class Function>
    Options &validate(Function &&hook) & {
        return set_hook<detail::Validate>("validate", backup_options_set_validate_hook,
                                          std::forward<Function>(hook));
    }

    /// `bool (const Progress &, Hook &)`: watch and steer. false cancels the job; one that returns
    /// nothing only watches. Called at each change of phase and about every 100 ms.
    template <class Function>
    Options &progress(Function &&hook) & {
        return set_hook<detail::Watch>("progress", backup_options_set_progress_hook,
                                       std::forward<Function>(hook));
    }

    /// @cond
    // The same on a temporary, so that `auto options = Options().threads(4);` moves it out.
    using Path = std::filesystem::path;
    Options root(const Path &p) && { return std::move(root(p)); }
    Options adopt_root(bool adopt = true) && { return std::move(adopt_root(adopt)); }
    Options source(const Path &p, const Path &prefix) && { return std::move(source(p, prefix)); }
    Options layout(const std::string &name) && { return std::move(layout(name)); }
    Options rule(const std::string &g, FileClass c) && { return std::move(rule(g, c)); }
    Options threads(std::uint32_t count) && { return std::move(threads(count)); }
    Options rate_limit(std::uint64_t n) && { return std::move(rate_limit(n)); }
    template <class D> Options latency_target(const D &t) && { return std::move(latency_target(t)); }
    Options verify_level(VerifyLevel level) && { return std::move(verify_level(level)); }
    Options symlinks(Symlinks s) && { return std::move(symlinks(s)); }
    template <class D> Options freeze_timeout(const D &t) && { return std::move(freeze_timeout(t)); }
    Options min_free(std::uint64_t bytes) && { return std::move(min_free(bytes)); }
    Options metadata(std::string_view bytes) && { return std::move(metadata(bytes)); }
    Options tag(const std::string &name) && { return std::move(tag(name)); }
    Options keep_undo(bool keep) && { return std::move(keep_undo(keep)); }
    Options share(Share s) && { return std::move(share(s)); }
    template <class D> Options reread_after(const D &age) && { return std::move(reread_after(age)); }
    Options keep_matching(bool keep = true) && { return std::move(keep_matching(keep)); }
    Options clone(bool allowed) && { return std::move(clone(allowed)); }
    Options no_posix_locks(bool none = true) && { return std::move(no_posix_locks(none)); }
    template <class F> Options checkpoint(F &&f) && { return std::move(checkpoint(std::forward<F>(f))); }
    template <class F, class T> Options freeze(F &&f, T &&t) && {
        return std::move(freeze(std::forward<F>(f), std::forward<T>(t)));
    }
    template <class F> Options release(F &&f) && { return std::move(release(std::forward<F>(f))); }
    template <class F> Options validate(F &&f) && { return std::move(validate(std::forward<F>(f))); }
    template <class F> Options progress(F &&f) && { return std::move(progress(std::forward<F>(f))); }
    /// @endcond

private:
    friend class Coordinator;
    friend struct detail::Remotes;
    friend Job restore(const Path &snapshot, const Path &target, const Options &options);
    friend Job verify(const Path &snapshot, const Options &options);
    friend Job scrub(const Path &root, const ScrubBudget &budget, const Options &options);
    friend Preview preview(const Path &data_dir, const Options &options);

    struct Free {
        void operator()(backup_options *options) const noexcept { backup_options_free(options); }
    };

    backup_options *handle() const { return detail::given(handle_.get(), "Options"); }

    template <class Setter, class... Arguments>
    Options &set(Setter setter, Arguments... arguments) {
        detail::call(setter, handle(), arguments...);
        return *this;
    }

    // The library destroys the hook also when the setter fails.
    template <template <class> class Caller, class Setter, class Function>
    Options &set_hook(const char *name, Setter setter, Function &&hook) {
        using Stored = std::decay_t<Function>;
        backup_options *options = handle();
        if constexpr (std::is_null_pointer_v<Stored>)
            detail::call(setter, options, nullptr, nullptr, nullptr);
        else
            detail::call(setter, options, Caller<Stored>::call,
                         new Stored(detail::taken(name, std::forward<Function>(hook))),
                         detail::destroy<Stored>);
        return *this;
    }

    std::unique_ptr<backup_options, Free> handle_;
};

// ---- Checkpoints -------------------------------------------------------------------------------

/// How a checkpoint is made: flags, to be or-ed.
enum class CheckpointFlags : std::int32_t {
    None = 0, ///< It stays until remove_checkpoint().
    /// It is removed when its coordinator is closed or, after a crash, by recover().
    UntilClose = BACKUP_CHECKPOINT_UNTIL_CLOSE,
    /// The host vouches that nothing ever truncates, rewrites in place or touches an immutable file that
    /// has several names, not even when it is deleted: so any layout will do, and whatever is immutable is
    /// linked. Where it is not so, the checkpoint changes with the live database.
    LinksAreSafe = BACKUP_CHECKPOINT_LINKS_ARE_SAFE,
};

/// Both flags.
constexpr CheckpointFlags operator|(CheckpointFlags a, CheckpointFlags b) noexcept {
    return static_cast<CheckpointFlags>(static_cast<std::int32_t>(a) | static_cast<std::int32_t>(b));
}

/// Removes a checkpoint, by the location of its job. The live database keeps its files. Code::NotFound:
/// it is not there; Code::InvalidArgument: no checkpoint is made at such a place, or what is there is
/// none; Code::Conflict: somebody holds a lock (flock) on its directory.
inline void remove_checkpoint(const std::filesystem::path &location) {
    detail::call(backup_checkpoint_remove, detail::text(location));
}

// ---- Coordinators ------------------------------------------------------------------------------

/// The backups of one data directory; its host opens it once, and keeps it while the database is open.
class Coordinator {
public:
    /// Opens the coordinator of a directory that is there. Code::NotFound, Code::InvalidArgument: it is
    /// not there, is none, or the options do not fit; Code::RestoreUnfinished: call recover() first;
    /// Code::Conflict: a restore is at work there.
    explicit Coordinator(const std::filesystem::path &data_dir, const Options &options = {}) {
        detail::call(backup_coordinator_open, detail::text(data_dir), options.handle(), &handle_);
    }

    /// Takes over the handle.
    Coordinator(Coordinator &&other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
    /// Closes the one that was held before.
    Coordinator &operator=(Coordinator &&other) noexcept {
        Coordinator taken(std::move(other));
        std::swap(handle_, taken.handle_);
        return *this;
    }
    Coordinator(const Coordinator &) = delete;
    Coordinator &operator=(const Coordinator &) = delete;
    /// As close().
    ~Coordinator() { close(); }

    /// Cancels the backup or checkpoint that runs, waits for its end, and removes the checkpoints that were
    /// to go with it; from a hook of what runs it does not wait.
    /// Hooks may use the coordinator until this returns, other threads must not. Once is enough.
    void close() noexcept {
        backup_coordinator_close(handle_);
        handle_ = nullptr;
    }

    /// The backup root, absolute.
    std::filesystem::path root() const { return backup_coordinator_root(handle()); }

    /// Starts a backup and returns at once; its hooks run on a thread of the library's. Code::Conflict:
    /// a backup runs already, the root belongs to another data directory, or another has taken the data
    /// directory's place; Code::NotFound: a root that was used before is not there; Code::Io,
    /// Code::NoSpace: the root cannot be written. All else comes out of Job::wait(). Not on a temporary, whose end would
    /// cancel it at once.
    Job start() & { return detail::Jobs::make(backup_start, handle()); }
    /// @cond
    Job start() && = delete;
    /// @endcond

    /// Makes a backup with its hooks on this thread and returns the completed job. Throws as start()
    /// and Job::wait() do; find() then gives the job.
    Job run() { return detail::Jobs::make(backup_run, handle()); }

    /// Starts a checkpoint and returns at once: a directory in `.lifecycle/checkpoints` of the data
    /// directory (Job::location()) whose immutable files are links to the live ones. Hooks and errors are
    /// those of start(), but for the errors of the root; Code::Unsupported: the layout is not rocksdb,
    /// leveldb or pebble, and the host does not vouch for its links; out of Job::wait(): links are refused,
    /// or a further source lies on another file system.
    Job start_checkpoint(CheckpointFlags flags = CheckpointFlags::None) & {
        return detail::Jobs::make(backup_checkpoint_start, handle(), static_cast<std::int32_t>(flags));
    }
    /// @cond
    Job start_checkpoint(CheckpointFlags flags = CheckpointFlags::None) && = delete;
    /// @endcond

    /// Makes a checkpoint with its hooks on this thread and returns the completed job, as run() does.
    Job run_checkpoint(CheckpointFlags flags = CheckpointFlags::None) {
        return detail::Jobs::make(backup_checkpoint_run, handle(), static_cast<std::int32_t>(flags));
    }

    /// A backup or checkpoint of this coordinator by its id; without one the running, else the newest. The last 32
    /// that have ended are known, others are Code::NotFound.
    Job find(const std::string &id = {}) const {
        return detail::Jobs::make(backup_find, handle(), id.empty() ? nullptr : detail::text(id));
    }

private:
    backup_coordinator *handle() const { return detail::given(handle_, "Coordinator"); }

    backup_coordinator *handle_ = nullptr;
};

// ---- Restores and verifications ----------------------------------------------------------------

/// What recover() found.
enum class Recovered : std::int32_t {
    Nothing = BACKUP_RECOVERED_NOTHING, ///< No restore was interrupted here.
    Old = BACKUP_RECOVERED_OLD,         ///< One was, and all of what was there before is back.
    New = BACKUP_RECOVERED_NEW,         ///< One was, and all of what it restored is in place.
};

/// Starts a restore of a snapshot to target, where no database is open, and returns at once. A target
/// that does not exist appears by one rename; an existing one is replaced under a journal and kept
/// aside for restore_undo(). If the job fails, the target is as it was. Of the options it uses threads,
/// rate limit, verify level, layout, min free, keep undo, keep matching, clone, and the validate and
/// progress hooks, which run on a thread of the library's. What the disk says comes out of Job::wait().
[[nodiscard]] inline Job restore(const std::filesystem::path &snapshot,
                                 const std::filesystem::path &target, const Options &options = {}) {
    return detail::Jobs::make(backup_restore_start, detail::text(snapshot), detail::text(target),
                              options.handle());
}

/// Starts a verification of a snapshot and returns at once; the job completes if the snapshot is what
/// its manifest says. Options as for restore().
[[nodiscard]] inline Job verify(const std::filesystem::path &snapshot, const Options &options = {}) {
    return detail::Jobs::make(backup_verify_start, detail::text(snapshot), options.handle());
}

/// Starts a scrub of a backup root and returns at once: it reads back stored files from the disk, each once however
/// many snapshots share it, those first that were bad or were not read for the longest time, and writes down what it
/// found (Snapshot::verified_at(), Snapshot::is_damaged()). Each file that is bad is one of Job::warnings(), with all
/// snapshots in which it is bad and the newest that has it good; then the job fails with Code::Corrupt. Of the options
/// it uses rate limit, verify level and the progress hook. Code::Conflict: another scrub is at work there.
[[nodiscard]] inline Job scrub(const std::filesystem::path &root, const ScrubBudget &budget = {},
                               const Options &options = {}) {
    if (budget.time.count() < 0) throw Error(Code::InvalidArgument, "the time of a scrub must not be negative");
    return detail::Jobs::make(backup_scrub_start, detail::text(root), budget.bytes,
                              static_cast<std::uint64_t>(budget.time.count()), options.handle());
}

/// Ends a restore that a crash interrupted, with all of the old or all of the new in place. Call it
/// before the database is opened; it may be called always. Code::Conflict: a coordinator or a restore is
/// at work there.
inline Recovered recover(const std::filesystem::path &target) {
    std::int32_t outcome = 0;
    detail::call(backup_recover, detail::text(target), &outcome);
    return static_cast<Recovered>(outcome);
}

/// Puts back what the last restore replaced. Code::NotFound: there is nothing to put back;
/// Code::Conflict: a coordinator or a restore is at work there.
inline void restore_undo(const std::filesystem::path &target) {
    detail::call(backup_restore_undo, detail::text(target));
}

// ---- Snapshots on disk -------------------------------------------------------------------------

/// What an entry of a snapshot is.
enum class EntryKind : std::int32_t {
    File = BACKUP_ENTRY_FILE,           ///< A regular file.
    Directory = BACKUP_ENTRY_DIRECTORY, ///< A directory.
    Link = BACKUP_ENTRY_LINK,           ///< A symbolic link.
    Other = BACKUP_ENTRY_OTHER,         ///< A FIFO, a socket or a device, which no snapshot has.
};

/// What a snapshot keeps of an entry beside its bytes.
struct EntryAttributes {
    std::uint32_t mode = 0;     ///< Permission bits.
    std::uint32_t uid = 0;      ///< Its owner.
    std::uint32_t gid = 0;      ///< Its group.
    std::int64_t mtime_s = 0;   ///< When it was last modified, in whole seconds since 1970,
    std::uint32_t mtime_ns = 0; ///< and the nanoseconds after them.
};

/// One name in a snapshot.
struct Entry {
    std::filesystem::path path;                ///< Relative to the snapshot.
    EntryKind kind{};                          ///< What it is.
    std::uint64_t size = 0;                    ///< A file's size in bytes, else 0.
    std::uint32_t crc32 = 0;                   ///< A file's checksum, CRC-32/ISO-HDLC, else 0.
    std::optional<FileClass> file_class;       ///< As what a file was captured, where that is known.
    std::optional<EntryAttributes> attributes; ///< None where the manifest does not say.
    std::string origin;              ///< Of a shared file the id of the snapshot that first read it, else empty.
    std::optional<Time> verified_at; ///< When a shared file had last been read back, as its backup knew.
    std::filesystem::path target;    ///< What a symbolic link holds, else empty.
};

/// All that a snapshot's manifest lists, read once: directories, then symbolic links, then files, each in
/// the order of their paths. It holds nothing open, and can be moved, not copied.
class Contents {
public:
    /// Those of the snapshot at a location. Codes as of Snapshot::open().
    static Contents open(const std::filesystem::path &location) {
        backup_contents *contents = nullptr;
        detail::call(backup_contents_open, detail::text(location), &contents);
        return Contents(contents);
    }

    /// How many entries there are.
    std::size_t size() const noexcept { return backup_contents_count(handle_.get()); }

    /// One of them, made when it is asked for. Code::InvalidArgument: there are not so many.
    Entry at(std::size_t index) const {
        const backup_contents *contents = detail::given(handle_.get(), "contents");
        if (index >= size()) throw Error(Code::InvalidArgument, "the contents have no such entry");
        Entry entry;
        std::size_t length = 0;
        if (const void *path = backup_contents_path(contents, index, &length))
            entry.path = std::string(static_cast<const char *>(path), length);
        if (const void *target = backup_contents_target(contents, index, &length))
            entry.target = std::string(static_cast<const char *>(target), length);
        entry.kind = static_cast<EntryKind>(backup_contents_kind(contents, index));
        entry.size = backup_contents_size(contents, index);
        entry.crc32 = backup_contents_crc32(contents, index);
        if (const std::int32_t value = backup_contents_class(contents, index))
            entry.file_class = static_cast<FileClass>(value);
        EntryAttributes kept;
        if (backup_contents_attributes(contents, index, &kept.mode, &kept.uid, &kept.gid, &kept.mtime_s,
                                       &kept.mtime_ns) == 1)
            entry.attributes = kept;
        if (const char *origin = backup_contents_origin(contents, index)) entry.origin = origin;
        entry.verified_at = detail::time_of(backup_contents_verified_at_ms(contents, index));
        return entry;
    }

private:
    struct Free {
        void operator()(backup_contents *contents) const noexcept { backup_contents_free(contents); }
    };

    explicit Contents(backup_contents *handle) noexcept : handle_(handle) {}

    std::unique_ptr<backup_contents, Free> handle_;
};

/// What a snapshot says of itself, read once: a value that stays good when the snapshot is deleted.
class Snapshot {
public:
    /// The snapshot at a location. Reads its manifest alone; whether the files are what that says is
    /// for verify(). Code::NotFound: there is none; Code::Corrupt, Code::Unsupported: it is unreadable.
    static Snapshot open(const std::filesystem::path &location) {
        return owned(backup_snapshot_open, detail::text(location));
    }

    /// The manifest's id, which is that of the job that made it, else its name.
    const std::string &id() const noexcept { return id_; }
    /// Its directory, absolute.
    const std::filesystem::path &location() const noexcept { return location_; }
    /// The name of its layout; empty where the manifest names none.
    const std::string &layout() const noexcept { return layout_; }
    /// The host's metadata, any bytes; empty: none.
    const std::string &metadata() const noexcept { return metadata_; }
    /// When its backup began; none where unknown.
    std::optional<Time> started_at() const noexcept { return started_at_; }
    /// When its backup ended; none where unknown.
    std::optional<Time> finished_at() const noexcept { return finished_at_; }
    /// Its tags, for retention policies.
    const std::vector<std::string> &tags() const noexcept { return tags_; }
    /// The longest freeze window of its backup; 0: the host was not frozen, or it is unknown.
    std::chrono::nanoseconds freeze() const noexcept { return freeze_; }
    /// When all of it was last read back and found good, by its backup, a verification or parts of scrubs: the
    /// time of that of its files which was not read for the longest time. None: never, as far as is known.
    std::optional<Time> verified_at() const noexcept { return verified_at_; }
    /// How it was read back then; VerifyLevel::None: never.
    VerifyLevel verified_level() const noexcept { return verified_level_; }
    /// Whether something of it was found bad since it was last found good. It can be read, and some of its files
    /// are lost: verify() and scrub() name them.
    bool is_damaged() const noexcept { return is_damaged_; }
    /// How many files it has.
    std::uint64_t files() const noexcept { return files_; }
    /// The sum of their sizes.
    std::uint64_t bytes() const noexcept { return bytes_; }
    /// How many of its files it shares with an earlier snapshot, by links or clones.
    std::uint64_t files_shared() const noexcept { return files_shared_; }
    /// The sum of the sizes of these: what its backup did not take anew.
    std::uint64_t bytes_shared() const noexcept { return bytes_shared_; }
    /// FIFOs, sockets, devices and the library's own leftovers, which are not data.
    std::uint64_t files_skipped() const noexcept { return files_skipped_; }
    /// Immutable files that were still being built and belong to no consistent point.
    std::uint64_t files_left_out() const noexcept { return files_left_out_; }
    /// Why it is unreadable; none: it is not. Only a list has unreadable ones.
    const std::optional<Error> &error() const noexcept { return error_; }

    /// All that it holds, by its manifest, which is read anew.
    Contents contents() const { return Contents::open(location_); }

private:
    friend Snapshot latest(const std::filesystem::path &root);
    friend std::vector<Snapshot> list(const std::filesystem::path &root);

    explicit Snapshot(const backup_snapshot *s)
        : id_(backup_snapshot_id(s)), location_(backup_snapshot_location(s)),
          layout_(backup_snapshot_layout(s)),
          started_at_(detail::time_of(backup_snapshot_started_at_ms(s))),
          finished_at_(detail::time_of(backup_snapshot_finished_at_ms(s))),
          freeze_(backup_snapshot_freeze_ns(s)),
          verified_at_(detail::time_of(backup_snapshot_verified_at_ms(s))),
          verified_level_(static_cast<VerifyLevel>(backup_snapshot_verified_level(s))),
          is_damaged_(backup_snapshot_is_damaged(s) != 0), files_(backup_snapshot_files(s)), bytes_(backup_snapshot_bytes(s)),
          files_shared_(backup_snapshot_files_shared(s)),
          bytes_shared_(backup_snapshot_bytes_shared(s)),
          files_skipped_(backup_snapshot_files_skipped(s)),
          files_left_out_(backup_snapshot_files_left_out(s)) {
        std::size_t size = 0;
        if (const void *bytes = backup_snapshot_metadata(s, &size))
            metadata_.assign(static_cast<const char *>(bytes), size);
        for (std::size_t i = 0; const char *tag = backup_snapshot_tag(s, i); i++)
            tags_.emplace_back(tag);
        if (const backup_error *error = backup_snapshot_error(s))
            error_ = detail::error_of(backup_error_code(error), error);
    }

    // Calls a function of the C API that gives one to its caller.
    template <class Function>
    static Snapshot owned(Function function, const char *path) {
        backup_snapshot *snapshot = nullptr;
        detail::call(function, path, &snapshot);
        const std::unique_ptr<backup_snapshot, decltype(&backup_snapshot_free)> handle(
            snapshot, backup_snapshot_free);
        return Snapshot(snapshot);
    }

    std::string id_;
    std::filesystem::path location_;
    std::string layout_;
    std::string metadata_;
    std::optional<Time> started_at_;
    std::optional<Time> finished_at_;
    std::vector<std::string> tags_;
    std::chrono::nanoseconds freeze_;
    std::optional<Time> verified_at_;
    VerifyLevel verified_level_;
    bool is_damaged_;
    std::uint64_t files_;
    std::uint64_t bytes_;
    std::uint64_t files_shared_;
    std::uint64_t bytes_shared_;
    std::uint64_t files_skipped_;
    std::uint64_t files_left_out_;
    std::optional<Error> error_;
};

/// The newest completed snapshot of a backup root. Code::NotFound: there is none.
inline Snapshot latest(const std::filesystem::path &root) {
    return Snapshot::owned(backup_latest, detail::text(root));
}

/// All snapshots of a backup root, newest first, unreadable ones too (Snapshot::error()). None where
/// there is no root yet.
inline std::vector<Snapshot> list(const std::filesystem::path &root) {
    backup_list *list = nullptr;
    detail::call(backup_list_open, detail::text(root), &list);
    const std::unique_ptr<backup_list, decltype(&backup_list_free)> handle(list, backup_list_free);
    std::vector<Snapshot> snapshots;
    snapshots.reserve(backup_list_count(list));
    for (std::size_t i = 0; i < backup_list_count(list); i++)
        snapshots.push_back(Snapshot(backup_list_get(list, i)));
    return snapshots;
}

/// Deletes one snapshot, by its id or its name. Code::NotFound: there is none; Code::Conflict: the root
/// or the snapshot is in use.
inline void remove(const std::filesystem::path &root, const std::string &id_or_name) {
    detail::call(backup_delete, detail::text(root), detail::text(id_or_name));
}

/// Deletes all but the newest so many snapshots, except those in use and unreadable ones, which neither
/// count nor go (one in which something was found bad does not count), and returns how many went. Code::InvalidArgument: none to keep; Code::Conflict: the
/// root is in use.
inline std::uint32_t prune(const std::filesystem::path &root, std::uint32_t keep_newest) {
    std::uint32_t deleted = 0;
    detail::call(backup_prune, detail::text(root), keep_newest, &deleted);
    return deleted;
}

// ---- Retention ---------------------------------------------------------------------------------

/// Which snapshots of a root are kept: those that any of its rules keeps, and always the newest good one.
/// A value. Which of two is the newer is told by their names, never by a clock; their times, in UTC, say
/// of which day each is.
///
///     const auto gone = hotbackup::prune_by(root, hotbackup::Retention().keep_newest(3).keep_daily(14));
class Retention {
public:
    /// Keeps the newest count; 0, here and below: the rule keeps none.
    Retention &keep_newest(std::uint32_t count) & { return keep(BACKUP_KEEP_NEWEST, count); }
    /// Keeps the newest one of each of the last count hours that have any.
    Retention &keep_hourly(std::uint32_t count) & { return keep(BACKUP_KEEP_HOURLY, count); }
    /// The same of days.
    Retention &keep_daily(std::uint32_t count) & { return keep(BACKUP_KEEP_DAILY, count); }
    /// The same of weeks (of ISO 8601, from Monday).
    Retention &keep_weekly(std::uint32_t count) & { return keep(BACKUP_KEEP_WEEKLY, count); }
    /// The same of months.
    Retention &keep_monthly(std::uint32_t count) & { return keep(BACKUP_KEEP_MONTHLY, count); }
    /// The same of years.
    Retention &keep_yearly(std::uint32_t count) & { return keep(BACKUP_KEEP_YEARLY, count); }

    /// Keeps all that are not older than that, counted back from now or from the newest good one,
    /// whichever is earlier. Rounded up to milliseconds. 0: the rule keeps none.
    template <class Rep, class Period>
    Retention &keep_within(const std::chrono::duration<Rep, Period> &age) & {
        const std::int64_t ms = detail::milliseconds_of(age);
        if (ms < 0) throw Error(Code::InvalidArgument, "an age to keep within must not be negative");
        within_ms_ = static_cast<std::uint64_t>(ms);
        return *this;
    }

    /// Keeps all that have this tag, or one of those named before.
    Retention &keep_tag(std::string tag) & {
        tags_.push_back(std::move(tag));
        return *this;
    }

    // The same of one that is being made, as that of Options.
    /// @cond
    Retention keep_newest(std::uint32_t count) && { return std::move(keep_newest(count)); }
    Retention keep_hourly(std::uint32_t count) && { return std::move(keep_hourly(count)); }
    Retention keep_daily(std::uint32_t count) && { return std::move(keep_daily(count)); }
    Retention keep_weekly(std::uint32_t count) && { return std::move(keep_weekly(count)); }
    Retention keep_monthly(std::uint32_t count) && { return std::move(keep_monthly(count)); }
    Retention keep_yearly(std::uint32_t count) && { return std::move(keep_yearly(count)); }
    template <class D> Retention keep_within(const D &age) && { return std::move(keep_within(age)); }
    Retention keep_tag(std::string tag) && { return std::move(keep_tag(std::move(tag))); }
    /// @endcond

private:
    friend class Verdict;

    struct Free {
        void operator()(backup_retention *retention) const { backup_retention_free(retention); }
    };

    Retention &keep(std::int32_t rule, std::uint32_t count) {
        counts_[static_cast<std::size_t>(rule - BACKUP_KEEP_NEWEST)] = count;
        return *this;
    }

    // The same policy for C.
    std::unique_ptr<backup_retention, Free> handle() const {
        std::unique_ptr<backup_retention, Free> made(backup_retention_new());
        for (std::size_t i = 0; i < counts_.size(); i++)
            detail::call(backup_retention_keep, made.get(), BACKUP_KEEP_NEWEST + static_cast<std::int32_t>(i),
                         counts_[i]);
        detail::call(backup_retention_keep_within_ms, made.get(), within_ms_);
        for (const std::string &tag : tags_)
            detail::call(backup_retention_keep_tag, made.get(), detail::text(tag));
        return made;
    }

    std::array<std::uint32_t, BACKUP_KEEP_YEARLY> counts_{};
    std::uint64_t within_ms_ = 0;
    std::vector<std::string> tags_;
};

/// What a policy makes of a snapshot, and why: a value.
class Verdict {
public:
    /// The snapshot's id.
    const std::string &id() const noexcept { return id_; }
    /// Its directory, absolute: where it is or, once it has gone, was.
    const std::filesystem::path &location() const noexcept { return location_; }
    /// Whether no rule keeps it, so that it goes or, by prune_by(), has gone.
    bool goes() const noexcept { return goes_; }
    /// Why it stays or goes, in words: "daily 2 of 14, tagged release".
    const std::string &reasons() const noexcept { return reasons_; }

private:
    friend std::vector<Verdict> retention_plan(const std::filesystem::path &, const Retention &);
    friend std::vector<Verdict> prune_by(const std::filesystem::path &, const Retention &);

    Verdict(const backup_verdicts *all, std::size_t i)
        : id_(backup_verdicts_id(all, i)), location_(backup_verdicts_location(all, i)),
          goes_(backup_verdicts_goes(all, i) != 0), reasons_(backup_verdicts_reasons(all, i)) {}

    // Calls a function of the C API that gives verdicts to its caller.
    template <class Function>
    static std::vector<Verdict> all(Function function, const std::filesystem::path &root,
                                    const Retention &retention) {
        backup_verdicts *told = nullptr;
        detail::call(function, detail::text(root), retention.handle().get(), &told);
        const std::unique_ptr<backup_verdicts, decltype(&backup_verdicts_free)> handle(told, backup_verdicts_free);
        std::vector<Verdict> verdicts;
        verdicts.reserve(backup_verdicts_count(told));
        for (std::size_t i = 0; i < backup_verdicts_count(told); i++)
            verdicts.push_back(Verdict(told, i));
        return verdicts;
    }

    std::string id_;
    std::filesystem::path location_;
    bool goes_;
    std::string reasons_;
};

/// What a policy makes of each snapshot of a root, newest first. Nothing is changed, and whether one is being
/// read is not looked at. Code::InvalidArgument: the policy has no rule.
inline std::vector<Verdict> retention_plan(const std::filesystem::path &root, const Retention &retention) {
    return Verdict::all(backup_retention_plan, root, retention);
}

/// Deletes what a policy does not keep, the oldest first, and says what became of each snapshot, newest
/// first. Those in use stay; unreadable ones neither count nor go; a damaged one takes no good one's place.
/// Code::InvalidArgument: the policy has no rule; Code::Conflict: the root is in use.
inline std::vector<Verdict> prune_by(const std::filesystem::path &root, const Retention &retention) {
    return Verdict::all(backup_prune_by, root, retention);
}

// ---- What a backup would do --------------------------------------------------------------------

/// What would become of a name.
enum class Outcome : std::int32_t {
    /// All of it is copied inside the freeze window: it is mutable.
    CopiedInFreeze = BACKUP_OUTCOME_COPIED_IN_FREEZE,
    /// Pinned ahead of the window and copied after it: it is immutable, or append-only.
    CopiedAfterFreeze = BACKUP_OUTCOME_COPIED_AFTER_FREEZE,
    /// Its first bytes are copied inside the window, the rest before release: it is FileClass::Pinned.
    CopiedBeforeRelease = BACKUP_OUTCOME_COPIED_BEFORE_RELEASE,
    Cloned = BACKUP_OUTCOME_CLONED,      ///< It shares its blocks with the source.
    Shared = BACKUP_OUTCOME_SHARED,      ///< It is the previous snapshot's, by a clone or a link.
    LinkKept = BACKUP_OUTCOME_LINK_KEPT, ///< A symbolic link, which is kept as it is.
    Excluded = BACKUP_OUTCOME_EXCLUDED,  ///< A rule excludes it, with all below it.
    Skipped = BACKUP_OUTCOME_SKIPPED,    ///< It is no data: a FIFO, a socket, the library's own.
    Refused = BACKUP_OUTCOME_REFUSED,    ///< It fails the backup; Preview::refusals say why.
};

/// One name in the sources.
struct PreviewEntry {
    std::filesystem::path path; ///< Where it would be in the snapshot.
    EntryKind kind{};           ///< What it is.
    std::uint64_t size = 0;     ///< A file's size in bytes; 0 of what is none, excluded or skipped.
    FileClass file_class{};     ///< Its class by the rules.
    std::string rule;           ///< The glob of the rule that gives it; empty: none, so it is mutable.
    Outcome outcome{};          ///< What would become of it.
};

/// A file system that a backup would use.
struct Space {
    std::filesystem::path path;        ///< A directory on it.
    std::optional<std::uint64_t> free; ///< Bytes that are free there; none: it does not say.
    std::uint64_t needed = 0;          ///< Bytes that would be written there.
    std::uint64_t reserve = 0;         ///< Bytes that the options want to stay free.
};

/// What a backup would do now: a value.
struct Preview {
    std::filesystem::path root;                    ///< The backup root, which need not be there yet.
    std::optional<std::filesystem::path> previous; ///< The snapshot that files would be shared with.
    std::vector<PreviewEntry> entries;             ///< In the order of their paths.
    std::uint64_t directories = 0;   ///< That would be captured, without the tops of the sources.
    bool is_one_file_system = false; ///< Whether data and root would be lost with one disk.
    std::vector<Space> spaces;       ///< The root's file system first.
    std::vector<Error> refusals;     ///< What would fail a backup that began now, the first hundred.
};

/// @cond
namespace detail {

inline PreviewEntry preview_entry(const backup_preview *preview, std::size_t index) {
    PreviewEntry entry;
    std::size_t length = 0;
    const void *path = backup_preview_path(preview, index, &length);
    entry.path = std::string(static_cast<const char *>(path), length);
    entry.kind = static_cast<EntryKind>(backup_preview_kind(preview, index));
    entry.size = backup_preview_size(preview, index);
    entry.file_class = static_cast<FileClass>(backup_preview_class(preview, index));
    if (const char *rule = backup_preview_rule(preview, index)) entry.rule = rule;
    entry.outcome = static_cast<Outcome>(backup_preview_outcome(preview, index));
    return entry;
}

} // namespace detail
/// @endcond

/// Tells what a backup of a data directory with these options would do now. Nothing is made, locked or
/// changed, and a host may have the directory open. What hooks would say cannot be told. Throws where
/// Coordinator would not open the directory at all; all else that would fail the backup is in it.
inline Preview preview(const std::filesystem::path &data_dir, const Options &options = {}) {
    backup_preview *opened = nullptr;
    detail::call(backup_preview_open, detail::text(data_dir), options.handle(), &opened);
    const std::unique_ptr<backup_preview, decltype(&backup_preview_free)> handle(opened,
                                                                                 backup_preview_free);
    Preview told;
    told.root = backup_preview_root(opened);
    if (const char *previous = backup_preview_previous(opened)) told.previous = previous;
    told.directories = backup_preview_directories(opened);
    told.is_one_file_system = backup_preview_is_one_file_system(opened) == 1;
    told.entries.reserve(backup_preview_count(opened));
    for (std::size_t i = 0; i < backup_preview_count(opened); i++)
        told.entries.push_back(detail::preview_entry(opened, i));
    std::uint64_t free = 0, needed = 0, reserve = 0;
    while (const char *path = backup_preview_space(opened, told.spaces.size(), &free, &needed, &reserve))
        told.spaces.push_back(
            {path, free == UINT64_MAX ? std::nullopt : std::optional(free), needed, reserve});
    while (const backup_error *error = backup_preview_refusal(opened, told.refusals.size()))
        told.refusals.push_back(detail::error_of(backup_error_code(error), error));
    return told;
}

// ---- What is remembered, and what is wrong -----------------------------------------------------

/// What is where a data directory remembers a root.
enum class Standing : std::int32_t {
    Same = BACKUP_STANDING_SAME,       ///< That root, and nobody else has made backups into it since.
    Missing = BACKUP_STANDING_MISSING, ///< Nothing, or no root: its disk may not be mounted.
    Another = BACKUP_STANDING_ANOTHER, ///< Another root, or one whose record is lost or damaged.
    /// That root, into which another copy of the data directory has made backups since.
    SealedByAnother = BACKUP_STANDING_SEALED_BY_ANOTHER,
    Unreadable = BACKUP_STANDING_UNREADABLE, ///< It cannot be looked at.
};

/// A backup root that a data directory has used, and what is there now.
struct KnownRoot {
    std::string id;                                 ///< The root's own.
    std::filesystem::path path;                     ///< Where it was, as its user gave it.
    std::optional<std::filesystem::path> real_path; ///< With its links resolved, where that is recorded.
    Standing standing{};                            ///< What is there now.
    std::uint64_t snapshots = 0;                    ///< How many lie there now, whosever root it is.
};

/// The backup roots that a data directory remembers, the one used last first. Nothing is changed.
inline std::vector<KnownRoot> known_roots(const std::filesystem::path &data_dir) {
    backup_known_roots *roots = nullptr;
    detail::call(backup_known_roots_open, detail::text(data_dir), &roots);
    const std::unique_ptr<backup_known_roots, decltype(&backup_known_roots_free)> handle(
        roots, backup_known_roots_free);
    std::vector<KnownRoot> known;
    for (std::size_t i = 0; i < backup_known_roots_count(roots); i++) {
        KnownRoot &root = known.emplace_back();
        root.id = backup_known_roots_id(roots, i);
        root.path = backup_known_roots_path(roots, i);
        if (const char *real_path = backup_known_roots_real_path(roots, i)) root.real_path = real_path;
        root.standing = static_cast<Standing>(backup_known_roots_standing(roots, i));
        root.snapshots = backup_known_roots_snapshots(roots, i);
    }
    return known;
}

/// How much a finding matters.
enum class Severity : std::int32_t {
    Ok = BACKUP_SEVERITY_OK,           ///< All is well: it says what is.
    Notice = BACKUP_SEVERITY_NOTICE,   ///< Nothing is wrong, but it takes space or may surprise.
    Warning = BACKUP_SEVERITY_WARNING, ///< Something needs a look before it does harm.
    Error = BACKUP_SEVERITY_ERROR,     ///< A backup or a restore would fail, or a snapshot is not good.
};

/// One thing that an examination found.
struct Finding {
    Severity severity{};        ///< How much it matters.
    std::string kind;           ///< What sort of thing it is, in words that stay: "stale_staging".
    std::filesystem::path path; ///< Where.
    std::string what;           ///< What is there, in one line.
    std::string advice;         ///< What to do about it, in one line.
};

/// Examines a backup root, or a data directory with the roots that it remembers; the worst comes first. To
/// look takes no lock and changes nothing; see backup_findings_open.
inline std::vector<Finding> examine(const std::filesystem::path &path) {
    backup_findings *findings = nullptr;
    detail::call(backup_findings_open, detail::text(path), &findings);
    const std::unique_ptr<backup_findings, decltype(&backup_findings_free)> handle(findings,
                                                                                   backup_findings_free);
    std::vector<Finding> found;
    for (std::size_t i = 0; i < backup_findings_count(findings); i++)
        found.push_back({static_cast<Severity>(backup_findings_severity(findings, i)),
                         backup_findings_kind(findings, i), backup_findings_path(findings, i),
                         backup_findings_what(findings, i), backup_findings_advice(findings, i)});
    return found;
}

// ---- Version -----------------------------------------------------------------------------------

/// The version of the library that was loaded, such as "0.1.0". A constant string.
inline const char *version() noexcept { return backup_version(); }

/// Its ABI, to be compared with BACKUP_ABI_VERSION of hotbackup.h.
inline std::uint32_t abi_version() noexcept { return backup_abi_version(); }

} // namespace hotbackup

#endif // HOTBACKUP_HPP
