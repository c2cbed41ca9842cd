// A store in this process's memory: the reference implementation of the contract, for tests and for
// trying things. It keeps every guarantee but G3 (nothing outlives the process) and is no more
// shared between processes than any other memory.
#pragma once

#include <map>

#include "base/guarded.h"
#include "store/store.h"

namespace perdure {

class MemoryStore final : public Store, private ObjectLocks {
public:
    /// What plant() and contents() exchange: every object by name.
    using Contents = std::map<std::string, Buffer>;

    /// Refuses with NoSpace what would take the sum of all objects above `capacity` bytes.
    explicit MemoryStore(std::uint64_t capacity = ~std::uint64_t{0}) : capacity_(capacity) {}

    StoreProperties properties() const override;
    Result<void> create(const ObjectName& name, ByteView bytes, std::stop_token stop) override;
    Result<Buffer> load(const ObjectName& name, ByteRange range, std::stop_token stop) override;
    Result<ObjectStat> stat(const ObjectName& name, std::stop_token stop) override;
    Result<void> list(std::string_view prefix, const ListFn& fn, std::stop_token stop) override;
    Result<void> remove(const ObjectName& name, std::stop_token stop) override;

    ObjectLocks* locks() override {
        return state_.with([](const State& state) { return state.can_lock; }) ? this : nullptr;
    }
    /// From now on objects can be locked, and what is locked is not removed before its time, which
    /// is this one. Without versions: nothing but a removal touches an object.
    void set_lock_time(std::int64_t now_ns);

    /// What a hostile or broken storage could do, which no Store can: puts any bytes at any name,
    /// over what is there. For tests of damage.
    void plant(const ObjectName& name, ByteView bytes);

    /// A copy of everything, to compare states or to begin another store from.
    Contents contents() const;

private:
    Result<bool> can_lock(std::stop_token) override { return true; }
    void lock_new(Rule rule) override;
    Result<std::int64_t> now_ns(std::stop_token stop) override;
    Result<void> extend_lock(const ObjectName& name, const std::string& version,
                             const ObjectLock& lock, std::stop_token stop) override;
    Result<std::optional<ObjectLock>> lock_of(const ObjectName& name, const std::string& version,
                                              std::stop_token stop) override;

    struct Object {
        // Shared so that load() copies outside the lock while remove() may run.
        std::shared_ptr<const Buffer> bytes;
        std::int64_t modified_ns = 0;
        std::optional<ObjectLock> lock = {};
    };
    struct State {
        std::map<std::string, Object, std::less<>> objects;
        std::uint64_t used = 0;
        std::int64_t clock = 0;  // one tick a change: a clock that no test has to wait for
        bool can_lock = false;
        std::int64_t lock_time_ns = 0;
        Rule rule = {};

        bool is_locked(const Object& object) const {
            return object.lock && object.lock->until_ns > lock_time_ns;
        }
    };

    const std::uint64_t capacity_;
    Guarded<State> state_;
};

}  // namespace perdure
