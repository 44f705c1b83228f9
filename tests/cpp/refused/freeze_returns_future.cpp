// It runs when someone asks for its result, and nobody would.
#include <hotbackup.hpp>
#include <future>
void refused() {
    hotbackup::Options().freeze([] { return std::async(std::launch::deferred, [] {}); }, [] {});
}
// expect: this hook returns nothing, and fails by throwing
