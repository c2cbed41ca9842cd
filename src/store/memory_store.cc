#include "store/memory_store.h"

#include <optional>
#include <utility>
#include <vector>

namespace perdure {

namespace {

Error cancelled(const ObjectName& name) {
    return Error(ErrorKind::Cancelled, name.text() + ": asked to stop");
}

Error not_found(const ObjectName& name) {
    return Error(ErrorKind::NotFound, "no object " + name.text());
}

}  // namespace

StoreProperties MemoryStore::properties() const {
    StoreProperties properties;
    properties.description = "memory";
    return properties;
}

Result<void> MemoryStore::create(const ObjectName& name, ByteView bytes, std::stop_token stop) {
    if (stop.stop_requested()) return cancelled(name);
    auto copy = std::make_shared<const Buffer>(to_buffer(bytes));
    return state_.with([&](State& state) -> Result<void> {
        if (state.objects.contains(name.text()))
            return Error(ErrorKind::AlreadyExists, "object " + name.text() + " exists");
        if (bytes.size() > capacity_ - state.used)
            return Error(ErrorKind::NoSpace, "no space for object " + name.text());
        state.used += bytes.size();
        state.objects.emplace(name.text(), Object{std::move(copy), ++state.clock});
        return {};
    });
}

Result<Buffer> MemoryStore::load(const ObjectName& name, ByteRange range, std::stop_token stop) {
    if (stop.stop_requested()) return cancelled(name);
    const auto bytes = state_.with([&](const State& state) -> std::shared_ptr<const Buffer> {
        const auto found = state.objects.find(name.text());
        return found == state.objects.end() ? nullptr : found->second.bytes;
    });
    if (!bytes) return not_found(name);
    const bool to_end = range.length == ByteRange::kToEnd;
    if (range.offset > bytes->size() || (!to_end && range.length > bytes->size() - range.offset))
        return Error(ErrorKind::Corrupt, "object " + name.text() + " ends before the range asked");
    const auto length = to_end ? bytes->size() - range.offset : range.length;
    return to_buffer(ByteView(*bytes).subspan(range.offset, length));
}

Result<ObjectStat> MemoryStore::stat(const ObjectName& name, std::stop_token stop) {
    if (stop.stop_requested()) return cancelled(name);
    return state_.with([&](const State& state) -> Result<ObjectStat> {
        const auto found = state.objects.find(name.text());
        if (found == state.objects.end()) return not_found(name);
        return ObjectStat{found->second.bytes->size(), found->second.modified_ns};
    });
}

Result<void> MemoryStore::list(std::string_view prefix, const ListFn& fn, std::stop_token stop) {
    // A copy first: `fn` may call the store, so it must run without the lock.
    const auto listing = state_.with([&](const State& state) {
        std::vector<std::pair<std::string, ObjectStat>> matches;
        for (auto at = state.objects.lower_bound(prefix);
             at != state.objects.end() && at->first.starts_with(prefix); ++at)
            matches.emplace_back(at->first,
                                 ObjectStat{at->second.bytes->size(), at->second.modified_ns});
        return matches;
    });
    for (const auto& [name, stat] : listing) {
        if (stop.stop_requested()) return Error(ErrorKind::Cancelled, "listing: asked to stop");
        if (!fn(name, stat)) break;
    }
    return {};
}

Result<void> MemoryStore::remove(const ObjectName& name, std::stop_token stop) {
    if (stop.stop_requested()) return cancelled(name);
    state_.with([&](State& state) {
        const auto found = state.objects.find(name.text());
        if (found == state.objects.end()) return;
        state.used -= found->second.bytes->size();
        state.objects.erase(found);
    });
    return {};
}

void MemoryStore::plant(const ObjectName& name, ByteView bytes) {
    auto copy = std::make_shared<const Buffer>(to_buffer(bytes));
    state_.with([&](State& state) {
        auto& object = state.objects[name.text()];
        if (object.bytes) state.used -= object.bytes->size();
        state.used += copy->size();
        object = Object{std::move(copy), ++state.clock};
    });
}

MemoryStore::Contents MemoryStore::contents() const {
    return state_.with([](const State& state) {
        Contents all;
        for (const auto& [name, object] : state.objects) all.emplace(name, *object.bytes);
        return all;
    });
}

}  // namespace perdure
