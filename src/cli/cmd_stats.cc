// perdure stats: how much is protected, and what it takes.

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <unordered_set>

#include "app/store_record.h"
#include "base/try.h"
#include "cli/command.h"
#include "cli/json.h"
#include "cli/lock_report.h"
#include "cli/text.h"
#include "cli/traffic.h"
#include "repo/collection.h"
#include "repo/ledger.h"

namespace perdure {

namespace {

struct Amount {
    std::uint64_t objects = 0;
    std::uint64_t bytes = 0;
};

/// Blocks of one kind, from the indexes: without reading a pack.
struct Blocks {
    std::uint64_t blocks = 0, leaves = 0, raw = 0, sealed = 0;
};

/// Contents that were overwritten or deleted and that the store still keeps, and asks money for.
struct OldVersions {
    Amount amount;
    std::int64_t oldest_ns = 0, newest_ns = 0;  // when they ceased to be what a name holds
};

struct Totals {
    std::map<std::string, Amount> by_prefix;
    std::optional<OldVersions> old_versions;  // only where versions are kept, and may be listed
    std::unordered_set<BirthPack, BirthPackHash> stored_packs;
    Amount all, data_packs, metadata_packs;
    Blocks data, metadata;
    std::size_t points = 0, verified = 0, hosts = 0, problems = 0, unreadable_indexes = 0;
    std::uint64_t logical = 0;  // sum over points
    std::uint64_t largest = 0;  // of the newest point of each source
    std::int64_t oldest_ns = 0, newest_ns = 0;
    nlohmann::json locks = nlohmann::json::array();
    std::vector<std::string> lock_lines;
    std::optional<CollectionPlan> space;  // what gc would do; only for who may collect

