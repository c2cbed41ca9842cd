#include "store/counting_store.h"

namespace perdure {

void CountingStore::add(VerbCount StoreCounts::*verb, std::uint64_t bytes) {
    counts_.with([&](StoreCounts& counts) {
        ++(counts.*verb).requests;
        (counts.*verb).bytes += bytes;
    });
}

Result<void> CountingStore::create(const ObjectName& name, ByteView bytes, std::stop_token stop) {
    add(&StoreCounts::create, bytes.size());
    return inner_.create(name, bytes, stop);
}

Result<Buffer> CountingStore::load(const ObjectName& name, ByteRange range, std::stop_token stop) {
    auto answer = inner_.load(name, range, stop);
    add(&StoreCounts::load, answer ? answer->size() : 0);
    return answer;
}

Result<ObjectStat> CountingStore::stat(const ObjectName& name, std::stop_token stop) {
    add(&StoreCounts::stat, 0);
    return inner_.stat(name, stop);
}

Result<void> CountingStore::list(std::string_view prefix, const ListFn& fn, std::stop_token stop) {
    add(&StoreCounts::list, 0);
    std::uint64_t listed = 0;
    auto answer = inner_.list(
        prefix,
        [&](std::string_view name, const ObjectStat& stat) {
            ++listed;
            return fn(name, stat);
        },
        stop);
    counts_.with([&](StoreCounts& counts) { counts.listed += listed; });
    return answer;
}

Result<void> CountingStore::remove(const ObjectName& name, std::stop_token stop) {
    add(&StoreCounts::remove, 0);
    return inner_.remove(name, stop);
}

}  // namespace perdure
