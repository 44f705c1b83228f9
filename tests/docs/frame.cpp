// What stands around a piece of C++ in the documentation, so that it compiles and runs by itself.
// Arguments: a data directory, a root, an empty directory.
#include <hotbackup.hpp>

#include <iostream>
#include <mutex>
#include <stdexcept>
#include <thread>

namespace fs = std::filesystem;
using namespace std::chrono_literals;

struct Database {
    std::mutex writes;
    void stop_writes() { writes.lock(); }
    void resume_writes() { writes.unlock(); }
};

@top@

int main(int argc, char **argv) {
    if (argc != 4)
        return 99;
    const fs::path data = argv[1], root = argv[2], target = fs::path(argv[3]) / "restored";
    Database db;
    {
        auto options = hotbackup::Options().root(root).freeze([] {}, [] {});
        hotbackup::Coordinator(data, options).run();
    }
@body@
}
