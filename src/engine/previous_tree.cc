#include "engine/previous_tree.h"

#include <algorithm>
#include <map>
#include <unordered_map>

#include "base/try.h"
#include "codec/byte_io.h"
#include "source/issue.h"

namespace perdure {

namespace {

constexpr std::size_t kPartSize = 4U << 20;
constexpr std::size_t kPartsInMemory = 3;

std::string prefix_of(const SourceKey& source) { return "tree-" + source.hex(); }
std::string part_name(const std::string& prefix, const std::string& session, std::uint64_t part) {
    return prefix + "-" + session + "-" + std::to_string(part);
}

struct Summary {
    std::string session;
    std::uint64_t parts = 0;
    SessionDigest point;
    std::int64_t started_ns = 0;
    std::vector<PreviousRoot> roots;
    PathsByRoot incomplete;
};

Buffer encode_summary(const Summary& s) {
    ByteWriter w;
    w.sized_bytes(as_bytes(s.session));
    w.varint(s.parts);
    w.u32(number(s.point.session.writer));
    w.u64(number(s.point.session.session));
    w.bytes(s.point.digest.view());
    w.u64(static_cast<std::uint64_t>(s.started_ns));
    w.varint(s.roots.size());
    for (const PreviousRoot& root : s.roots) {
        w.sized_bytes(as_bytes(root.name));
        w.sized_bytes(encode_address(root.page));
    }
    w.varint(s.incomplete.size());
    for (const auto& [root, path] : s.incomplete) {
        w.sized_bytes(as_bytes(root));
        w.sized_bytes(as_bytes(path));
    }
    return w.take();
}

std::optional<Summary> load_summary(const LocalCache& cache, const std::string& name) {
    const auto bytes = cache.load(name);
    if (!bytes) return std::nullopt;
    ByteReader r(*bytes);
    Summary s;
    s.session = as_text(r.sized_bytes());
    s.parts = r.varint();
    s.point.session.writer = WriterNumber{r.u32()};
    s.point.session.session = SessionNumber{r.u64()};
    const auto digest = Digest::from_bytes(r.bytes(Digest::size));
    s.started_ns = static_cast<std::int64_t>(r.u64());
    const std::uint64_t roots = r.varint();
    if (!digest || roots > 65536) return std::nullopt;
    s.point.digest = *digest;
    for (std::uint64_t i = 0; i < roots && r.ok(); ++i) {
        std::string root(as_text(r.sized_bytes()));
        const auto page = decode_address(r.sized_bytes());
        if (!page) return std::nullopt;
        s.roots.push_back({std::move(root), *page});
    }
    for (std::uint64_t left = r.varint(); left > 0 && r.ok(); --left) {
        std::string root(as_text(r.sized_bytes()));
        s.incomplete.emplace(std::move(root), as_text(r.sized_bytes()));
    }
    if (!r.done()) return std::nullopt;
    return s;
}

std::vector<PreviousRoot> roots_of(const PointBody& body) {
    std::vector<PreviousRoot> roots;
    for (const Root& root : body.roots) roots.push_back({root.name, root.page});
    return roots;
}

/// Pages by address from the parts. Parts are read in the order of the walk, so a few in memory are
/// enough.
class CachedPages {
public:
    CachedPages(const LocalCache& cache, Summary summary, PackRegistry& registry,
                std::string prefix)
        : cache_(cache),
          summary_(std::move(summary)),
          registry_(registry),
          prefix_(std::move(prefix)) {}

    /// Reads every part once: which page lies where. False if one is gone or damaged.
    bool index() {
        for (std::uint64_t p = 0; p < summary_.parts; ++p)
            if (!load_part(p)) return false;
        return true;
    }

    Result<std::shared_ptr<const Buffer>> load(PageAddress page) {
        const BirthAddress address = registry_.address(page.pack, page.slot);
        const auto at = places_.find(address);
        if (at == places_.end()) return Error(ErrorKind::NotFound, "a page is not in the cache");
        const auto part = in_memory_.find(at->second.part);
        const auto bytes = part != in_memory_.end() ? part->second : load_part(at->second.part);
        if (!bytes) return Error(ErrorKind::NotFound, "a part of the cached tree is gone");
        return std::make_shared<const Buffer>(
            to_buffer(ByteView(*bytes).subspan(at->second.offset, at->second.length)));
    }

private:
    struct Place {
        std::uint64_t part;
        std::size_t offset, length;
    };

