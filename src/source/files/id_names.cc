#include "source/files/id_names.h"

#include <grp.h>
#include <pwd.h>

#include <cerrno>
#include <vector>

namespace perdure {

namespace {

// `call` is getpwuid_r or getgrgid_r with the id bound. The buffer grows because a group with many
// members does not fit any fixed size.
template <class Record, class Call>
std::string look_up(Call call, char* Record::*name) {
    std::vector<char> buffer(1024);
    for (;;) {
        Record record{};
        Record* found = nullptr;
        const int code = call(&record, buffer.data(), buffer.size(), &found);
        if (code == ERANGE && buffer.size() < (std::size_t{1} << 24)) {
            buffer.resize(buffer.size() * 4);
            continue;
        }
        if (code == EINTR) continue;
        return found != nullptr && found->*name != nullptr ? found->*name : std::string();
    }
}

}  // namespace

template <class Lookup>
const std::string& IdNames::cached(Cache& cache, id_t id, Lookup lookup) {
    if (cache.last_id == id) return *cache.last;
    auto found = cache.names.find(id);
    if (found == cache.names.end()) found = cache.names.emplace(id, lookup()).first;
    cache.last_id = id;
    cache.last = &found->second;
    return found->second;
}

const std::string& IdNames::user(uid_t id) {
    return cached(users_, id, [id] {
        return look_up<::passwd>(
            [id](passwd* record, char* buffer, std::size_t size, passwd** found) {
                return ::getpwuid_r(id, record, buffer, size, found);
            },
            &::passwd::pw_name);
    });
}

const std::string& IdNames::group(gid_t id) {
    return cached(groups_, id, [id] {
        return look_up<struct ::group>(
            [id](struct group* record, char* buffer, std::size_t size, struct group** found) {
                return ::getgrgid_r(id, record, buffer, size, found);
            },
            &::group::gr_name);
    });
}

}  // namespace perdure
