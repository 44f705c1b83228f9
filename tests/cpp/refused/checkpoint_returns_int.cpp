// In C, -1 would be a failure.
#include <hotbackup.hpp>
int flush();
void refused() {
    hotbackup::Options().checkpoint(flush);
}
// expect: this hook returns nothing, and fails by throwing
