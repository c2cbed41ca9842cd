#include "engine/check_state.h"

#include <algorithm>
#include <array>

#include "base/try.h"

namespace perdure {

namespace {

constexpr std::size_t kPageCache = 32U << 20;
constexpr std::string_view kPoints = "points/";

// Prefixes of FORMAT.md that this version reads but does not write.
constexpr std::array<std::string_view, 7> kReserved{"gc/",      "closed/", "merged/", "ledger/",
                                                    "imports/", "parity/", "aside/"};

/// What the probe of a store may leave: no part of the repository.
constexpr std::string_view kProbe = "probe/";

bool is_reserved(std::string_view name) {
    return std::any_of(kReserved.begin(), kReserved.end(),
                       [&](std::string_view prefix) { return name.starts_with(prefix); });
}

bool note_pack(Inventory& inventory, PackRegistry& registry, std::string_view name,
               std::uint64_t size) {
    const auto parsed = names::parse_pack(name);
    if (!parsed) return false;
    auto at =
        std::find(inventory.classes.begin(), inventory.classes.end(), parsed->retention_class);
    if (at == inventory.classes.end()) at = inventory.classes.insert(at, parsed->retention_class);
    auto& pack = inventory.pack(registry.number_of(parsed->pack));
    if (pack.listed)
        return false;  // the same pack under two names: the second is not a name of ours
    pack.size = size;
    pack.retention_class = static_cast<std::uint32_t>(at - inventory.classes.begin());
    pack.kind = parsed->kind;
    pack.listed = true;
    return true;
}

void note_object(Inventory& inventory, PackRegistry& registry, std::string_view name,
                 std::uint64_t size) {
    ++inventory.objects;
    if (note_pack(inventory, registry, name, size)) return;
    if (const auto s = names::parse_log_entry(name)) return void(inventory.log.insert(*s));
    if (const auto s = names::parse_point(name)) return void(inventory.points.insert(*s));
    if (const auto s = names::parse_index(name)) return void(inventory.index.insert(*s));
    if (const auto s = names::parse_hints(name)) return void(inventory.hints.insert(*s));
    if (const auto f = names::parse_fate(name)) return inventory.fates.push_back(*f);
    if (const auto w = names::parse_enrolment(name)) return inventory.enrolments.push_back(*w);
    if (const auto k = names::parse_key_slot(name)) return inventory.slots.push_back(*k);
    if (const auto e = names::parse_epoch(name)) return inventory.epochs.push_back(*e);
    if (name == names::config().text() || name.starts_with(kProbe)) return;
    (is_reserved(name) ? inventory.reserved : inventory.unknown).emplace_back(name);
}

}  // namespace

ObjectName Inventory::name_of(const PackRegistry& registry, PackNumber n) const {
    const BirthPack birth = registry.pack_of(n);
    const StoredPack& pack = packs[number(n)];
    return names::pack(classes[pack.retention_class], pack.kind, birth.session, birth.pack);
}

Result<Inventory> take_inventory(Store& store, PackRegistry& registry, std::stop_token stop) {
    Inventory inventory;
    const auto note = [&](std::string_view name, const ObjectStat& stat) {
        note_object(inventory, registry, name, stat.size);
        return true;
    };
    // Points first: of one that a backup commits meanwhile, the packs would seem to be missing.
    PERDURE_TRY(store.list(kPoints, note, stop));
    PERDURE_TRY(store.list(
        "",
        [&](std::string_view name, const ObjectStat& stat) {
            return name.starts_with(kPoints) || note(name, stat);
        },
        stop));
    // The log once more: what a session that began meanwhile stored would belong to none.
    PERDURE_TRY(store.list(
        "log/",
        [&](std::string_view name, const ObjectStat&) {
            const auto session = names::parse_log_entry(name);
            if (session && inventory.log.insert(*session).second) ++inventory.objects;
            return true;
        },
        stop));
    return inventory;
}

CheckState::CheckState(const Repository& checked, const CheckOptions& wanted, Reporter& to,
                       std::stop_token stop_token)
    : repository(checked),
      options(wanted),
      reporter(to),
      stop(std::move(stop_token)),
      catalog(checked, registry),
      pages(checked, catalog, kPageCache) {}

CheckFinding& CheckState::add(std::string object, std::string kind, std::string text) {
    // Errors name the object they are about; a finding does so in a field of its own.
    if (text.starts_with(object + ": ")) text.erase(0, object.size() + 2);
    ++reporter.progress.issues;
    CheckFinding finding;
    finding.object = std::move(object);
    finding.kind = std::move(kind);
    finding.text = std::move(text);
    return result.findings.emplace_back(std::move(finding));
}

CheckFinding& CheckState::note(std::string object, std::string kind, std::string text) {
    CheckFinding& finding = add(std::move(object), std::move(kind), std::move(text));
    finding.note = true;
    return finding;
}

CheckFinding& CheckState::about(const std::string& object, const std::string& kind,
                                const std::string& text) {
    for (CheckFinding& finding : result.findings)
        if (finding.object == object) return finding;
    return add(object, kind, text);
}

void CheckState::damage(PackNumber pack, std::uint32_t first, std::uint32_t count,
                        const std::string& kind, const std::string& text) {
    if (number(pack) >= finding_of_.size()) finding_of_.resize(number(pack) + std::size_t{1}, -1);
    int& at = finding_of_[number(pack)];
    if (at < 0) {
        const BirthPack birth = registry.pack_of(pack);
        const bool known =
            number(pack) < inventory.packs.size() &&
            (inventory.packs[number(pack)].listed || inventory.packs[number(pack)].named);
        const std::string object =
            known ? inventory.name_of(registry, pack).text()
                  : names::pack(kDefaultRetentionClass, PackKind::Data, birth.session, birth.pack)
                        .text();
        at = static_cast<int>(result.findings.size());
        add(object, kind, text);
    }
    CheckFinding& finding = result.findings[static_cast<std::size_t>(at)];
    for (std::uint32_t slot = first; slot < first + count; ++slot) {
        if (damaged_.contains(pack, slot)) continue;
        damaged_.mark(pack, slot);
        finding.blocks.push_back(slot);
    }
}

bool CheckState::lies_elsewhere(PackNumber pack, std::uint32_t slot) {
    if (!moved) return false;
    const auto places = moved->places_of(registry.address(pack, slot));
    return std::any_of(places.begin(), places.end(), [&](const MovedBlocks::Place& place) {
        return inventory.pack(registry.number_of(place.table->pack)).listed;
    });
}

int CheckState::finding_of(PackNumber pack) const {
    return number(pack) < finding_of_.size() ? finding_of_[number(pack)] : -1;
}

const char* finding_kind(const Error& error) {
    if (error.kind() == ErrorKind::NotFound) return "missing";
    return error.kind() == ErrorKind::Denied ? "refused" : "damaged";
}

bool ends_check(const Error& error) {
    return error.kind() == ErrorKind::Cancelled || error.kind() == ErrorKind::Unavailable ||
           error.kind() == ErrorKind::Timeout;
}

}  // namespace perdure