    std::uint64_t condemned() const {
        return space->condemnable.bytes + space->listed.bytes + space->due.bytes;
    }
    std::uint64_t live() const {
        return space->stored.bytes - condemned() - space->in_grace.bytes - space->locked.bytes -
               space->unused;
    }
};

Result<void> count_objects(Store& store, Totals& totals, std::stop_token stop) {
    return store.list(
        "",
        [&](std::string_view name, const ObjectStat& stat) {
            const auto add = [&](Amount& amount) {
                ++amount.objects;
                amount.bytes += stat.size;
            };
            add(totals.all);
            add(totals.by_prefix[std::string(name.substr(0, name.find('/')))]);
            if (const auto pack = names::parse_pack(name)) {
                add(pack->kind == PackKind::Data ? totals.data_packs : totals.metadata_packs);
                totals.stored_packs.insert(pack->pack);
            }
            return true;
        },
        stop);
}

/// A version is old from when the next one of its name, which is listed before it, came.
void count_old_versions(Store& store, Totals& totals, std::stop_token stop) {
    ObjectVersions* versions = store.versions();
    if (versions == nullptr) return;
    OldVersions old;
    std::string of;
    std::int64_t followed_ns = 0;
    const auto listed = versions->list(
        "",
        [&](std::string_view name, const ObjectVersion& version) {
            const bool first = name != of;
            if (first) of = name;
            if (!version.is_newest && !version.is_deletion) {
                ++old.amount.objects;
                old.amount.bytes += version.size;
                const std::int64_t since = first ? version.modified_ns : followed_ns;
                if (old.oldest_ns == 0 || since < old.oldest_ns) old.oldest_ns = since;
                old.newest_ns = std::max(old.newest_ns, since);
            }
            followed_ns = version.modified_ns;
            return true;
        },
        stop);
    if (listed) totals.old_versions = old;
}

Result<void> count_points(const Repository& repository, Totals& totals, std::stop_token stop) {
    const PointList list = PERDURE_TRY(repository.list_points(stop));
    const Ledger ledger = PERDURE_TRY(load_ledger(repository, stop));
    std::map<SourceKey, std::uint64_t> newest;
    std::map<std::string, int> hosts;
    for (const Point& point : list.points) {
        const PointHeader& h = point.header;
        totals.logical += h.statistics.bytes;
        newest[h.source_key] = h.statistics.bytes;
        ++hosts[h.host];
        if (ledger.verified_at(point)) ++totals.verified;
        if (totals.points++ == 0) totals.oldest_ns = h.finished_ns;
        totals.newest_ns = h.finished_ns;
    }
    for (const auto& [source, bytes] : newest) totals.largest += bytes;
    totals.hosts = hosts.size();
    totals.problems = list.problems.size();
    return {};
}

void count_table(const PackTable& table, Totals& totals) {
    Blocks& blocks = table.kind == PackKind::Data ? totals.data : totals.metadata;
    for (const SlotEntry& slot : table.slots) {
        ++blocks.blocks;
        blocks.leaves += slot.leaf_count;
        blocks.raw += slot.raw_length;
        blocks.sealed += slot.sealed_length;
    }
}

Result<void> count_blocks(const Repository& repository, Totals& totals, std::stop_token stop) {
    std::vector<SessionName> sessions;
    PERDURE_TRY(repository.store().list(
        "index/",
        [&](std::string_view name, const ObjectStat&) {
            if (const auto session = names::parse_index(name)) sessions.push_back(*session);
            return true;
        },
        stop));
    for (const SessionName session : sessions) {
        const auto index = repository.load_index(session, std::nullopt, stop);
        if (!index && index.error().kind() == ErrorKind::Cancelled) return index.error();
        if (!index) {
            ++totals.unreadable_indexes;
            continue;
        }
        // Packs may be gone: by a collection, or as this index is of what a replica is a copy of.
        for (const PackTable& table : (*index)->packs)
            if (totals.stored_packs.contains(table.pack)) count_table(table, totals);
    }
    return {};
}

/// What of the packs is needed, and what gc could free: the joined summaries of all points.
void count_space(const OpenedRepository& opened, Totals& totals, std::stop_token stop) {
    const auto maintainer =
        Maintainer::from(*opened.repository, opened.writer ? &*opened.writer : nullptr);
    if (!maintainer) return;
    const CollectionRules rules{};
    auto plan = Collection(*maintainer, rules, stop).plan();
    if (plan) totals.space = std::move(*plan);
}

nlohmann::json time_or_null(std::int64_t ns) {
    return ns == 0 ? nlohmann::json() : nlohmann::json(to_iso8601({ns}));
}

nlohmann::json space_json(const Totals& t) {
    if (!t.space) return nlohmann::json();
    return {{"live", t.live()},
            {"unused", t.space->unused},
            {"condemned", t.condemned()},
            {"in_grace", t.space->in_grace.bytes},
            {"locked", t.space->locked.bytes},
            {"locked_until", time_or_null(t.space->locked_until_ns)},
            {"grace_ends", time_or_null(t.space->grace_ends_ns)}};
}

void print_space(const Totals& t) {
    fmt::print("space:         {} live, about {} unused in packs that stay; gc can free {}",
               human_bytes(t.live()), human_bytes(t.space->unused), human_bytes(t.condemned()));
    if (t.space->in_grace.packs > 0)
        fmt::print(", and {} after {}", human_bytes(t.space->in_grace.bytes),
                   local_time(t.space->grace_ends_ns));
    if (t.space->locked.packs > 0)
        fmt::print("; {} are locked until {}", human_bytes(t.space->locked.bytes),
                   local_time(t.space->locked_until_ns));
    fmt::print("\n");
}

nlohmann::json old_versions_json(const std::optional<OldVersions>& old) {
    if (!old) return nlohmann::json();
    nlohmann::json fields{{"versions", old->amount.objects}, {"bytes", old->amount.bytes}};
    if (old->amount.objects > 0) {
        fields["oldest"] = to_iso8601({old->oldest_ns});
        fields["newest"] = to_iso8601({old->newest_ns});
    }
    return fields;
}

void print_old_versions(const OldVersions& old) {
    fmt::print("noncurrent:    {} in {} versions", human_bytes(old.amount.bytes),
               old.amount.objects);
    if (old.amount.objects > 0)
        fmt::print(", since {} to {}; the bucket's lifecycle rule says when they go",
                   local_time(old.oldest_ns), local_time(old.newest_ns));
    fmt::print("\n");
}

double ratio(std::uint64_t of, std::uint64_t to) {
    return to == 0 ? 0 : static_cast<double>(of) / static_cast<double>(to);
}

nlohmann::json to_json(const Blocks& b) {
    return {{"blocks", b.blocks}, {"leaves", b.leaves}, {"raw", b.raw}, {"sealed", b.sealed}};
}

void print_totals_json(const Totals& t, const StoreProperties& store,
                       const std::optional<StoreRecord>& probe) {
    nlohmann::json prefixes = nlohmann::json::object();
    for (const auto& [prefix, amount] : t.by_prefix)
        prefixes[prefix] = {{"objects", amount.objects}, {"bytes", amount.bytes}};
    print_json(
        "stats",
        {{"points", t.points},
         {"points_verified", t.verified},
         {"hosts", t.hosts},
         {"problems", t.problems},
         {"unreadable_indexes", t.unreadable_indexes},
         {"logical", t.logical},
         {"logical_newest", t.largest},
         {"stored", t.all.bytes},
         {"objects", t.all.objects},
         {"prefixes", prefixes},
         {"data", to_json(t.data)},
         {"metadata", to_json(t.metadata)},
         {"deduplication", ratio(t.logical, t.data.raw)},
         {"compression", ratio(t.data.raw, t.data.sealed)},
         {"saving", ratio(t.logical, t.all.bytes)},
         {"space", space_json(t)},
         {"noncurrent", old_versions_json(t.old_versions)},
         {"locks", t.locks},
         {"store",
          {{"description", store.description},
           {"conditional_create", store.conditional_create},
           {"connections", store.connections},
           {"pack_size", store.pack_size},
           {"probe", probe ? to_json(probe->found) : nlohmann::json()},
           {"probed_ns", probe ? nlohmann::json(probe->probed.nanoseconds) : nlohmann::json()}}}});
}

void print_totals(const Totals& t, const StoreProperties& store,
                  const std::optional<StoreRecord>& probe) {
    fmt::print("points:        {} of {} hosts", t.points, t.hosts);
    if (t.points > 0) fmt::print(", {} to {}", local_time(t.oldest_ns), local_time(t.newest_ns));
    fmt::print("\nverified:      {} of {} points", t.verified, t.points);
    fmt::print("\nprotected:     {} in all points, {} in the newest of each source\n",
               human_bytes(t.logical), human_bytes(t.largest));
    fmt::print("stored:        {} in {} objects; 1 byte for {:.1f} protected\n",
               human_bytes(t.all.bytes), t.all.objects, ratio(t.logical, t.all.bytes));
    fmt::print("content:       {} in {} blocks, {} before compression, {} leaves\n",
               human_bytes(t.data.sealed), t.data.blocks, human_bytes(t.data.raw), t.data.leaves);
    fmt::print("trees:         {} in {} pages, {} before compression\n",
               human_bytes(t.metadata.sealed), t.metadata.blocks, human_bytes(t.metadata.raw));
    fmt::print("ratios:        deduplication {:.2f}, compression {:.2f}\n",
               ratio(t.logical, t.data.raw), ratio(t.data.raw, t.data.sealed));
    fmt::print("packs:         {} of content ({}), {} of trees ({})\n", t.data_packs.objects,
               human_bytes(t.data_packs.bytes), t.metadata_packs.objects,
               human_bytes(t.metadata_packs.bytes));
    if (t.space) print_space(t);
    if (t.old_versions) print_old_versions(*t.old_versions);
    for (const std::string& line : t.lock_lines) fmt::print("locks:         {}\n", line);
    fmt::print("objects:\n");
    for (const auto& [prefix, amount] : t.by_prefix)
        fmt::print("  {:<12} {:>8}  {:>11}\n", printable(prefix), amount.objects,
                   human_bytes(amount.bytes));
    fmt::print("store:         {}\n", printable(store.description));
    if (!probe)
        fmt::print("  refuses to create an object twice: {}\n",
                   store.conditional_create ? "yes" : "no");
    else
        print_capabilities(probe->found);
    if (probe) fmt::print("  (as probed on {})\n", local_time(probe->probed.nanoseconds));
    fmt::print("  packs of {}, {} parallel requests\n", human_bytes(store.pack_size),
               store.connections);
    if (t.problems + t.unreadable_indexes > 0)
        fmt::print("{} points and {} indexes could not be read: see `perdure check`\n", t.problems,
                   t.unreadable_indexes);
}

Result<void> run_stats(Context& context) {
    const auto opened = PERDURE_TRY(context.open(Need::AnyKey));
    remember_records(opened);
    Totals totals;
    PERDURE_TRY(count_objects(*opened.store, totals, context.stop()));
    count_old_versions(*opened.store, totals, context.stop());
    PERDURE_TRY(count_points(*opened.repository, totals, context.stop()));
    PERDURE_TRY(count_blocks(*opened.repository, totals, context.stop()));
    count_space(opened, totals, context.stop());
    if (opened.repository->locks_objects())
        for (const ClassLocks& of :
             PERDURE_TRY(look_at_locks(*opened.repository, context.stop()))) {
            totals.locks.push_back(lock_json(of));
            totals.lock_lines.push_back(lock_line(of));
        }
    const auto probe = load_store_record(opened.repository->id());
    if (context.options.json)
        print_totals_json(totals, opened.store->properties(), probe);
    else
        print_totals(totals, opened.store->properties(), probe);
    if (totals.problems + totals.unreadable_indexes > 0) context.exit_code = kExitPartial;
    return {};
}

}  // namespace

void add_stats_command(CLI::App& app, Context& context) {
    auto* command = app.add_subcommand("stats", "show how much is protected and what it takes");
    command->footer("Reads the listing, the points' headers and the indexes; no packs.");
    run_command(*command, context, [&context] { return run_stats(context); });
}

}  // namespace perdure
