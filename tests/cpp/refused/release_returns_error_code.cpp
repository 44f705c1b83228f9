#include <hotbackup.hpp>
#include <system_error>
struct Database {
    std::error_code unpin(hotbackup::Hook &);
};
void refused(Database &db) {
    hotbackup::Options().release([&](hotbackup::Hook &hook) { return db.unpin(hook); });
}
// expect: this hook returns nothing, and fails by throwing
