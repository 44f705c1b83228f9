// The inner one would never be called.
#include <hotbackup.hpp>
void refused() {
    hotbackup::Options().checkpoint([] { return [] {}; });
}
// expect: this hook returns nothing, and fails by throwing
