#include "repo/page.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "base/try.h"
#include "codec/byte_io.h"
#include "repo/block.h"

namespace perdure {

namespace {

constexpr std::uint8_t kPageVersion = 1;
constexpr std::uint64_t kMaxEntries = 1U << 14;
constexpr std::uint64_t kMaxRuns = 1U << 16;

Error corrupt(const char* why) {
    return Error(ErrorKind::Corrupt, std::string("tree page: ") + why);
}

// ---- the dictionary of packs: in order of first use

class PackDictionary {
public:
    explicit PackDictionary(const PackRegistry& registry) : registry_(registry) {}
    std::uint64_t index_of(PackNumber pack) {
        const auto [at, added] = indexes_.try_emplace(pack, order_.size());
        if (added) order_.push_back(pack);
        return at->second;
    }
    void write(ByteWriter& w) const {
        w.varint(order_.size());
        for (PackNumber n : order_) {
            const BirthPack pack = registry_.pack_of(n);
            w.varint(number(pack.session.writer));
            w.varint(number(pack.session.session));
            w.bytes(pack.pack.view());
        }
    }

private:
    const PackRegistry& registry_;
    std::map<PackNumber, std::uint64_t> indexes_;
    std::vector<PackNumber> order_;
};

Result<std::vector<PackNumber>> read_dictionary(ByteReader& r, PackRegistry& registry) {
    const std::uint64_t count = r.varint();
    if (!r.ok() || count > r.remaining() / (PackId::size + 2))
        return corrupt("pack dictionary is cut short");
    std::vector<PackNumber> packs;
    packs.reserve(count);
    for (std::uint64_t i = 0; i < count; ++i) {
        const std::uint64_t w = r.varint();
        const std::uint64_t s = r.varint();
        const auto id = PackId::from_bytes(r.bytes(PackId::size));
        if (!id || w > 0xffffffff) return corrupt("pack dictionary is damaged");
        packs.push_back(registry.number_of(
            {{WriterNumber{static_cast<std::uint32_t>(w)}, SessionNumber{s}}, *id}));
    }
    return packs;
}

// ---- runs: delta-coded against the run before them

enum RunTag : std::uint64_t { Continues = 0, NextSlot = 1, Explicit = 2, Hole = 3 };

class RunWriter {
public:
    RunWriter(ByteWriter& w, PackDictionary& packs) : w_(w), packs_(packs) {}
    void write(const Run& run) {
        if (run.is_hole()) {
            w_.varint(RunTag::Hole);
            return;
        }
        if (known_ && run.pack == last_.pack && run.slot == last_.slot &&
            run.offset == last_.offset + last_.length) {
            w_.varint(RunTag::Continues);
        } else if (known_ && run.pack == last_.pack && run.slot == last_.slot + 1 &&
                   run.offset == 0) {
            w_.varint(RunTag::NextSlot);
        } else {
            w_.varint(RunTag::Explicit);
            w_.varint(packs_.index_of(run.pack));
            w_.varint(run.slot);
            w_.varint(run.offset);
        }
        last_ = run;
        known_ = true;
    }

private:
    ByteWriter& w_;
    PackDictionary& packs_;
    Run last_;
    bool known_ = false;
};

class RunReader {
public:
    RunReader(ByteReader& r, const std::vector<PackNumber>& packs) : r_(r), packs_(packs) {}
    /// Everything but the length, which the caller sets through settle().
    bool read(Run& run) {
        switch (r_.varint()) {
            case RunTag::Continues:
                if (!known_) return false;
                run = {last_.pack, last_.slot,
                       static_cast<std::uint32_t>(last_.offset + last_.length), 0};
                return r_.ok();
            case RunTag::NextSlot:
                if (!known_) return false;
                run = {last_.pack, last_.slot + 1, 0, 0};
                return r_.ok();
            case RunTag::Explicit: {
                const std::uint64_t pack = r_.varint();
                const std::uint64_t slot = r_.varint();
                const std::uint64_t offset = r_.varint();
                if (!r_.ok() || pack >= packs_.size() || slot > 0xffffffff || offset > 0xffffffff)
                    return false;
                run = {packs_[pack], static_cast<std::uint32_t>(slot),
                       static_cast<std::uint32_t>(offset), 0};
                return true;
            }
            case RunTag::Hole: run = Run::hole(0); return r_.ok();
            default: return false;
        }
    }
    bool settle(Run& run, std::uint64_t length) {
        run.length = length;
        if (run.is_hole()) return length > 0;
        last_ = run;
        known_ = true;
        return length > 0 && length <= kMaxBlockRaw && run.offset <= kMaxBlockRaw - length;
    }

private:
    ByteReader& r_;
    const std::vector<PackNumber>& packs_;
    Run last_;
    bool known_ = false;
};

// ---- paths: shared prefix with the one before

class PathWriter {
public:
    void add(std::string_view path) {
        const std::size_t limit = std::min(path.size(), last_.size());
        std::size_t shared = 0;
        while (shared < limit && path[shared] == last_[shared]) ++shared;
        shared_.varint(shared);
        lengths_.varint(path.size() - shared);
        text_.bytes(as_bytes(path.substr(shared)));
        last_ = path;
    }
    void write(ByteWriter& w) const {
        w.sized_bytes(shared_.view());
        w.sized_bytes(lengths_.view());
        w.sized_bytes(text_.view());
    }

private:
    ByteWriter shared_, lengths_, text_;
    std::string last_;
};

class PathReader {
public:
    explicit PathReader(ByteReader& r)
        : shared_(r.sized_bytes()), lengths_(r.sized_bytes()), text_(r.sized_bytes()) {}
    bool next(std::string& path) {
        const std::uint64_t shared = shared_.varint();
        const ByteView suffix = text_.bytes(lengths_.varint());
        if (!shared_.ok() || !lengths_.ok() || !text_.ok() || shared > last_.size()) return false;
        last_.resize(shared);
        last_.append(as_text(suffix));
        path = last_;
        return true;
    }
    bool done() const { return shared_.done() && lengths_.done() && text_.done(); }

private:
    ByteReader shared_, lengths_, text_;
    std::string last_;
};

// ---- times: seconds as differences, nanoseconds apart (most files have none)

struct SplitTime {
    std::int64_t seconds;
    std::uint64_t nanoseconds;
};
SplitTime split(std::int64_t time) {
    std::int64_t seconds = time / 1'000'000'000;
    std::int64_t rest = time % 1'000'000'000;
    if (rest < 0) {
        rest += 1'000'000'000;
        --seconds;
    }
    return {seconds, static_cast<std::uint64_t>(rest)};
}

class TimeWriter {
public:
    void add(std::int64_t time) {
        const SplitTime t = split(time);
        seconds_.signed_varint(t.seconds - last_);
        nanoseconds_.varint(t.nanoseconds);
        last_ = t.seconds;
    }
    void write(ByteWriter& w) const {
        w.sized_bytes(seconds_.view());
        w.sized_bytes(nanoseconds_.view());
    }

private:
    ByteWriter seconds_, nanoseconds_;
    std::int64_t last_ = 0;
};

class TimeReader {
public:
    explicit TimeReader(ByteReader& r) : seconds_(r.sized_bytes()), nanoseconds_(r.sized_bytes()) {}
    bool next(std::int64_t& time) {
        const std::int64_t delta = seconds_.signed_varint();
        const std::uint64_t nanoseconds = nanoseconds_.varint();
        if (!seconds_.ok() || !nanoseconds_.ok() || nanoseconds >= 1'000'000'000) return false;
        if (__builtin_add_overflow(last_, delta, &last_)) return false;
        std::int64_t whole = 0;
        // The floor of the smallest representable time lies below it: multiply towards zero first.
        if (last_ < 0) {
            if (__builtin_mul_overflow(last_ + 1, std::int64_t{1'000'000'000}, &whole))
                return false;
            return !__builtin_add_overflow(
                whole, static_cast<std::int64_t>(nanoseconds) - 1'000'000'000, &time);
        }
        if (__builtin_mul_overflow(last_, std::int64_t{1'000'000'000}, &whole)) return false;
        return !__builtin_add_overflow(whole, static_cast<std::int64_t>(nanoseconds), &time);
    }
    bool done() const { return seconds_.done() && nanoseconds_.done(); }

private:
    ByteReader seconds_, nanoseconds_;
    std::int64_t last_ = 0;
};

// ---- a column of dictionary indexes: the dictionary in order of first use, then an index an entry

template <class Key>
class DictionaryWriter {
public:
    template <class WriteItem>
    void add(const Key& key, WriteItem&& write_item) {
        const auto [at, added] = indexes_.try_emplace(key, indexes_.size());
        if (added) write_item(items_, key);
        column_.varint(at->second);
    }
    void write(ByteWriter& w) const {
        w.varint(indexes_.size());
        w.sized_bytes(items_.view());
        w.sized_bytes(column_.view());
    }

private:
    std::map<Key, std::size_t> indexes_;
    ByteWriter items_, column_;
};

template <class Item>
class DictionaryReader {
public:
    /// `read_item(reader, item)` is false for a damaged item.
    template <class ReadItem>
    DictionaryReader(ByteReader& r, ReadItem&& read_item) : column_({}) {
        const std::uint64_t count = r.varint();
        ByteReader items(r.sized_bytes());
        if (count > kMaxEntries) ok_ = false;
        for (std::uint64_t i = 0; ok_ && i < count; ++i) {
            items_.emplace_back();
            ok_ = read_item(items, items_.back()) && items.ok();
        }
        ok_ = ok_ && items.done();
        column_ = ByteReader(r.sized_bytes());
    }
    const Item* next() {
        const std::uint64_t index = column_.varint();
        return ok_ && column_.ok() && index < items_.size() ? &items_[index] : nullptr;
    }
    bool done() const { return ok_ && column_.done(); }

private:
    std::vector<Item> items_;
    ByteReader column_;
    bool ok_ = true;
};

struct Ownership {
    std::uint32_t mode = 0, uid = 0, gid = 0;
    std::string user, group;
    friend auto operator<=>(const Ownership&, const Ownership&) = default;
};

struct Place {
    std::uint64_t device = 0;
    std::uint32_t inode_flags = 0, project_id = 0;
    friend auto operator<=>(const Place&, const Place&) = default;
};

/// An entry's xattrs as one byte string, so that equal sets share a dictionary item.
Buffer encode_xattrs(const TreeEntry& e, PackDictionary& packs) {
    ByteWriter w;
    w.varint(e.entry.xattrs.size());
    auto outlined = e.outlined_xattrs.begin();
    for (std::size_t i = 0; i < e.entry.xattrs.size(); ++i) {
        w.sized_bytes(as_bytes(e.entry.xattrs[i].name));
        if (outlined != e.outlined_xattrs.end() && outlined->xattr == i) {
            w.u8(1);
            w.varint(packs.index_of(outlined->page.pack));
            w.varint(outlined->page.slot);
            ++outlined;
        } else {
            w.u8(0);
            w.sized_bytes(as_bytes(e.entry.xattrs[i].value));
        }
    }
    return w.take();
}

bool decode_xattrs(ByteView bytes, const std::vector<PackNumber>& packs, TreeEntry& e) {
    ByteReader r(bytes);
    const std::uint64_t count = r.varint();
    if (!r.ok() || count > r.remaining() / 2) return false;
    for (std::uint64_t i = 0; i < count; ++i) {
        ExtendedAttribute attribute;
        attribute.name = as_text(r.sized_bytes());
        const std::uint8_t outlined = r.u8();
        if (outlined > 1) return false;
        if (outlined == 1) {
            const std::uint64_t pack = r.varint();
            const std::uint64_t slot = r.varint();
            if (!r.ok() || pack >= packs.size() || slot > 0xffffffff) return false;
            e.outlined_xattrs.push_back(
                {static_cast<std::uint32_t>(i), {packs[pack], static_cast<std::uint32_t>(slot)}});
        } else {
            attribute.value = as_text(r.sized_bytes());
        }
        e.entry.xattrs.push_back(std::move(attribute));
    }
    return r.done();
}

void start_page(ByteWriter& w, PageKind kind, std::size_t count) {
    w.u8(kPageVersion);
    w.u8(static_cast<std::uint8_t>(kind));
    w.varint(count);
}

Result<std::uint64_t> start_reading(ByteReader& r, PageKind kind, std::uint64_t most) {
    if (r.u8() != kPageVersion) return corrupt("has an unknown version");
    if (r.u8() != static_cast<std::uint8_t>(kind)) return corrupt("is of another kind");
    const std::uint64_t count = r.varint();
    if (!r.ok() || count > most) return corrupt("has an impossible count");
    return count;
}

/// The columns of an entries page, in the order in which they lie on disk.
struct EntryColumns {
    explicit EntryColumns(const PackRegistry& registry)
        : packs(registry), run_writer(runs, packs) {}

    void add(const TreeEntry& e) {
        const Entry& entry = e.entry;
        paths.add(entry.path);
        types.u8(static_cast<std::uint8_t>(entry.type));
        ownership.add({entry.mode, entry.uid, entry.gid, entry.user, entry.group},
                      [](ByteWriter& w, const Ownership& o) {
                          w.varint(o.mode);
                          w.varint(o.uid);
                          w.varint(o.gid);
                          w.sized_bytes(as_bytes(o.user));
                          w.sized_bytes(as_bytes(o.group));
                      });
        mtimes.add(entry.mtime_ns);
        ctimes.add(entry.ctime_ns);
        inodes.signed_varint(static_cast<std::int64_t>(entry.inode - last_inode));
        last_inode = entry.inode;
        links.varint(entry.links);
        places.add({entry.device, entry.inode_flags, entry.project_id},
                   [](ByteWriter& w, const Place& p) {
                       w.varint(p.device);
                       w.varint(p.inode_flags);
                       w.varint(p.project_id);
                   });
        const Buffer set = encode_xattrs(e, packs);
        xattrs.add(std::string(as_text(set)),
                   [](ByteWriter& w, const std::string& s) { w.sized_bytes(as_bytes(s)); });
        switch (entry.type) {
            case EntryType::File: add_content(e); break;
            case EntryType::Symlink: targets.sized_bytes(as_bytes(entry.link_target)); break;
            case EntryType::CharDevice:
            case EntryType::BlockDevice:
                devices.varint(entry.device_major);
                devices.varint(entry.device_minor);
                break;
            default: break;
        }
    }

    void add_content(const TreeEntry& e) {
        sizes.varint(e.entry.size);
        if (e.outlined_recipe) {
            run_counts.varint(kMaxInlineRuns + 1);
            run_counts.varint(packs.index_of(e.recipe_page.pack));
            run_counts.varint(e.recipe_page.slot);
            return;
        }
        PERDURE_CHECK(e.recipe.size() <= kMaxInlineRuns && length_of(e.recipe) == e.entry.size);
        run_counts.varint(e.recipe.size());
        for (std::size_t i = 0; i < e.recipe.size(); ++i) {
            run_writer.write(e.recipe[i]);
            if (i + 1 < e.recipe.size()) run_lengths.varint(e.recipe[i].length);
        }
    }

    void write(ByteWriter& w) const {
        packs.write(w);
        paths.write(w);
        w.sized_bytes(types.view());
        ownership.write(w);
        mtimes.write(w);
        ctimes.write(w);
        w.sized_bytes(inodes.view());
        w.sized_bytes(links.view());
        places.write(w);
        xattrs.write(w);
        w.sized_bytes(sizes.view());
        w.sized_bytes(run_counts.view());
        w.sized_bytes(runs.view());
        w.sized_bytes(run_lengths.view());
        w.sized_bytes(targets.view());
        w.sized_bytes(devices.view());
    }

    PackDictionary packs;
    PathWriter paths;
    ByteWriter types, inodes, links, sizes, run_counts, runs, run_lengths, targets, devices;
    RunWriter run_writer;
    DictionaryWriter<Ownership> ownership;
    DictionaryWriter<Place> places;
    DictionaryWriter<std::string> xattrs;
    TimeWriter mtimes, ctimes;
    std::uint64_t last_inode = 0;
};

/// Members are read in the order they are declared, which is the order on disk.
struct EntryColumnsReader {
    EntryColumnsReader(ByteReader& r, const std::vector<PackNumber>& dictionary)
        : packs(dictionary),
          paths(r),
          types(r.sized_bytes()),
          ownership(r,
                    [](ByteReader& i, Ownership& o) {
                        const std::uint64_t mode = i.varint(), uid = i.varint(), gid = i.varint();
                        o.mode = static_cast<std::uint32_t>(mode);
                        o.uid = static_cast<std::uint32_t>(uid);
                        o.gid = static_cast<std::uint32_t>(gid);
                        o.user = as_text(i.sized_bytes());
                        o.group = as_text(i.sized_bytes());
                        return mode <= 07777 && uid <= 0xffffffff && gid <= 0xffffffff;
                    }),
          mtimes(r),
          ctimes(r),
          inodes(r.sized_bytes()),
          links(r.sized_bytes()),
          places(r,
                 [](ByteReader& i, Place& p) {
                     p.device = i.varint();
                     const std::uint64_t flags = i.varint(), project = i.varint();
                     p.inode_flags = static_cast<std::uint32_t>(flags);
                     p.project_id = static_cast<std::uint32_t>(project);
                     return flags <= 0xffffffff && project <= 0xffffffff;
                 }),
          xattrs(r,
                 [](ByteReader& i, ByteView& set) {
                     set = i.sized_bytes();
                     return true;
                 }),
          sizes(r.sized_bytes()),
          run_counts(r.sized_bytes()),
          runs(r.sized_bytes()),
          run_lengths(r.sized_bytes()),
          targets(r.sized_bytes()),
          devices(r.sized_bytes()),
          run_reader(runs, packs) {}

    bool next(TreeEntry& e) {
        Entry& entry = e.entry;
        const Ownership* o = nullptr;
        const Place* p = nullptr;
        const ByteView* set = nullptr;
        const std::uint8_t type = types.u8();
        if (!paths.next(entry.path) || type < 1 || type > 7 || !(o = ownership.next()) ||
            !mtimes.next(entry.mtime_ns) || !ctimes.next(entry.ctime_ns) || !(p = places.next()) ||
            !(set = xattrs.next()))
            return false;
        entry.type = static_cast<EntryType>(type);
        entry.mode = o->mode;
        entry.uid = o->uid;
        entry.gid = o->gid;
        entry.user = o->user;
        entry.group = o->group;
        last_inode += static_cast<std::uint64_t>(inodes.signed_varint());
        entry.inode = last_inode;
        entry.links = links.varint();
        entry.device = p->device;
        entry.inode_flags = p->inode_flags;
        entry.project_id = p->project_id;
        if (!inodes.ok() || !links.ok()) return false;
        if (set->size() > 1 && !decode_xattrs(*set, packs, e)) return false;
        return read_by_type(e);
    }

    bool read_by_type(TreeEntry& e) {
        Entry& entry = e.entry;
        switch (entry.type) {
            case EntryType::File: return read_content(e);
            case EntryType::Symlink:
                entry.link_target = as_text(targets.sized_bytes());
                entry.size = entry.link_target.size();
                return targets.ok();
            case EntryType::CharDevice:
            case EntryType::BlockDevice:
                entry.device_major = static_cast<std::uint32_t>(devices.varint());
                entry.device_minor = static_cast<std::uint32_t>(devices.varint());
                return devices.ok();
            default: return true;
        }
    }

    bool read_content(TreeEntry& e) {
        e.entry.size = sizes.varint();
        const std::uint64_t count = run_counts.varint();
        if (!sizes.ok() || !run_counts.ok() || count > kMaxInlineRuns + 1) return false;
        if (count == kMaxInlineRuns + 1) {
            const std::uint64_t pack = run_counts.varint();
            const std::uint64_t slot = run_counts.varint();
            if (!run_counts.ok() || pack >= packs.size() || slot > 0xffffffff) return false;
            e.outlined_recipe = true;
            e.recipe_page = {packs[pack], static_cast<std::uint32_t>(slot)};
            return true;
        }
        std::uint64_t rest = e.entry.size;
        e.recipe.resize(count);
        for (std::uint64_t i = 0; i < count; ++i) {
            if (!run_reader.read(e.recipe[i])) return false;
            const std::uint64_t length = i + 1 < count ? run_lengths.varint() : rest;
            if (!run_lengths.ok() || length > rest || !run_reader.settle(e.recipe[i], length))
                return false;
            rest -= length;
        }
        return rest == 0;
    }

    bool done() const {
        return paths.done() && types.done() && ownership.done() && mtimes.done() && ctimes.done() &&
               inodes.done() && links.done() && places.done() && xattrs.done() && sizes.done() &&
               run_counts.done() && runs.done() && run_lengths.done() && targets.done() &&
               devices.done();
    }

    const std::vector<PackNumber>& packs;
    PathReader paths;
    ByteReader types;
    DictionaryReader<Ownership> ownership;
    TimeReader mtimes, ctimes;
    ByteReader inodes, links;
    DictionaryReader<Place> places;
    DictionaryReader<ByteView> xattrs;
    ByteReader sizes, run_counts, runs, run_lengths, targets, devices;
    RunReader run_reader;
    std::uint64_t last_inode = 0;
};

}  // namespace

std::size_t page_weight(const TreeEntry& e) {
    std::size_t weight = 64 + e.entry.path.size() + e.entry.link_target.size() +
                         e.entry.user.size() + e.entry.group.size() + 24 * e.recipe.size();
    for (const auto& x : e.entry.xattrs) weight += 16 + x.name.size() + x.value.size();
    return weight;
}

std::size_t page_weight(const InnerChild& child) { return 64 + child.first_path.size(); }

Buffer encode_entries_page(std::span<const TreeEntry> entries, const PackRegistry& registry) {
    EntryColumns columns(registry);
    for (const TreeEntry& e : entries) columns.add(e);
    ByteWriter w;
    start_page(w, PageKind::Entries, entries.size());
    columns.write(w);
    return w.take();
}

Result<std::vector<TreeEntry>> decode_entries_page(ByteView page, PackRegistry& registry) {
    ByteReader r(page);
    const std::uint64_t count = PERDURE_TRY(start_reading(r, PageKind::Entries, kMaxEntries));
    const auto packs = PERDURE_TRY(read_dictionary(r, registry));
    EntryColumnsReader columns(r, packs);
    if (!r.done()) return corrupt("has a wrong length");
    if (count != columns.types.remaining()) return corrupt("has an impossible count");
    std::vector<TreeEntry> entries(count);
    // Entries share bytes of the page: without its weight as a bound a small page could ask for
    // gigabytes.
    std::size_t weight = 0;
    for (std::size_t i = 0; i < entries.size(); ++i) {
        if (!columns.next(entries[i])) return corrupt("has a damaged entry");
        weight += page_weight(entries[i]);
        if (i > 0 && weight > kMaxPageWeight) return corrupt("is heavier than a page may be");
        if (i > 0 && !path_less(entries[i - 1].entry.path, entries[i].entry.path))
            return corrupt("has entries out of order");
    }
    if (!columns.done()) return corrupt("has a column of a wrong length");
    return entries;
}

Buffer encode_inner_page(std::span<const InnerChild> children, const PackRegistry& registry) {
    PackDictionary packs(registry);
    PathWriter paths;
    ByteWriter columns;
    for (const InnerChild& child : children) {
        paths.add(child.first_path);
        columns.varint(packs.index_of(child.page.pack));
        columns.varint(child.page.slot);
        columns.varint(child.entries);
        columns.varint(child.bytes);
    }
    ByteWriter w;
    start_page(w, PageKind::Inner, children.size());
    packs.write(w);
    paths.write(w);
    w.sized_bytes(columns.view());
    return w.take();
}

Result<std::vector<InnerChild>> decode_inner_page(ByteView page, PackRegistry& registry) {
    ByteReader r(page);
    const std::uint64_t count = PERDURE_TRY(start_reading(r, PageKind::Inner, kMaxEntries));
    const auto packs = PERDURE_TRY(read_dictionary(r, registry));
    PathReader paths(r);
    ByteReader columns(r.sized_bytes());
    if (count > columns.remaining()) return corrupt("has an impossible count");
    std::vector<InnerChild> children(count);
    std::size_t weight = 0;
    for (InnerChild& child : children) {
        const bool named = paths.next(child.first_path);
        weight += page_weight(child);
        if (&child != &children.front() && weight > kMaxPageWeight)
            return corrupt("is heavier than a page may be");
        const std::uint64_t pack = columns.varint();
        const std::uint64_t slot = columns.varint();
        child.entries = columns.varint();
        child.bytes = columns.varint();
        if (!named || !columns.ok() || pack >= packs.size() || slot > 0xffffffff)
            return corrupt("has a damaged child");
        child.page = {packs[pack], static_cast<std::uint32_t>(slot)};
    }
    if (!r.done() || !columns.done() || !paths.done()) return corrupt("has a wrong length");
    return children;
}

Buffer encode_runs_page(std::span<const Run> recipe, const PackRegistry& registry) {
    PackDictionary packs(registry);
    ByteWriter runs, lengths;
    RunWriter writer(runs, packs);
    for (const Run& run : recipe) {
        writer.write(run);
        lengths.varint(run.length);
    }
    ByteWriter w;
    start_page(w, PageKind::Runs, recipe.size());
    packs.write(w);
    w.sized_bytes(runs.view());
    w.sized_bytes(lengths.view());
    return w.take();
}

Result<Recipe> decode_runs_page(ByteView page, PackRegistry& registry) {
    ByteReader r(page);
    const std::uint64_t count = PERDURE_TRY(start_reading(r, PageKind::Runs, kMaxRuns));
    const auto packs = PERDURE_TRY(read_dictionary(r, registry));
    ByteReader runs(r.sized_bytes());
    ByteReader lengths(r.sized_bytes());
    RunReader reader(runs, packs);
    if (count > runs.remaining()) return corrupt("has an impossible count");
    Recipe recipe(count);
    for (Run& run : recipe) {
        if (!reader.read(run)) return corrupt("has a damaged run");
        const std::uint64_t length = lengths.varint();
        if (!lengths.ok() || !reader.settle(run, length)) return corrupt("has a damaged run");
    }
    if (!r.done() || !runs.done() || !lengths.done()) return corrupt("has a wrong length");
    return recipe;
}

Buffer encode_runs_inner_page(std::span<const RunsChild> children, const PackRegistry& registry) {
    PackDictionary packs(registry);
    ByteWriter columns;
    for (const RunsChild& child : children) {
        columns.varint(packs.index_of(child.page.pack));
        columns.varint(child.page.slot);
        columns.varint(child.bytes);
    }
    ByteWriter w;
    start_page(w, PageKind::RunsInner, children.size());
    packs.write(w);
    w.sized_bytes(columns.view());
    return w.take();
}

Result<std::vector<RunsChild>> decode_runs_inner_page(ByteView page, PackRegistry& registry) {
    ByteReader r(page);
    const std::uint64_t count = PERDURE_TRY(start_reading(r, PageKind::RunsInner, kMaxRuns));
    const auto packs = PERDURE_TRY(read_dictionary(r, registry));
    ByteReader columns(r.sized_bytes());
    if (count > columns.remaining()) return corrupt("has an impossible count");
    std::vector<RunsChild> children(count);
    for (RunsChild& child : children) {
        const std::uint64_t pack = columns.varint();
        const std::uint64_t slot = columns.varint();
        child.bytes = columns.varint();
        if (!columns.ok() || pack >= packs.size() || slot > 0xffffffff)
            return corrupt("has a damaged child");
        child.page = {packs[pack], static_cast<std::uint32_t>(slot)};
    }
    if (!r.done() || !columns.done()) return corrupt("has a wrong length");
    return children;
}

Buffer encode_bytes_page(ByteView bytes) {
    ByteWriter w;
    start_page(w, PageKind::Bytes, bytes.size());
    w.bytes(bytes);
    return w.take();
}

Result<Buffer> decode_bytes_page(ByteView page) {
    ByteReader r(page);
    const std::uint64_t count = PERDURE_TRY(start_reading(r, PageKind::Bytes, 1U << 20));
    Buffer bytes = to_buffer(r.bytes(count));
    if (!r.done()) return corrupt("has a wrong length");
    return bytes;
}

Result<PageKind> page_kind(ByteView page) {
    if (page.size() < 2 || std::to_integer<std::uint8_t>(page[0]) != kPageVersion)
        return corrupt("has an unknown version");
    const auto kind = std::to_integer<std::uint8_t>(page[1]);
    if (kind < 1 || kind > 7) return corrupt("is of an unknown kind");
    return static_cast<PageKind>(kind);
}

Buffer encode_address(const BirthAddress& address) {
    ByteWriter w;
    w.varint(number(address.pack.session.writer));
    w.varint(number(address.pack.session.session));
    w.bytes(address.pack.pack.view());
    w.varint(address.slot);
    return w.take();
}

Result<BirthAddress> decode_address(ByteView bytes) {
    ByteReader r(bytes);
    const std::uint64_t writer = r.varint();
    const std::uint64_t session = r.varint();
    const auto pack = PackId::from_bytes(r.bytes(PackId::size));
    const std::uint64_t slot = r.varint();
    if (!r.done() || !pack || writer > 0xffffffff || slot > 0xffffffff)
        return Error(ErrorKind::Corrupt, "a page address is damaged");
    return BirthAddress{
        {{WriterNumber{static_cast<std::uint32_t>(writer)}, SessionNumber{session}}, *pack},
        static_cast<std::uint32_t>(slot)};
}

}  // namespace perdure
