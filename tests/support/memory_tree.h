// A tree of files in memory as a source, and what a point must give back of it: the reference model
// of the engine's tests.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "engine/point_reader.h"
#include "source/file_source.h"

namespace perdure {

/// Entries by path in path order; "" is the root directory.
class MemoryTree {
public:
    MemoryTree();

    void put_file(const std::string& path, std::string content);
    void put_link(const std::string& path, std::string target);
    void put_directory(const std::string& path);
    void remove(const std::string& path);
    /// Every following change gets later times.
    void tick() { now_ns_ += 10'000'000'000; }

    std::unique_ptr<FileSource> source() const;

    struct Node {
        Entry entry;
        std::string content;
    };
    struct PathOrder {
        bool operator()(const std::string& a, const std::string& b) const {
            return path_less(a, b);
        }
    };
    using Nodes = std::map<std::string, Node, PathOrder>;
    const Nodes& nodes() const { return nodes_; }

private:
    Node& put(const std::string& path, EntryType type);

    Nodes nodes_;
    std::int64_t now_ns_ = 1'000'000'000'000'000'000;
    std::uint64_t next_inode_ = 1;
};

/// "" if root `root` of the point holds exactly `tree`, else the first difference. Errors of the
/// repository are differences.
std::string difference(PointReader& reader, const Root& root, const MemoryTree& tree);

}  // namespace perdure
