#include "engine/unchanged.h"

namespace perdure {

namespace {

constexpr std::int64_t kRacyTick = 20'000'000;
constexpr std::int64_t kRacyCoarse = 2'000'000'000;

bool is_racy(std::int64_t time, std::int64_t started) {
    return time >= started - (time % 1'000'000'000 == 0 ? kRacyCoarse : kRacyTick);
}

}  // namespace

bool is_unchanged(const Entry& was, const Entry& now, std::int64_t previous_started_ns) {
    const bool same = was.type == now.type && was.mtime_ns == now.mtime_ns &&
                      was.ctime_ns == now.ctime_ns && was.inode == now.inode &&
                      was.mode == now.mode && was.uid == now.uid && was.gid == now.gid &&
                      was.links == now.links &&
                      (now.type != EntryType::File || was.size == now.size);
    return same && !is_racy(now.ctime_ns, previous_started_ns) &&
           !is_racy(now.mtime_ns, previous_started_ns);
}

}  // namespace perdure
