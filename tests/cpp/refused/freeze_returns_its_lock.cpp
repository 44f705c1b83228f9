// The lock would be let go of before the window opens.
#include <hotbackup.hpp>
#include <mutex>
std::mutex writes;
void refused() {
    hotbackup::Options().freeze([](hotbackup::Hook &) { return std::unique_lock(writes); }, [] {});
}
// expect: this hook returns nothing, and fails by throwing
