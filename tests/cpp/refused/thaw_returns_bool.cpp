#include <hotbackup.hpp>
void refused() {
    hotbackup::Options().freeze([] {}, [] { return false; });
}
// expect: this hook returns nothing, and fails by throwing
