// Conditions of requests on what is there: If-Match, If-None-Match and their like, and ranges.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "cloudsim/s3/s3.h"

namespace perdure::cloudsim {

/// Of a write, atomic with it as the caller holds the lock. 412; 404 for If-Match where nothing is;
/// 409 ConditionalRequestConflict where a deletion came between the request's head and now.
ApiResult<void> check_write_conditions(const S3& s3, const S3Call& call, Bucket& bucket);
/// If-Match of a deletion.
ApiResult<void> check_delete_conditions(const S3& s3, const S3Call& call, Bucket& bucket);
bool has_write_condition(const S3Call& call);

enum class ReadVerdict { Send, NotModified, Failed };
ReadVerdict check_read_conditions(const Request& request, const std::string& etag, Time modified);
/// Those of a copy's source.
ReadVerdict check_copy_conditions(const Request& request, const std::string& etag, Time modified);

struct ByteRange {
    std::uint64_t first = 0, last = 0;
    std::uint64_t length() const { return last - first + 1; }
};
enum class RangeKind { None, Range, Unsatisfiable };
/// "bytes=0-9", "bytes=5-", "bytes=-3" of `size` bytes. What is no single range is taken for none,
/// as HTTP says. Pure.
RangeKind parse_range(std::string_view text, std::uint64_t size, ByteRange& range);

}  // namespace perdure::cloudsim
