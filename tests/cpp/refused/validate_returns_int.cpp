// In C 0 is good, in a bool it is not: an int could mean either.
#include <hotbackup.hpp>
void refused() {
    hotbackup::Options().validate([](const std::filesystem::path &) { return 0; });
}
// expect: validate returns a bool
