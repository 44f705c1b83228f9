// Runs every case of the list in its first argument below the scratch directory in its second, and
// compares what it ended with. Prints nothing unless something is wrong.
#include "cpp/scene.hpp"

namespace {

std::string trimmed(const std::string &text) {
    const std::size_t first = text.find_first_not_of(' ');
    return first == text.npos ? "" : text.substr(first, text.find_last_not_of(' ') - first + 1);
}

// An error message; empty: all is well.
std::string run(Code (*scenario)(Scene &), const fs::path &scratch, const std::string &code, const std::string &calls) {
    Scene scene(scratch, "data");
    const std::string ended = std::string(hotbackup::code_name(scenario(scene))).substr(std::strlen("BACKUP_"));
    if (ended == code && scene.calls == calls) return "";
    return ended + ", not " + code + "; its hooks: " + scene.calls + ", not: " + calls;
}

} // namespace

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    Scenarios missing = backups();
    missing.merge(checkpoints());
    missing.merge(disk());
    missing.merge(looks());
    missing.merge(sharing());
    std::ifstream list(argv[1]);
    for (std::string line, name, code, calls; std::getline(list, line);) {
        if (line.empty() || line[0] == '#') continue;
        std::istringstream fields(line);
        std::getline(std::getline(std::getline(fields, name, '|'), code, '|'), calls);
        name = trimmed(name);
        std::string wrong = "is in the list alone";
        if (const auto scenario = missing.extract(name)) {
            const std::string complaint = complaint_of([&] {
                wrong = run(scenario.mapped(), fs::path(argv[2]) / name, trimmed(code), trimmed(calls));
            });
            if (!complaint.empty()) wrong = complaint;
        }
        if (!wrong.empty()) {
            std::cerr << "the case " << name << ": " << wrong << '\n';
            return 1;
        }
    }
    for (const auto &[name, scenario] : missing) std::cerr << "the case " << name << " is not in the list\n";
    return missing.empty() ? 0 : 1;
}
