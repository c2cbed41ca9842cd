// A point opened for reading: its body, and its trees by path. Thread-safe except for cursors.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "repo/block_reader.h"
#include "repo/repository.h"
#include "repo/tree.h"

namespace perdure {

/// A place in a point: a root, and a path inside it.
struct PointPath {
    const Root* root = nullptr;
    std::string path;  // "" is the root itself
};

class PointReader {
public:
    static Result<std::unique_ptr<PointReader>> open(const Repository&, const Point&,
                                                     std::size_t cache_bytes, std::stop_token);

    const Point& point() const { return point_; }
    const PointBody& body() const { return body_; }
    const Repository& repository() const { return repository_; }
    PackRegistry& registry() { return registry_; }
    PackCatalog& catalog() { return catalog_; }
    BlockReader& blocks() { return blocks_; }

    TreeCursor cursor(const Root&);
    /// Where an absolute path (as it was backed up) lies. NotFound if no root holds it; the path
    /// inside the root need not exist.
    Result<PointPath> resolve(std::string_view absolute) const;
    /// The entry at that very place; NotFound.
    Result<TreeEntry> find(const PointPath&);
    /// The content of a file, stretch by stretch in order; holes come as zeros.
    using ContentSink = std::function<Result<void>(std::uint64_t offset, ByteView)>;
    Result<void> read(const Recipe&, bool skip_holes, const ContentSink&, std::stop_token);

private:
    PointReader(const Repository&, const Point&, std::size_t cache_bytes, std::stop_token);

    const Repository& repository_;
    Point point_;
    PointBody body_;
    PackRegistry registry_;
    PackCatalog catalog_;
    BlockReader blocks_;
    std::stop_token stop_;
};

}  // namespace perdure
