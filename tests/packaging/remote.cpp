// As app.cpp, in a program that has the library for object stores, too.
#include <hotbackup_remote.hpp>

#include <iostream>

int main(int argc, char **argv) {
    try {
        if (std::string(hotbackup::remote_version()) != hotbackup::version()) return 2;
        hotbackup::Coordinator coordinator(argv[argc - 1]);
        std::cout << coordinator.run().location().string() << '\n';
    } catch (const std::exception &error) {
        std::cerr << error.what() << '\n';
        return 1;
    }
}
