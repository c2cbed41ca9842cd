// A tree as a stream of entries whose pages may be stepped over unopened: what a comparison of two
// trees walks.
//
// The head is either a page that nobody has opened yet or an entry. Opening a page replaces it by
// what it holds, so whoever steps over an unopened page steps over every entry below it, at no
// cost. Only the subtree at one path is shown, with paths relative to it. Not thread-safe.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/point_reader.h"

namespace perdure {

class TreeStream {
public:
    /// A stream of nothing.
    TreeStream() = default;
    TreeStream(PointReader&, const PointPath& from, std::stop_token);

    bool at_end() const { return frames_.empty() && at_ == entries_.size(); }
    bool at_page() const { return at_ == entries_.size() && !frames_.empty(); }
    /// Path of the head, relative to the subtree: no entry of an unopened page lies before it.
    std::string path() const;
    /// The unopened page at the head: its address, and how many entries lie below it.
    BirthAddress page() const;
    std::uint64_t page_entries() const;
    /// The entry at the head. complete() loads what of it lies in pages of its own.
    TreeEntry& entry() { return entries_[at_]; }
    Result<void> complete(TreeEntry&);

    Result<void> open();
    void step();

    /// Where in its root the subtree lies.
    const std::string& subtree() const { return from_; }
    PointReader& reader() const { return *reader_; }

private:
    struct Frame {
        std::vector<InnerChild> children;
        std::size_t next = 0;
        std::optional<std::string> end;  // every path below is less
    };
    /// Steps over what lies before the subtree, and ends behind it.
    void settle();
    const InnerChild& child() const { return frames_.back().children[frames_.back().next]; }
    std::optional<std::string> end_of_child() const;
    bool is_past(std::string_view path) const;
    std::string relative(std::string_view path) const;

    PointReader* reader_ = nullptr;
    std::string from_;
    PageAddress root_;
    LoadPage load_;
    std::vector<Frame> frames_;
    std::vector<TreeEntry> entries_;
    std::size_t at_ = 0;
};

}  // namespace perdure
