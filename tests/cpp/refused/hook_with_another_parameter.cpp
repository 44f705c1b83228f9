#include <hotbackup.hpp>
void refused() {
    hotbackup::Options().checkpoint([](int) {});
}
// expect: this hook is called with
