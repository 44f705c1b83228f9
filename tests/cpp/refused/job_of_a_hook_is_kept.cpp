// It is good until the hook returns.
#include <hotbackup.hpp>
hotbackup::Job refused(hotbackup::Hook &hook) {
    return hook.job();
}
// expect: delete
