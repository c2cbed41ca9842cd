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
    ObeyedLists lists;                         // what verdicts let go
    std::shared_ptr<const MovedBlocks> moved;  // by repacks; may be null
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
    const LivenessMarks& damaged() const { return damaged_; }
    /// Whether a repack has put the block into a pack that is there.
    bool lies_elsewhere(PackNumber pack, std::uint32_t slot);
    /// Which finding a damaged pack has; -1 for none.
    int finding_of(PackNumber) const;
    Result<Buffer> load(const ObjectName& name) const {
        return repository.store().load(name, ByteRange::all(), stop);
    }
    bool wants(SessionName point) const {
        return options.points.empty() || options.points.contains(point);
    }

private:
    LivenessMarks damaged_;
    std::vector<int> finding_of_;  // by pack number
};

/// Errors that end a check instead of becoming findings.
bool ends_check(const Error&);
/// "missing", "refused" or "damaged".
const char* finding_kind(const Error&);

// The parts, in the order they run.
Result<void> check_owner_records(CheckState&);          // epochs, key slots, enrolments
Result<void> check_logs(CheckState&);                   // every log's chain
Result<void> check_ends(CheckState&);                   // points and what else ends a number; fates
Result<void> check_indexes(CheckState&);                // indexes and the packs they name
Result<void> check_loose_objects(CheckState&);          // what no end binds
Result<void> check_trees(CheckState&, TreeInspector&);  // pages and liveness summaries
Result<void> check_packs(CheckState&);                  // reads what the level asks for
Result<void> find_affected(CheckState&,
                           TreeInspector&);  // points and paths that need damaged blocks

}  // namespace perdure
