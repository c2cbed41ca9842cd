// Small records, read many at a time: several requests at once, and from the local cache what was
// read before.
//
// The invariant: the cache answers only for an object that a listing of the store shows now, with
// the size and time it had when it was cached; so what is gone, or was put back by a repair, is
// read from the store. Nothing is ever remembered as absent. Bytes out of the cache are
// authenticated by whoever asked, as any others.
//
// The cache's files hold the records of a stretch of numbers each, so that a new record rewrites
// little. Thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/guarded.h"
#include "base/in_order.h"
#include "repo/local_cache.h"
#include "store/store.h"

namespace perdure {

/// An object as a listing showed it.
struct ListedObject {
    ObjectName name;
    ObjectStat stat;
};

/// Everything below `prefix` that has a name.
Result<std::vector<ListedObject>> list_objects(Store&, std::string_view prefix, std::stop_token);

/// How many small objects are read at a time: more than packs, as they do not fill a connection.
std::size_t record_threads(const StoreProperties&, std::size_t records);
/// So many objects of that store, so many at a time.
InOrder order_records(const Store&, std::size_t records);

class RecordCache {
public:
    /// Larger ones are read anew each time.
    static constexpr std::size_t kMostBytes = 1U << 20;

    explicit RecordCache(LocalCache cache) : cache_(std::move(cache)) {}
    RecordCache(const RecordCache&) = delete;
    RecordCache& operator=(const RecordCache&) = delete;
    /// Writes what is new.
    ~RecordCache() { save(); }

    std::optional<Buffer> find(const ListedObject&) const;
    bool has(const ListedObject&) const;
    void note(const ListedObject&, ByteView object);
    /// After it was deleted.
    void forget(const ObjectName&);
    /// Writes what is new; what cannot be written is not cached.
    void save();

private:
    struct Record {
        ObjectStat stat;
        Buffer object;
    };
    struct Stretch {
        std::map<std::string, Record, std::less<>> records;
        bool is_new = false;
        std::uint64_t used = 0;  // when, by the count below
    };
    struct Stretches {
        std::map<std::string, Stretch> by_file;
        std::uint64_t uses = 0;
    };

    static std::string file_of(std::string_view name);
    static Buffer encode(const Stretch&);
    static std::optional<Stretch> decode(ByteView);
    Stretch& stretch_of(Stretches&, const std::string& file) const;
    const Record* find_in(Stretches&, const ListedObject&) const;
    void write(const std::string& file, Stretch&) const;

    const LocalCache cache_;
    mutable Guarded<Stretches> stretches_;
};

/// The object's bytes: cached, or the store's, which are then cached. `cache` may be null.
Result<Buffer> load_listed_object(Store&, RecordCache* cache, const ListedObject&, std::stop_token);

}  // namespace perdure