    std::shared_ptr<const Buffer> load_part(std::uint64_t number) {
        auto bytes = cache_.load(part_name(prefix_, summary_.session, number));
        if (!bytes) return nullptr;
        auto part = std::make_shared<const Buffer>(std::move(*bytes));
        ByteReader r(*part);
        while (r.remaining() > 0) {
            const auto address = decode_address(r.sized_bytes());
            const ByteView page = r.sized_bytes();
            if (!r.ok() || !address) return nullptr;
            places_[*address] = {number, static_cast<std::size_t>(page.data() - part->data()),
                                 page.size()};
        }
        while (in_memory_.size() >= kPartsInMemory) in_memory_.erase(in_memory_.begin());
        in_memory_[number] = part;
        return part;
    }

    const LocalCache& cache_;
    Summary summary_;
    PackRegistry& registry_;
    std::string prefix_;
    std::map<BirthAddress, Place> places_;
    std::map<std::uint64_t, std::shared_ptr<const Buffer>> in_memory_;
};

/// With the owner's keys: the newest point of this source by this writer, straight from the
/// repository.
std::optional<PreviousTree> from_repository(const Repository& repository, const SourceKey& source,
                                            WriterNumber writer, PackRegistry& registry,
                                            std::stop_token stop) {
    if (!repository.is_owner()) return std::nullopt;
    std::vector<SessionName> names;
    const auto listed = repository.store().list(
        names::points_prefix(writer),
        [&](std::string_view name, const ObjectStat&) {
            if (const auto session = names::parse_point(name)) names.push_back(*session);
            return true;
        },
        stop);
    if (!listed) return std::nullopt;
    for (auto session = names.rbegin(); session != names.rend(); ++session) {
        const auto point = repository.load_point(*session, stop);
        if (!point || point->header.source_key != source) continue;
        // A writer that makes copies makes nothing else.
        if (point->header.kind != EndKind::Files && point->header.kind != EndKind::Copy) continue;
        const auto body = repository.load_body(*point, stop);
        if (!body) return std::nullopt;
        struct Reading {
            PackCatalog catalog;
            BlockReader reader;
            Reading(const Repository& r, PackRegistry& p)
                : catalog(r, p), reader(r, catalog, 16U << 20) {}
        };
        auto reading = std::make_shared<Reading>(repository, registry);
        PreviousTree tree;
        tree.point = {*session, point->digest};
        tree.started_ns = point->header.started_ns;
        tree.roots = roots_of(*body);
        tree.incomplete = incomplete_paths(*body);
        tree.load = [reading, stop](PageAddress page) {
            return reading->reader.read(page.pack, page.slot, stop);
        };
        return tree;
    }
    return std::nullopt;
}

}  // namespace

const PreviousRoot* PreviousTree::root(std::string_view name) const {
    for (const PreviousRoot& r : roots)
        if (r.name == name) return &r;
    return nullptr;
}

TreeCacheWriter::TreeCacheWriter(const LocalCache& cache, const SourceKey& source,
                                 SessionName session, PackRegistry& registry,
                                 const PreviousTree* previous)
    : cache_(cache),
      prefix_(prefix_of(source)),
      session_(short_text(session)),
      registry_(registry),
      previous_(previous) {}

void TreeCacheWriter::add(const BirthAddress& address, ByteView page) {
    write_kept();
    write(address, page);
}

void TreeCacheWriter::keep(const BirthAddress& address) {
    kept_.push_back(address);
    if (parts_ > 0 || !part_.empty()) write_kept();
}

void TreeCacheWriter::write_kept() {
    for (const BirthAddress& address : std::exchange(kept_, {})) {
        const auto raw = previous_->load({registry_.number_of(address.pack), address.slot});
        if (!raw) {
            complete_ = false;
            continue;
        }
        write(address, **raw);
    }
}

/// Every page was kept, so what the cache holds of that point is what it would hold of this one.
bool TreeCacheWriter::is_same_tree(const SessionDigest& cached) const {
    return parts_ == 0 && part_.empty() && previous_ != nullptr && previous_->cached &&
           previous_->point.session == cached.session && previous_->point.digest == cached.digest;
}

void TreeCacheWriter::write(const BirthAddress& address, ByteView page) {
    ByteWriter w;
    w.sized_bytes(encode_address(address));
    w.sized_bytes(page);
    append(part_, w.view());
    if (part_.size() >= kPartSize) end_part();
}

void TreeCacheWriter::end_part() {
    if (part_.empty()) return;
    cache_.save(part_name(prefix_, session_, parts_++), part_);
    part_.clear();
}

void TreeCacheWriter::finish(const SessionDigest& point, std::int64_t started_ns,
                             const PointBody& body) {
    const auto old = load_summary(cache_, prefix_);
    if (old && is_same_tree(old->point)) {
        cache_.save(prefix_, encode_summary({old->session, old->parts, point, started_ns,
                                             roots_of(body), incomplete_paths(body)}));
        return;
    }
    write_kept();
    end_part();
    if (!complete_) return;
    cache_.save(prefix_, encode_summary({session_, parts_, point, started_ns, roots_of(body),
                                         incomplete_paths(body)}));
    if (!old || old->session == session_) return;
    for (std::uint64_t p = 0; p < old->parts; ++p)
        cache_.remove(part_name(prefix_, old->session, p));
}

namespace {

std::optional<PreviousTree> of_generation(const Repository& repository, const LocalCache& cache,
                                          const SourceKey& source, WriterNumber writer,
                                          PackRegistry& registry, std::stop_token stop) {
    const std::string prefix = prefix_of(source);
    if (auto summary = load_summary(cache, prefix)) {
        const auto point = repository.load_point(summary->point.session, stop);
        if (point && point->digest == summary->point.digest && is_point(point->header.kind)) {
            PreviousTree tree{
                summary->point, summary->started_ns, summary->roots, summary->incomplete, {}, true};
            auto pages =
                std::make_shared<CachedPages>(cache, std::move(*summary), registry, prefix);
            if (pages->index()) {
                tree.load = [pages](PageAddress page) { return pages->load(page); };
                return tree;
            }
        }
    }
    return from_repository(repository, source, writer, registry, stop);
}

}  // namespace

PathsByRoot incomplete_paths(const PointBody& body) {
    PathsByRoot paths;
    for (const RecordedIssue& issue : body.issues)
        if (issue.kind == static_cast<std::uint8_t>(IssueKind::MetadataLost) &&
            issue.root < body.roots.size())
            paths.emplace(body.roots[issue.root].name, issue.path);
    return paths;
}

SourceKey source_key_of(const DedupKeys& keys, std::string_view host,
                        const std::vector<std::string>& roots) {
    Transcript text("perdure source v1");
    text.add(host);
    std::vector<std::string> sorted = roots;
    std::sort(sorted.begin(), sorted.end());
    for (const std::string& root : sorted) text.add(root);
    return *SourceKey::from_bytes(
        keyed_hash(keys.source, text.view()).view().first(SourceKey::size));
}

std::optional<PreviousTree> find_previous_tree(const Repository& repository,
                                               const LocalCache& cache, std::string_view host,
                                               const std::vector<std::string>& roots,
                                               WriterNumber writer, PackRegistry& registry,
                                               std::stop_token stop) {
    const DomainRecord* domain = repository.epoch().domain(repository.domain_name().domain);
    if (domain == nullptr) return std::nullopt;
    const auto find = [&](const Result<DomainKeys>& keys) -> std::optional<PreviousTree> {
        if (!keys) return std::nullopt;
        const SourceKey source = source_key_of(expand(*keys, repository.id()), host, roots);
        return of_generation(repository, cache, source, writer, registry, stop);
    };
    auto tree = find(repository.domain_keys());
    for (std::size_t i = domain->past.size(); !tree && i-- > 0;)
        tree = find(repository.keyring().domain({domain->id, domain->past[i].generation}));
    return tree;
}

}  // namespace perdure
