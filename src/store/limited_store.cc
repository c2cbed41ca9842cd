#include "store/limited_store.h"

#include <utility>

namespace perdure {

Result<void> LimitedStore::create(const ObjectName& name, ByteView bytes, std::stop_token stop) {
    upload_.wait_for(bytes.size(), stop);
    return inner_.create(name, bytes, std::move(stop));
}

Result<Buffer> LimitedStore::load(const ObjectName& name, ByteRange range, std::stop_token stop) {
    auto content = inner_.load(name, range, stop);
    if (content) download_.wait_for(content->size(), stop);
    return content;
}

Result<ObjectStat> LimitedStore::stat(const ObjectName& name, std::stop_token stop) {
    return inner_.stat(name, std::move(stop));
}

Result<void> LimitedStore::list(std::string_view prefix, const ListFn& fn, std::stop_token stop) {
    return inner_.list(prefix, fn, std::move(stop));
}

Result<void> LimitedStore::remove(const ObjectName& name, std::stop_token stop) {
    return inner_.remove(name, std::move(stop));
}

}  // namespace perdure
