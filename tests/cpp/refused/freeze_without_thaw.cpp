#include <hotbackup.hpp>
void refused() {
    hotbackup::Options().freeze([] {}, nullptr);
}
// expect: freeze and thaw come both or not at all
