#include "support/memory_tree.h"

namespace perdure {

namespace {

using SharedNodes = std::shared_ptr<const MemoryTree::Nodes>;

class MemoryFile final : public OpenFile {
public:
    explicit MemoryFile(std::string content) : content_(std::move(content)) {}
    void read_ahead(std::uint64_t) override {}
    Result<std::size_t> read(std::uint64_t offset, MutableByteView out) override {
        if (offset >= content_.size()) return std::size_t{0};
        const std::size_t length = std::min<std::size_t>(out.size(), content_.size() - offset);
        std::memcpy(out.data(), content_.data() + offset, length);
        return length;
    }
    Result<std::vector<DataExtent>> data_extents() override {
        return std::vector<DataExtent>{{0, content_.size()}};
    }
    bool may_be_sparse() const override { return false; }
    std::uint64_t size() const override { return content_.size(); }
    Result<bool> changed_since_open() override { return false; }

private:
    std::string content_;
};

class MemoryWalk final : public FileWalk {
public:
    explicit MemoryWalk(SharedNodes nodes) : nodes_(std::move(nodes)), at_(nodes_->begin()) {}
    std::optional<WalkEvent> next() override {
        if (at_ == nodes_->end()) return std::nullopt;
        WalkedEntry walked;
        walked.entry = at_->second.entry;
        last_ = at_->first;
        ++at_;
        return WalkEvent(std::move(walked));
    }
    void skip_subtree() override {
        while (at_ != nodes_->end() && is_beneath(at_->first, last_)) ++at_;
    }

private:
    SharedNodes nodes_;
    MemoryTree::Nodes::const_iterator at_;
    std::string last_;
};

class MemorySource final : public FileSource {
public:
    explicit MemorySource(SharedNodes nodes) : nodes_(std::move(nodes)) {}
    std::unique_ptr<FileWalk> walk() override { return std::make_unique<MemoryWalk>(nodes_); }
    std::variant<std::unique_ptr<OpenFile>, Issue> open(WalkedEntry& walked) override {
        return std::unique_ptr<OpenFile>(
            std::make_unique<MemoryFile>(nodes_->at(walked.entry.path).content));
    }
    std::vector<Issue> read_details(WalkedEntry&, const OpenFile*) override { return {}; }

private:
    SharedNodes nodes_;
};

}  // namespace

MemoryTree::MemoryTree() { put_directory(""); }

MemoryTree::Node& MemoryTree::put(const std::string& path, EntryType type) {
    Node& node = nodes_[path];
    const std::uint64_t inode = node.entry.inode != 0 ? node.entry.inode : next_inode_++;
    node = Node{};
    node.entry.path = path;
    node.entry.type = type;
    node.entry.mode = type == EntryType::Directory ? 0755 : 0644;
    node.entry.mtime_ns = node.entry.ctime_ns = now_ns_ + 123;
    node.entry.inode = inode;
    return node;
}

void MemoryTree::put_file(const std::string& path, std::string content) {
    Node& node = put(path, EntryType::File);
    node.entry.size = content.size();
    node.content = std::move(content);
}

void MemoryTree::put_link(const std::string& path, std::string target) {
    Node& node = put(path, EntryType::Symlink);
    node.entry.size = target.size();
    node.entry.link_target = std::move(target);
}

void MemoryTree::put_directory(const std::string& path) { put(path, EntryType::Directory); }

void MemoryTree::remove(const std::string& path) { nodes_.erase(path); }

std::unique_ptr<FileSource> MemoryTree::source() const {
    return std::make_unique<MemorySource>(std::make_shared<const Nodes>(nodes_));
}

std::string difference(PointReader& reader, const Root& root, const MemoryTree& tree) {
    TreeCursor cursor = reader.cursor(root);
    auto expected = tree.nodes().begin();
    while (true) {
        auto entry = cursor.next();
        if (!entry) return entry.error().describe();
        if (!*entry)
            return expected == tree.nodes().end() ? "" : "\"" + expected->first + "\" is missing";
        if (expected == tree.nodes().end() || (*entry)->entry.path != expected->first)
            return "\"" + (*entry)->entry.path + "\" is unexpected";
        if (auto completed = cursor.complete(**entry); !completed)
            return completed.error().describe();
        std::string content;
        const auto read = reader.read((*entry)->recipe, false,
                                      [&](std::uint64_t, ByteView bytes) -> Result<void> {
                                          content += as_text(bytes);
                                          return {};
                                      },
                                      {});
        if (!read) return read.error().describe();
        if (content != expected->second.content)
            return "\"" + expected->first + "\" has other content";
        if ((*entry)->entry != expected->second.entry)
            return "\"" + expected->first + "\" has other metadata";
        ++expected;
    }
}

}  // namespace perdure
