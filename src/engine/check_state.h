// What the parts of a check share (engine/check*.cc only): the inventory of the store, the
// findings, and the blocks that cannot be read.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "engine/check.h"
#include "repo/block_reader.h"
#include "repo/moved_blocks.h"
#include "repo/obeyed_lists.h"
#include "repo/pack_catalog.h"

namespace perdure {

class TreeInspector;

/// An end that was believed. Its index is good if it is the one the end binds.
struct CheckedEnd {
    Point point;
    bool selected = false;
    bool index_good = false;
    std::vector<bool> packs;    // it needs, by number: those that hold its blocks
    bool imported = false;      // of the repository that this one is a replica of
    bool index_needed = false;  // it names a pack that no verdict let go
};

/// What the store lists, by kind. Packs are kept by their number: 10^6 of them take about 40 MiB.
struct Inventory {
    struct StoredPack {
        std::uint64_t size = 0;
        std::uint32_t retention_class = 0;  // of `classes`
        std::uint32_t slots = 0;            // as the index says; known if it is named
        PackKind kind = PackKind::Data;
        bool listed = false;  // by the store
        bool named = false;   // by an index that an end binds
    };
    std::vector<StoredPack> packs;  // by pack number
    std::vector<std::string> classes;
    std::vector<EpochNumber> epochs;
    std::vector<SlotId> slots;
    std::vector<WriterNumber> enrolments;
    std::set<SessionName> log, points, index, hints;
    std::vector<names::FateName> fates;
    std::vector<std::string> reserved;  // below prefixes that this version does not write
    std::vector<std::string> unknown;
    std::uint64_t objects = 0;

    StoredPack& pack(PackNumber n) {
        if (number(n) >= packs.size()) packs.resize(number(n) + std::size_t{1});
        return packs[number(n)];
    }
    ObjectName name_of(const PackRegistry&, PackNumber) const;
};
Result<Inventory> take_inventory(Store&, PackRegistry&, std::stop_token);

class CheckState {
public:
    CheckState(const Repository&, const CheckOptions&, Reporter&, std::stop_token);

    const Repository& repository;
    const CheckOptions& options;
    Reporter& reporter;
    const std::stop_token stop;
    PackRegistry registry;
    PackCatalog catalog;
    BlockReader pages;
    Inventory inventory;
    ObeyedLists lists;  // what verdicts let go
    std::vector<CheckedEnd> ends;
    /// What the selected points need, where only some are selected.
    std::optional<LivenessMarks> needed;
    CheckResult result;

    CheckFinding& add(std::string object, std::string kind, std::string text);
    CheckFinding& note(std::string object, std::string kind, std::string text);
    /// The finding about `object` if there is one already, else a new one.
    CheckFinding& about(const std::string& object, const std::string& kind,
                        const std::string& text);
    /// The blocks of `pack` from `first` on cannot be read: one finding a pack gathers them.
    void damage(PackNumber pack, std::uint32_t first, std::uint32_t count, const std::string& kind,
                const std::string& text);
    /// The same of a copy that lies in `pack`. The block itself is lost when all that hold it are
    /// damaged.
    void damage_copy(PackNumber pack, std::uint32_t entry, const BirthAddress& block,
                     const std::string& kind, const std::string& text);
    /// A block that cannot be had from anywhere.
    void lose(PackNumber pack, std::uint32_t slot, const std::string& kind,
              const std::string& text);
    /// The packs that hold what `marks` names.
    std::vector<bool> holders_of(const LivenessMarks& marks);
    /// Packs that are gone, and whose blocks lie elsewhere where points need them: nothing is wrong
    /// there.
    void excuse_replaced_packs();
    /// Whether a copy of the block that nothing is known to be wrong with lies in another pack.
    bool lies_elsewhere(const BirthAddress& block);
    /// Blocks that are lost.
    const LivenessMarks& damaged() const { return damaged_; }
    /// Whether a finding is about that pack already.
    bool has_finding(PackNumber n) const {
        return number(n) < finding_about_.size() && finding_about_[number(n)] >= 0;
    }
    /// Which findings speak of blocks born in that pack.
    const std::vector<int>& findings_of(PackNumber) const;
    Result<Buffer> load(const ObjectName& name) const {
        return repository.store().load(name, ByteRange::all(), stop);
    }
    bool wants(SessionName point) const {
        return options.points.empty() || options.points.contains(point);
    }

private:
    int finding_about(PackNumber, const std::string& kind, const std::string& text);
    void lose_unless_elsewhere(const BirthAddress& block, int finding);

    LivenessMarks damaged_;
    std::vector<int> finding_about_;             // by pack number; -1
    std::vector<std::vector<int>> findings_of_;  // by pack number
    LivenessMarks bad_places_;                   // by the pack that holds it, and entry
};

/// Errors that end a check instead of becoming findings.
bool ends_check(const Error&);
/// "missing", "refused" or "damaged".
const char* finding_kind(const Error&);

/// When the ledger says that a pack was last found whole at the level of this check; 0: never.
std::int64_t last_whole(const CheckState&, const BirthPack&);

// The parts, in the order they run.
Result<void> check_owner_records(CheckState&);          // epochs, key slots, enrolments
Result<void> check_logs(CheckState&);                   // every log's chain
Result<void> check_ends(CheckState&);                   // points and what else ends a number; fates
Result<void> check_indexes(CheckState&);                // indexes and the packs they name
Result<void> check_loose_objects(CheckState&);          // what no end binds
Result<void> check_trees(CheckState&, TreeInspector&);  // pages and liveness summaries
Result<void> check_packs(CheckState&);                  // reads what the level asks for
void find_whole(CheckState&);  // packs and points that nothing is wrong with; blocks that are lost
Result<void> find_affected(CheckState&,
                           TreeInspector&);  // points and paths that need damaged blocks
Result<void> name_covered(CheckState&);      // what only older versions in the store still hold
Result<void> excuse_what_went(CheckState&);  // packs and indexes that were collected meanwhile
/// Whether what is missing may be so rightly, or was only not listed: then it is to be checked
/// again.
Result<bool> has_moved_on(const CheckState&);
void excuse_what_came(CheckState&);  // where it moves on for ever: named as missing, and there now

}  // namespace perdure
