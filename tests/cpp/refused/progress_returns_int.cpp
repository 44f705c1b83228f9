// In C 0 goes on, in a bool it stops: an int could mean either.
#include <hotbackup.hpp>
void refused() {
    hotbackup::Options().progress([](const hotbackup::Progress &) { return 0; });
}
// expect: progress returns a bool
