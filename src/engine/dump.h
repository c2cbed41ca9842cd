// A point's content as a byte stream: one file, or a tree as a tar archive (pax).
//
// What is written is complete or the call fails: a file whose content cannot be read ends the
// archive without its end mark, so that no reader takes it for whole.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "engine/point_reader.h"

namespace perdure {

/// Takes the bytes in order.
using ByteSink = std::function<Result<void>(ByteView)>;

struct DumpIssue {
    std::string path;
    std::string text;
};

struct DumpResult {
    std::uint64_t entries = 0, bytes = 0;
    std::vector<DumpIssue> issues;  // what tar cannot hold: sockets
};

/// The content of a regular file, holes as zeros. InvalidInput for any other entry.
Result<DumpResult> dump_file(PointReader&, const TreeEntry&, const ByteSink&, std::stop_token);

/// What goes under which name into the archive: the tree at `from`, with `from` itself as `to` (""
/// for ".").
struct DumpItem {
    PointPath from;
    std::string to;
};
enum class ArchiveFormat { Tar, TarZstd };
/// Extended attributes go as SCHILY.xattr, ACLs as SCHILY.acl; holes as GNU sparse 1.0; names that
/// are not UTF-8 as they are. Uses the thread's locale while it runs.
Result<DumpResult> dump_tar(PointReader&, const std::vector<DumpItem>&, ArchiveFormat,
                            const ByteSink&, std::stop_token);

}  // namespace perdure
