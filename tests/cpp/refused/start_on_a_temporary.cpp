// Its end cancels the backup, which nobody would see who does not wait.
#include <hotbackup.hpp>
void refused() {
    hotbackup::Coordinator("database").start();
}
// expect: delete
