// What its function throws goes to a future that nobody asks.
#include <hotbackup.hpp>
#include <future>
void refused() {
    hotbackup::Options().checkpoint(std::packaged_task<void()>([] { throw 1; }));
}
// expect: a packaged_task keeps its exceptions
