// Indexes and the packs they name; and what lies in the store that no end binds.

#include <algorithm>

#include "base/try.h"
#include "engine/check_state.h"

namespace perdure {

namespace {

/// Slots that end behind the end of what is there.
std::uint32_t first_cut_off(const PackTable& table, std::uint64_t size) {
    const auto whole = [&](const SlotEntry& slot) {
        return slot.offset + kBlockHeaderSize + slot.sealed_length <= size;
    };
    const auto at = std::find_if_not(table.slots.begin(), table.slots.end(), whole);
    return static_cast<std::uint32_t>(at - table.slots.begin());
}

bool adds_up(const PackTable& table) {
    const std::uint64_t end = table.slots.empty() ? 0
                                                  : table.slots.back().offset + kBlockHeaderSize +
                                                        table.slots.back().sealed_length;
    return end <= table.manifest_offset &&
           table.manifest_offset + table.manifest_length + kPackFooterSize == table.size;
}

/// The blocks of a pack from one on.
void damage_from(CheckState& state, const PackTable& table, std::uint32_t first,
                 const std::string& kind, const std::string& text) {
    const PackNumber n = state.registry.number_of(table.pack);
    state.damage(n, first, 0, kind, text);
    for (std::uint32_t slot = first; slot < table.slots.size(); ++slot)
        if (table.slots[slot].birth.pack == table.pack)
            state.damage(n, slot, 1, kind, text);
        else
            state.damage_copy(n, slot, table.slots[slot].birth, kind, text);
}

/// Of a pack that was deleted, or overwritten by something of another size: whether the store still
/// has it as it was. Then that is what is read from now on.
bool is_kept_below(CheckState& state, const PackTable& table) {
    Store& store = state.repository.store();
    const auto older = store.fall_back_to_first(table.name(), state.stop);
    if (!older || !*older) return false;
    const auto stat = store.stat(table.name(), state.stop);
    return stat && stat->size == table.size;
}

void check_table(CheckState& state, const PackTable& table) {
    ++state.result.packs;
    const PackNumber n = state.registry.number_of(table.pack);
    Inventory::StoredPack& stored = state.inventory.pack(n);
    const bool listed = stored.listed && state.inventory.name_of(state.registry, n) == table.name();
    const auto slots = static_cast<std::uint32_t>(table.slots.size());
    stored.named = true;
    stored.slots = slots;
    if (!listed) {
        auto& classes = state.inventory.classes;
        auto at = std::find(classes.begin(), classes.end(), table.retention_class);
        if (at == classes.end()) at = classes.insert(at, table.retention_class);
        stored.retention_class = static_cast<std::uint32_t>(at - classes.begin());
        stored.kind = table.kind;
    }
    // What is still needed of what was dropped lies elsewhere, which is checked block by block.
    if (!listed && state.lists.is_dropped(table.pack)) return;
    if ((!listed || stored.size != table.size) && is_kept_below(state, table)) {
        stored.listed = true;
        stored.size = table.size;
    } else if (!listed) {
        damage_from(state, table, 0, "missing",
                    "is missing; it held " + std::to_string(slots) + " blocks");
        return;
    }
    if (stored.size != table.size) {
        damage_from(state, table, first_cut_off(table, stored.size), "size",
                    "has " + std::to_string(stored.size) + " bytes instead of " +
                        std::to_string(table.size));
    } else if (!adds_up(table)) {
        state.add(table.name().text(), "size", "its index places blocks outside of it");
    }
}

/// Only metadata packs stay known: pages are read through the catalog, and a table of all blocks of
/// a large repository would not fit in memory.
void learn_pages(CheckState& state, const Index& index) {
    Index pages;
    pages.session = index.session;
    pages.sealed_secret = index.sealed_secret;
    for (const PackTable& table : index.packs)
        if (table.kind == PackKind::Metadata) pages.packs.push_back(table);
    state.catalog.learn(pages);
}

}  // namespace

Result<void> check_indexes(CheckState& state) {
    for (CheckedEnd& end : state.ends) {
        const Point& point = end.point;
        if (!point.header.index) continue;
        const auto index = state.repository.load_index(point.session(), point.header.index,
                                                       state.stop, IndexParts::WithoutLiveness);
        if (!index && ends_check(index.error())) return index.error();
        // gc deletes those of expired points, and of repacks, after all of their packs.
        const bool kept = is_point(point.header.kind) && !point.expired;
        if (!index && !kept && index.error().kind() == ErrorKind::NotFound &&
            !state.lists.lists().empty())
            continue;
        if (!index) {
            auto& finding = state.add(names::index(point.session()).text(),
                                      finding_kind(index.error()), index.error().describe());
            if (end.selected) finding.points.push_back(point.session());
            continue;
        }
        end.index_good = true;
        learn_pages(state, **index);
        end.index_needed =
            std::any_of((*index)->packs.begin(), (*index)->packs.end(),
                        [&](const PackTable& t) { return !state.lists.is_dropped(t.pack); });
        // What came from elsewhere says where its blocks lay there.
        if (end.imported) continue;
        for (const PackTable& table : (*index)->packs) check_table(state, table);
    }
    return {};
}

// ------------------------------------------------------------------------------------ loose
// objects

namespace {

struct Sessions {
    std::set<SessionName> bound;  // its end binds an index
    std::set<SessionName> ended;  // believed, whatever it is
    std::set<SessionName> fenced;
};

Sessions sort_sessions(const CheckState& state) {
    Sessions sessions;
    for (const CheckedEnd& end : state.ends) {
        const SessionName session = end.point.session();
        sessions.ended.insert(session);
        if (end.point.header.index) sessions.bound.insert(session);
        if (end.point.header.kind == EndKind::Fence) sessions.fenced.insert(session);
    }
    return sessions;
}

bool has_unbelieved_end(const CheckState& state, const Sessions& sessions, SessionName s) {
    return state.inventory.points.contains(s) && !sessions.ended.contains(s);
}

Result<void> check_unbound_indexes(CheckState& state, const Sessions& sessions) {
    for (const SessionName s : state.inventory.index) {
        if (sessions.bound.contains(s)) continue;
        const std::string name = names::index(s).text();
        const auto index =
            state.repository.load_index(s, std::nullopt, state.stop, IndexParts::WithoutLiveness);
        if (!index && ends_check(index.error())) return index.error();
        if (!index) {
            if (const auto object = state.load(names::index(s));
                object && state.repository.lacks_key_of(*object))
                continue;
            state.add(name, finding_kind(index.error()), index.error().describe());
        } else if (PERDURE_TRY(state.repository.is_imported(s.writer, state.stop))) {
            state.note(name, "unbound", "came from elsewhere, and its copy was interrupted");
        } else if (!state.inventory.log.contains(s)) {
            state.add(name, "stray", "no session of that number was begun");
        } else if (sessions.ended.contains(s) && !sessions.fenced.contains(s)) {
            state.add(name, "stray", "what ended its session names no index");
        }
    }
    return {};
}

/// Whoever removes the end of a session leaves what an interrupted one leaves: nobody can tell them
/// apart, so both are named.
Result<void> check_unended(CheckState& state) {
    for (const SessionName s : state.inventory.log) {
        if (state.inventory.points.contains(s)) continue;
        const auto entry = state.repository.load_log_entry(s, nullptr, state.stop);
        if (!entry && ends_check(entry.error())) return entry.error();
        if (entry && entry->kind == LogKind::Session)
            state.note(names::point(s).text(), "unended",
                       "is not there, but its session was begun: it was interrupted, still runs, "
                       "or its end was removed");
    }
    return {};
}

Result<void> check_hints(CheckState& state) {
    for (const SessionName s : state.inventory.hints) {
        const ObjectName name = names::hints(s);
        if (!state.inventory.log.contains(s)) {
            state.add(name.text(), "stray", "no session of that number was begun");
            continue;
        }
        // They are for speed only, and large: looked into when everything is.
        if (state.options.level == CheckLevel::Structure) continue;
        const auto object = state.load(name);
        if (!object && ends_check(object.error())) return object.error();
        if (object && state.repository.lacks_key_of(*object)) continue;
        const auto opened =
            object ? state.repository.open_by_writer(ObjectType::Hints, name, s.writer, *object)
                   : Result<OpenedRecord>(object.error());
        const auto hints =
            opened ? decode_hints(opened->body) : Result<std::vector<PackHints>>(opened.error());
        if (!hints) state.add(name.text(), finding_kind(hints.error()), hints.error().describe());
    }
    return {};
}

ObjectType type_of_reserved(std::string_view name) {
    if (name.starts_with("gc/"))
        return name.ends_with(".verdict") ? ObjectType::Verdict : ObjectType::CondemnedList;
    if (name.starts_with("closed/")) return ObjectType::Closed;
    if (name.starts_with("merged/")) return ObjectType::Merged;
    if (name.starts_with("ledger/")) return ObjectType::Ledger;
    if (name.starts_with("imports/")) return ObjectType::Import;
    return name.starts_with("parity/") ? ObjectType::Parity : ObjectType::Aside;
}

Result<void> open_reserved(const Repository& repository, const ObjectName& name, ByteView object) {
    const ObjectType type = type_of_reserved(name.text());
    if (type == ObjectType::Ledger) {
        PERDURE_TRY(open_ledger_record(repository, name, object));
        return {};
    }
    PERDURE_TRY(repository.open_by_maintainer(type, name, object));
    return {};
}

Result<void> check_reserved(CheckState& state) {
    for (const std::string& text : state.inventory.reserved) {
        const ObjectName name = PERDURE_TRY(ObjectName::parse(text));
        const auto object = state.load(name);
        if (!object && ends_check(object.error())) return object.error();
        const auto opened =
            object ? open_reserved(state.repository, name, *object) : Result<void>(object.error());
        if (!opened && !(object && state.repository.lacks_key_of(*object)))
            state.add(text, finding_kind(opened.error()), opened.error().describe());
    }
    for (const std::string& name : state.inventory.unknown)
        state.add(name, "unknown", "is not a name that a repository has; it is left alone");
    return {};
}

void check_unnamed_packs(CheckState& state, const Sessions& sessions) {
    const auto& packs = state.inventory.packs;
    for (std::uint32_t n = 0; n < packs.size(); ++n) {
        if (!packs[n].listed || packs[n].named) continue;
        const SessionName s = state.registry.pack_of(PackNumber{n}).session;
        // Open, interrupted or fenced: what such a session stored is never adopted and goes with
        // collection.
        const bool broken_off = state.inventory.log.contains(s) && !sessions.bound.contains(s);
        if (broken_off || has_unbelieved_end(state, sessions, s)) {
            ++state.result.unreferenced_packs;
            state.result.unreferenced_bytes += packs[n].size;
            continue;
        }
        const bool bad_index = std::any_of(
            state.ends.begin(), state.ends.end(),
            [&](const CheckedEnd& end) { return end.point.session() == s && !end.index_good; });
        if (!bad_index)
            state.add(state.inventory.name_of(state.registry, PackNumber{n}).text(), "stray",
                      "no index names it");
    }
}

}  // namespace

Result<void> check_loose_objects(CheckState& state) {
    const Sessions sessions = sort_sessions(state);
    PERDURE_TRY(check_unended(state));
    PERDURE_TRY(check_unbound_indexes(state, sessions));
    PERDURE_TRY(check_hints(state));
    PERDURE_TRY(check_reserved(state));
    check_unnamed_packs(state, sessions);
    return {};
}

}  // namespace perdure
