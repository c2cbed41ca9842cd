// Reads the trees of many points, each page once, and tells what they need and whom damage hurts.
//
// What a page needs (its children, the blocks of its entries) is remembered in a compact form,
// within a budget, so that the thousandth point over the same pages costs a walk over memory.
#pragma once

#include <memory>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "engine/check_state.h"

namespace perdure {

class TreeInspector {
public:
    explicit TreeInspector(CheckState& state) : state_(state) {}

    /// Marks every block the tree needs. Pages that cannot be read become damage in the state.
    Result<void> mark(const BirthAddress& root, LivenessMarks&);
    /// Adds to the findings of damaged blocks the paths in this tree that need them. A page that
    /// was looked into for an earlier tree is not looked into again.
    Result<void> find_paths(const Root&);

private:
    enum class Role : std::uint8_t { Tree, Runs, Bytes };
    struct Child {
        PageAddress page;
        Role role;
    };
    struct Blocks {  // of one pack, one behind the other
        PackNumber pack;
        std::uint32_t first, count;
    };
    struct Facts {
        bool bad = false;
        std::vector<Child> children;
        std::vector<Blocks> blocks;
    };
    using SharedFacts = std::shared_ptr<const Facts>;
    struct Range {  // of paths below a page
        std::string from;
        std::optional<std::string> before;
    };

    Result<SharedFacts> facts_of(const Child&);
    Result<void> read_facts(const Child&, Facts&);
    Result<void> read_tree_page(ByteView raw, PageAddress, Facts&);
    Result<void> read_run_page(ByteView raw, Facts&);
    void note_runs(const Recipe&, Facts&);
    void check_exists(PackNumber, std::uint32_t slot);
    Result<void> mark(const Child&, LivenessMarks&, int depth);

    Result<bool> touches(const Child&, int depth);
    void add_findings(PackNumber, std::set<int>& findings) const;
    Result<void> collect(const Child&, std::set<int>& findings, int depth);
    Result<void> look_into(const Root&, PageAddress, const Range&, int depth);
    Result<void> look_at_entry(const Root&, const TreeEntry&);
    void add_path(const Root&, const std::set<int>& findings, const std::string& path);

    CheckState& state_;
    std::unordered_map<std::uint64_t, SharedFacts> known_;
    std::size_t known_bytes_ = 0;
    std::unordered_map<std::uint64_t, bool> touches_;
    std::unordered_set<std::uint64_t> looked_into_;
    std::size_t paths_ = 0;
};

}  // namespace perdure
