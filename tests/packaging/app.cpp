// Backs up the directory that it is given, and prints where the snapshot is.
#include <hotbackup.hpp>
#include <iostream>

int main(int argc, char **argv) {
    try {
        hotbackup::Coordinator coordinator(argv[argc - 1]);
        std::cout << coordinator.run().location().string() << '\n';
    } catch (const std::exception &error) {
        std::cerr << error.what() << '\n';
        return 1;
    }
}
