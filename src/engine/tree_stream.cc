#include "engine/tree_stream.h"

#include "base/try.h"

namespace perdure {

namespace {
constexpr std::size_t kMaxDepth = 16;
}  // namespace

TreeStream::TreeStream(PointReader& reader, const PointPath& from, std::stop_token stop)
    : reader_(&reader),
      from_(from.path),
      root_{reader.registry().number_of(from.root->page.pack), from.root->page.slot},
      load_(reader.blocks().page_loader(std::move(stop))) {
    Frame frame;
    frame.children.push_back(
        {"", root_, from.root->statistics.entries, from.root->statistics.bytes});
    frames_.push_back(std::move(frame));
    settle();
}

bool TreeStream::is_past(std::string_view path) const {
    return path != from_ && !is_beneath(path, from_) && path_less(from_, path);
}

std::optional<std::string> TreeStream::end_of_child() const {
    const Frame& frame = frames_.back();
    if (frame.next + 1 < frame.children.size()) return frame.children[frame.next + 1].first_path;
    return frame.end;
}

void TreeStream::settle() {
    while (at_ < entries_.size() && path_less(entries_[at_].entry.path, from_)) ++at_;
    const auto end = [this] {
        entries_.clear();
        frames_.clear();
        at_ = 0;
    };
    if (at_ < entries_.size()) {
        if (is_past(entries_[at_].entry.path)) end();
        return;
    }
    while (!frames_.empty()) {
        Frame& frame = frames_.back();
        if (frame.next == frame.children.size()) {
            frames_.pop_back();
            continue;
        }
        if (is_past(child().first_path)) return end();
        const auto limit = end_of_child();
        if (!limit || path_less(from_, *limit)) return;
        ++frame.next;  // all of it lies before the subtree
    }
}

std::string TreeStream::relative(std::string_view path) const {
    if (!is_beneath(path, from_)) return "";
    return std::string(from_.empty() ? path : path.substr(from_.size() + 1));
}

std::string TreeStream::path() const {
    return relative(at_ < entries_.size() ? entries_[at_].entry.path : child().first_path);
}

BirthAddress TreeStream::page() const {
    return reader_->registry().address(child().page.pack, child().page.slot);
}

std::uint64_t TreeStream::page_entries() const { return child().entries; }

Result<void> TreeStream::complete(TreeEntry& entry) {
    return TreeCursor(root_, reader_->registry(), load_).complete(entry);
}

Result<void> TreeStream::open() {
    const auto raw = PERDURE_TRY(load_(child().page));
    const PageKind kind = PERDURE_TRY(page_kind(*raw));
    if (kind == PageKind::Entries) {
        entries_ = PERDURE_TRY(decode_entries_page(*raw, reader_->registry()));
        at_ = 0;
        ++frames_.back().next;
        settle();
        return {};
    }
    if (kind != PageKind::Inner || frames_.size() > kMaxDepth)
        return Error(ErrorKind::Corrupt, "tree: holds a wrong page");
    Frame below;
    below.children = PERDURE_TRY(decode_inner_page(*raw, reader_->registry()));
    below.end = end_of_child();
    ++frames_.back().next;
    frames_.push_back(std::move(below));
    settle();
    return {};
}

void TreeStream::step() {
    if (at_ < entries_.size())
        ++at_;
    else
        ++frames_.back().next;
    settle();
}

}  // namespace perdure
