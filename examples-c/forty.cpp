// Backs up a directory, and restores the snapshot elsewhere:  forty_cpp <directory> <target>
#include <hotbackup.hpp>
#include <iostream>

int main(int argc, char **argv)
{
    if (argc != 3) {
        std::cerr << "usage: " << argv[0] << " <directory> <target>\n";
        return 2;
    }
    try {
        const auto options = hotbackup::Options().progress([](const hotbackup::Progress &now) {
            std::cerr << '\r' << now.percent << " % of " << now.bytes_total << " bytes ";
        });
        hotbackup::Coordinator coordinator(argv[1], options);

        const hotbackup::Job backup = coordinator.start();
        backup.wait();
        std::cout << "\nbacked up to " << backup.location().native() << '\n';

        const hotbackup::Job restore = hotbackup::restore(backup.location(), argv[2], options);
        restore.wait();
        std::cout << "\nrestored to " << restore.location().native() << '\n';
    } catch (const std::exception &error) { // a hotbackup::Error also has its code, errno and path
        std::cerr << error.what() << '\n';
        return 1;
    }
}
