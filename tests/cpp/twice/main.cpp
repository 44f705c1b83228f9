// The header in two files of one program, here after the C header.
#include <hotbackup.h>
#include <hotbackup.hpp>
#include <hotbackup.hpp>

#include <cstdlib>

// Made and used by the other file.
hotbackup::Options elsewhere_options();
std::string elsewhere_backup(hotbackup::Coordinator &);
[[noreturn]] void elsewhere_throws();

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    const std::filesystem::path data = std::filesystem::path(argv[1]) / "data";
    std::filesystem::create_directory(data);
    hotbackup::Coordinator coordinator(data, elsewhere_options());
    const std::string id = elsewhere_backup(coordinator);
    if (hotbackup::latest(coordinator.root()).id() != id) return 3;
    try {
        elsewhere_throws();
    } catch (const hotbackup::Error &error) {
        return error.code() == hotbackup::Code::NotFound ? EXIT_SUCCESS : 4;
    }
}
