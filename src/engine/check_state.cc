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

int CheckState::finding_about(PackNumber pack, const std::string& kind, const std::string& text) {
    if (number(pack) >= finding_about_.size())
        finding_about_.resize(number(pack) + std::size_t{1}, -1);
    int& at = finding_about_[number(pack)];
    if (at >= 0) return at;
    const BirthPack birth = registry.pack_of(pack);
    const bool known =
        number(pack) < inventory.packs.size() &&
        (inventory.packs[number(pack)].listed || inventory.packs[number(pack)].named);
    const std::string object =
        known
            ? inventory.name_of(registry, pack).text()
            : names::pack(kDefaultRetentionClass, PackKind::Data, birth.session, birth.pack).text();
    at = static_cast<int>(result.findings.size());
    add(object, kind, text);
    return at;
}

bool CheckState::lies_elsewhere(const BirthAddress& block) {
    const auto good = [&](const MovedBlock& at) {
        const PackNumber holder = registry.number_of(at.table->pack);
        return number(holder) < inventory.packs.size() && inventory.packs[number(holder)].listed &&
               !bad_places_.contains(holder, at.entry);
    };
    const auto copies = catalog.elsewhere(block, stop);
    return copies && std::any_of(copies->begin(), copies->end(), good);
}

void CheckState::lose_unless_elsewhere(const BirthAddress& block, int finding) {
    const PackNumber pack = registry.number_of(block.pack);
    const bool at_birth = number(pack) < inventory.packs.size() &&
                          inventory.packs[number(pack)].listed &&
                          !bad_places_.contains(pack, block.slot);
    if (number(pack) >= findings_of_.size()) findings_of_.resize(number(pack) + std::size_t{1});
    auto& findings = findings_of_[number(pack)];
    if (std::find(findings.begin(), findings.end(), finding) == findings.end())
        findings.push_back(finding);
    if (!at_birth && !lies_elsewhere(block)) damaged_.mark(pack, block.slot);
}

void CheckState::damage(PackNumber pack, std::uint32_t first, std::uint32_t count,
                        const std::string& kind, const std::string& text) {
    const int at = finding_about(pack, kind, text);
    const BirthPack birth = registry.pack_of(pack);
    for (std::uint32_t slot = first; slot < first + count; ++slot) {
        if (bad_places_.contains(pack, slot)) continue;
        bad_places_.mark(pack, slot);
        result.findings[static_cast<std::size_t>(at)].blocks.push_back(slot);
        lose_unless_elsewhere({birth, slot}, at);
    }
}

void CheckState::damage_copy(PackNumber pack, std::uint32_t entry, const BirthAddress& block,
                             const std::string& kind, const std::string& text) {
    const int at = finding_about(pack, kind, text);
    if (bad_places_.contains(pack, entry)) return;
    bad_places_.mark(pack, entry);
    result.findings[static_cast<std::size_t>(at)].blocks.push_back(entry);
    lose_unless_elsewhere(block, at);
}

void CheckState::lose(PackNumber pack, std::uint32_t slot, const std::string& kind,
                      const std::string& text) {
    damage(pack, slot, 1, kind, text);
    damaged_.mark(pack, slot);
}

std::vector<bool> CheckState::holders_of(const LivenessMarks& marks) {
    std::vector<bool> packs;
    const auto add = [&](PackNumber n) {
        if (number(n) >= packs.size()) packs.resize(number(n) + std::size_t{1});
        packs[number(n)] = true;
    };
    for (std::uint32_t pack = 0; pack < marks.bitmaps().size(); ++pack) {
        const auto& bitmap = marks.bitmaps()[pack];
        if (bitmap.empty()) continue;
        if (pack < inventory.packs.size() && inventory.packs[pack].listed) {
            add(PackNumber{pack});
            continue;
        }
        for (std::uint32_t slot = 0; slot < bitmap.size() * 64; ++slot) {
            if (!marks.contains(PackNumber{pack}, slot)) continue;
            const auto copies = catalog.elsewhere(registry.address(PackNumber{pack}, slot), stop);
            if (copies && !copies->empty()) add(registry.number_of(copies->front().table->pack));
        }
    }
    return packs;
}

void CheckState::excuse_replaced_packs() {
    std::set<int> replaced;
    for (std::uint32_t pack = 0; pack < findings_of_.size(); ++pack) {
        if (findings_of_[pack].empty()) continue;
        const auto moved = catalog.moved(registry.pack_of(PackNumber{pack}), stop);
        if (moved && *moved) replaced.insert(findings_of_[pack].begin(), findings_of_[pack].end());
    }
    for (const int at : replaced) {
        CheckFinding& finding = result.findings[static_cast<std::size_t>(at)];
        if (finding.kind != "missing" || !finding.points.empty()) continue;
        finding.note = true;
        finding.kind = "replaced";
        finding.text += "; those that points need lie in other packs";
    }
}

const std::vector<int>& CheckState::findings_of(PackNumber pack) const {
    static const std::vector<int> none;
    return number(pack) < findings_of_.size() ? findings_of_[number(pack)] : none;
}

std::int64_t last_whole(const CheckState& state, const BirthPack& pack) {
    if (state.options.ledger == nullptr) return 0;
    const auto at = state.options.ledger->packs.find(pack);
    if (at == state.options.ledger->packs.end()) return 0;
    return at->second.at(state.options.level == CheckLevel::Deep ? LedgerLevel::Deep
                                                                 : LedgerLevel::Aead);
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
