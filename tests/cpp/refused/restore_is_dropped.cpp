// Its destructor would cancel it at once.
#include <hotbackup.hpp>
#pragma GCC diagnostic error "-Wunused-result"
void refused() {
    hotbackup::restore("snapshot", "target");
}
// expect: nodiscard
