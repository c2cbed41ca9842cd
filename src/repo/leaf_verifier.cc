#include "repo/leaf_verifier.h"

#include "base/try.h"
#include "repo/pack_catalog.h"

namespace perdure {

namespace {

constexpr std::size_t kMostManifests = 32;  // of full packs: about 100 KiB each

Error corrupt(const char* why) { return Error(ErrorKind::Corrupt, why); }

}  // namespace

Result<std::shared_ptr<const LeafVerifier::Manifest>> LeafVerifier::manifest_of(
    const PackTable& table, std::stop_token stop) {
    const auto known = state_.with([&](State& s) -> std::shared_ptr<const Manifest> {
        const auto at = s.manifests.find(table.pack);
        return at == s.manifests.end() ? nullptr : at->second;
    });
    if (known) return known;
    auto loaded = std::make_shared<Manifest>();
    loaded->manifest = PERDURE_TRY(load_manifest(repository_, table, stop));
    std::size_t leaf = 0;
    for (const SlotEntry& slot : loaded->manifest.slots) {
        loaded->first_leaf.push_back(leaf);
        leaf += slot.leaf_count;
    }
    std::shared_ptr<const Manifest> manifest = std::move(loaded);
    state_.with([&](State& s) {
        if (s.manifests.size() >= kMostManifests) s.manifests.clear();
        s.manifests.emplace(table.pack, manifest);
    });
    return manifest;
}

Result<Key256> LeafVerifier::key_of(DomainName domain, PackKind kind) {
    const auto of_kind = [&](const DedupKeys& keys) {
        return kind == PackKind::Data ? keys.leaf : keys.page;
    };
    const auto known = state_.with([&](State& s) -> std::optional<Key256> {
        const auto at = s.keys.find(domain);
        return at == s.keys.end() ? std::nullopt : std::optional(of_kind(at->second));
    });
    if (known) return *known;
    const DedupKeys keys =
        expand(PERDURE_TRY(repository_.keyring().domain(domain)), repository_.id());
    state_.with([&](State& s) { s.keys.emplace(domain, keys); });
    return of_kind(keys);
}

Result<void> LeafVerifier::verify(const PackTable& table, std::size_t entry, DomainName domain,
                                  ByteView raw, std::stop_token stop) {
    const auto manifest = PERDURE_TRY(manifest_of(table, stop));
    const auto& slots = manifest->manifest.slots;
    if (entry >= slots.size() || slots[entry].birth != table.slots[entry].birth)
        return corrupt("the pack's manifest and its index disagree");
    KeyedHasher hasher(PERDURE_TRY(key_of(domain, table.kind)));
    const auto leaves = std::span(manifest->manifest.leaves)
                            .subspan(manifest->first_leaf[entry], slots[entry].leaf_count);
    for (const LeafRecord& leaf : leaves) {
        if (leaf.length > raw.size()) return corrupt("block is shorter than its leaves");
        hasher.reset();
        const Digest digest = hasher.update(raw.first(leaf.length)).finish();
        if (!equal(digest.view(), leaf.id.view()))
            return corrupt("block holds a leaf that is not what its id says");
        raw = raw.subspan(leaf.length);
    }
    return raw.empty() ? Result<void>() : corrupt("block is longer than its leaves");
}

}  // namespace perdure
