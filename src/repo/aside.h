// Setting damaged objects aside, and putting good bytes in their place (FORMAT.md §16).
#pragma once

#include <string>

#include "repo/repository.h"

namespace perdure {

/// A signed repair record, with the damaged object in it.
struct AsideRecord {
    std::string name;                // of the object
    std::optional<Buffer> damaged;   // what lay there; none: it was missing
    std::optional<Digest> put_back;  // of what takes its place; none: nothing does
    std::int64_t time_ns = 0;
    std::string reason;
};
Buffer encode_aside(const AsideRecord&);
Result<AsideRecord> decode_aside(ByteView);

/// For what the store keeps as an older version only: writes the record and, once it is durable,
/// puts the bytes that count over what covers them.
Result<void> cover_again(Store& store, const Repository& signer, const ObjectName& object,
                         ByteView good, const std::string& reason, std::stop_token stop);
/// Writes the record and, once it is durable, has `good` take the object's place; without `good`
/// the object is removed. `signer` holds the owner's keys; `store` is where the object lies.
/// Idempotent: where `good` lies there already nothing is done.
Result<void> set_aside(Store& store, const Repository& signer, const ObjectName& object,
                       std::optional<ByteView> good, const std::string& reason, std::stop_token);

}  // namespace perdure
