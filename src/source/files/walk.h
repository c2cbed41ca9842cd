// The walk of a file tree: depth first, names bytewise, so entries come in path order.
//
// Every directory on the way down is held open and everything is found relative to it. When the
// tree is deeper than the process may have descriptors, the shallowest are let go and found again
// from the root by their names, which counts only if device and inode are the same at every level.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "source/file_source.h"
#include "source/files/id_names.h"
#include "source/files/listing_ahead.h"
#include "source/files/names.h"
#include "source/files/root.h"

struct stat;

namespace perdure {

class TreeWalk final : public FileWalk {
public:
    /// `open_directories`: how many levels are held open at most, at least 2.
    TreeWalk(std::shared_ptr<const FilesRoot> root, std::size_t open_directories);

    std::optional<WalkEvent> next() override;
    void skip_subtree() override { descend_ = false; }

    /// What the process can spare for one walk. Raises its soft limit of open files to the hard
    /// one.
    static std::size_t affordable_directories();

private:
    /// Paths of root_->only that are beneath a directory; `all` if everything in it is wanted.
    struct Wanted {
        bool all = true;
        std::size_t first = 0;
        std::size_t end = 0;
    };
    struct Ahead {
        std::size_t name = 0;
        std::shared_ptr<ListingAhead::Request> request;
    };
    struct Level {
        std::shared_ptr<const DirectoryHandle> handle;  // null while let go
        std::uint64_t device = 0;
        std::uint64_t inode = 0;
        DirectoryNames names;
        std::vector<NameStat> stats;  // of the first names, if it was listed ahead
        std::size_t next_name = 0;
        std::deque<Ahead> ahead;      // directories in it that are asked for, in order
        std::size_t next_ahead = 0;   // name to ask for next
        std::size_t path_length = 0;  // of path_ for the directory itself
        Wanted wanted;
        bool excludes_all = false;  // stored without content
    };

    WalkEvent visit_root();
    std::optional<WalkEvent> visit(Level& level, std::size_t name);
    std::optional<WalkEvent> deliver(WalkedEntry walked, const struct stat& info, Wanted below);
    std::optional<Wanted> wanted_below(const Level& level) const;
    std::optional<WalkEvent> missing_below(const Wanted& wanted, const char* why);
    bool is_excluded(std::string_view path);

    std::optional<Issue> enter();
    std::optional<Issue> enter(Listing listing);
    Fd open_below(std::size_t depth, int& failed) const;
    int list(Level& level);
    std::optional<Listing> listed_ahead();
    void ask_ahead(Level& level);
    void drop_ahead(Level& level);
    std::optional<Issue> leave();
    int find_again(std::size_t depth);
    void let_go_above(std::size_t keep);
    bool holds_exclusion_mark(int directory) const;

    std::shared_ptr<const FilesRoot> root_;
    const std::size_t open_directories_;
    IdNames ids_;
    std::vector<char> buffer_;
    ListingAhead listings_;
    std::size_t asked_ = 0;  // listings that are asked for and not yet taken or dropped

    bool started_ = false;
    bool descend_ = false;  // into what next() returned last
    Wanted below_;          // what is wanted in it
    std::uint64_t entered_device_ = 0;
    std::uint64_t entered_inode_ = 0;

    std::vector<Level> levels_;  // [0, depth_) are in use; the rest keep their memory
    std::size_t depth_ = 0;
    std::size_t let_go_ = 0;  // levels_[0, let_go_) have no handle
    std::string path_;        // of the entry at hand
    std::string absolute_;    // scratch for patterns
};

}  // namespace perdure
