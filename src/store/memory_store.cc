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
        Object object{std::move(copy), ++state.clock};
        if (const auto period = state.rule ? state.rule(name.text()) : std::nullopt)
            object.lock = ObjectLock{period->mode, state.lock_time_ns + period->ns};
        state.objects.emplace(name.text(), std::move(object));
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
    return state_.with([&](State& state) -> Result<void> {
        const auto found = state.objects.find(name.text());
        if (found == state.objects.end()) return {};
        if (state.is_locked(found->second))
            return Error(ErrorKind::Denied, "object " + name.text() + " is locked");
        state.used -= found->second.bytes->size();
        state.objects.erase(found);
        return {};
    });
}

// ------------------------------------------------------------------------------------ locks

void MemoryStore::set_lock_time(std::int64_t now_ns) {
    state_.with([&](State& state) {
        state.can_lock = true;
        state.lock_time_ns = now_ns;
    });
}

void MemoryStore::lock_new(Rule rule) {
    state_.with([&](State& state) { state.rule = std::move(rule); });
}

Result<std::int64_t> MemoryStore::now_ns(std::stop_token) {
    return state_.with([](const State& state) { return state.lock_time_ns; });
}

Result<void> MemoryStore::extend_lock(const ObjectName& name, const std::string&,
                                      const ObjectLock& lock, std::stop_token stop) {
    if (stop.stop_requested()) return cancelled(name);
    return state_.with([&](State& state) -> Result<void> {
        const auto found = state.objects.find(name.text());
        if (found == state.objects.end()) return not_found(name);
        auto& there = found->second.lock;
        if (!state.is_locked(found->second)) there.reset();
        if (there && there->covers(lock)) return {};
        if (there && (there->mode > lock.mode || there->until_ns > lock.until_ns))
            return Error(ErrorKind::Denied, "object " + name.text() + " has a stronger lock");
        there = lock;
        return {};
    });
}

Result<std::optional<ObjectLock>> MemoryStore::lock_of(const ObjectName& name, const std::string&,
                                                       std::stop_token stop) {
    if (stop.stop_requested()) return cancelled(name);
    return state_.with([&](const State& state) -> Result<std::optional<ObjectLock>> {
        const auto found = state.objects.find(name.text());
        if (found == state.objects.end()) return not_found(name);
        return state.is_locked(found->second) ? found->second.lock : std::nullopt;
    });
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
