#include "repo/record_cache.h"

#include <algorithm>

#include "base/hex.h"
#include "codec/byte_io.h"

namespace perdure {

namespace {

// Of how many numbers a file holds the records: about a mebibyte of points.
constexpr std::uint64_t kRecordsAFile = 512;
constexpr std::uint64_t kIndexesAFile = 64;
// Stretches in memory; the least recently used one is written and dropped for another.
constexpr std::size_t kMostStretches = 64;
constexpr std::size_t kMostThreads = 32;
constexpr std::size_t kRecordsAThread = 8;  // fewer are not worth a thread

}  // namespace

Result<std::vector<ListedObject>> list_objects(Store& store, std::string_view prefix,
                                               std::stop_token stop) {
    std::vector<ListedObject> found;
    auto listed = store.list(
        prefix,
        [&](std::string_view text, const ObjectStat& stat) {
            if (auto name = ObjectName::parse(text)) found.push_back({std::move(*name), stat});
            return true;
        },
        std::move(stop));
    if (!listed) return std::move(listed).error();
    return found;
}

std::size_t record_threads(const StoreProperties& properties, std::size_t records) {
    const std::size_t connections = std::max<std::size_t>(properties.connections, 1);
    const std::size_t most = connections <= 2
                                 ? connections
                                 : std::max(connections, std::min(kMostThreads, 4 * connections));
    return std::clamp<std::size_t>(records / kRecordsAThread, 1, most);
}

InOrder order_records(const Store& store, std::size_t records) {
    InOrder order;
    order.count = records;
    order.threads = record_threads(store.properties(), records);
    return order;
}

/// "records/points-00000001-3" for points/00000001/00000000000006a0: what comes before the number
/// of the record, and the number of the stretch.
std::string RecordCache::file_of(std::string_view name) {
    constexpr std::size_t kNumberDigits = 16;  // of sessions and lists
    const std::uint64_t records = name.starts_with("index/") ? kIndexesAFile : kRecordsAFile;
    std::string file = "records/";
    while (true) {
        const std::size_t slash = name.find('/');
        const std::string_view part = name.substr(0, slash);
        const std::string_view number = part.substr(0, part.find('.'));
        if (number.size() == kNumberDigits || slash == std::string_view::npos) {
            const auto n = number_from_hex(number, static_cast<int>(number.size()));
            return file + std::to_string(n.value_or(0) / records);
        }
        file += std::string(part) + "-";
        name.remove_prefix(slash + 1);
    }
}

Buffer RecordCache::encode(const Stretch& stretch) {
    ByteWriter w;
    w.varint(stretch.records.size());
    for (const auto& [name, record] : stretch.records) {
        w.sized_bytes(as_bytes(name));
        w.u64(record.stat.size);
        w.u64(static_cast<std::uint64_t>(record.stat.modified_ns));
        w.sized_bytes(record.object);
    }
    return w.take();
}

std::optional<RecordCache::Stretch> RecordCache::decode(ByteView bytes) {
    ByteReader r(bytes);
    Stretch stretch;
    const std::uint64_t count = r.varint();
    for (std::uint64_t i = 0; i < count && r.ok(); ++i) {
        std::string name(as_text(r.sized_bytes()));
        Record record;
        record.stat.size = r.u64();
        record.stat.modified_ns = static_cast<std::int64_t>(r.u64());
        record.object = to_buffer(r.sized_bytes());
        stretch.records.emplace(std::move(name), std::move(record));
    }
    if (!r.done()) return std::nullopt;
    return stretch;
}

void RecordCache::write(const std::string& file, Stretch& stretch) const {
    if (std::exchange(stretch.is_new, false)) cache_.save(file, encode(stretch));
}

RecordCache::Stretch& RecordCache::stretch_of(Stretches& all, const std::string& file) const {
    auto at = all.by_file.find(file);
    if (at == all.by_file.end()) {
        if (all.by_file.size() >= kMostStretches) {
            const auto oldest = std::min_element(
                all.by_file.begin(), all.by_file.end(),
                [](const auto& a, const auto& b) { return a.second.used < b.second.used; });
            write(oldest->first, oldest->second);
            all.by_file.erase(oldest);
        }
        const auto bytes = cache_.load(file);
        auto read = bytes ? decode(*bytes) : std::nullopt;
        at = all.by_file.emplace(file, read ? std::move(*read) : Stretch()).first;
    }
    at->second.used = ++all.uses;
    return at->second;
}

const RecordCache::Record* RecordCache::find_in(Stretches& all, const ListedObject& listed) const {
    const Stretch& stretch = stretch_of(all, file_of(listed.name.text()));
    const auto at = stretch.records.find(listed.name.text());
    if (at == stretch.records.end()) return nullptr;
    const Record& record = at->second;
    const bool is_same =
        record.stat.size == listed.stat.size && record.stat.modified_ns == listed.stat.modified_ns;
    return is_same ? &record : nullptr;
}

std::optional<Buffer> RecordCache::find(const ListedObject& listed) const {
    return stretches_.with([&](Stretches& all) {
        const Record* record = find_in(all, listed);
        return record == nullptr ? std::nullopt : std::optional(record->object);
    });
}

bool RecordCache::has(const ListedObject& listed) const {
    return stretches_.with([&](Stretches& all) { return find_in(all, listed) != nullptr; });
}

void RecordCache::note(const ListedObject& listed, ByteView object) {
    // Other bytes than were listed: it was put back meanwhile, and will be listed anew.
    if (object.size() > kMostBytes || object.size() != listed.stat.size) return;
    const std::string file = file_of(listed.name.text());
    stretches_.with([&](Stretches& all) {
        Stretch& stretch = stretch_of(all, file);
        stretch.records.insert_or_assign(listed.name.text(),
                                         Record{listed.stat, to_buffer(object)});
        stretch.is_new = true;
    });
}

void RecordCache::forget(const ObjectName& name) {
    const std::string file = file_of(name.text());
    stretches_.with([&](Stretches& all) {
        Stretch& stretch = stretch_of(all, file);
        if (stretch.records.erase(name.text()) > 0) stretch.is_new = true;
    });
}

void RecordCache::save() {
    stretches_.with([&](Stretches& all) {
        for (auto& [file, stretch] : all.by_file) write(file, stretch);
    });
}

Result<Buffer> load_listed_object(Store& store, RecordCache* cache, const ListedObject& listed,
                                  std::stop_token stop) {
    if (cache != nullptr)
        if (auto known = cache->find(listed)) return *std::move(known);
    auto object = store.load(listed.name, ByteRange::all(), std::move(stop));
    if (object && cache != nullptr) cache->note(listed, *object);
    return object;
}

}  // namespace perdure
