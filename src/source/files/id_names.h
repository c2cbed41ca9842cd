// Names of user and group ids, asked of the system once per id.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <unordered_map>

namespace perdure {

/// One thread's.
class IdNames {
public:
    /// "" for an id without a name, and where the name service fails: an id is never lost over it.
    const std::string& user(uid_t id);
    const std::string& group(gid_t id);

private:
    struct Cache {
        std::unordered_map<id_t, std::string> names;
        std::optional<id_t> last_id;
        const std::string* last = nullptr;
    };
    template <class Lookup>
    static const std::string& cached(Cache& cache, id_t id, Lookup lookup);

    Cache users_;
    Cache groups_;
};

}  // namespace perdure
