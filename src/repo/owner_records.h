// How the owner's records are made and put into the store; for repository*.cc only.
#pragma once

#include <string_view>

#include "base/result.h"
#include "repo/record.h"
#include "store/store.h"

namespace perdure {

struct OwnerKeys;

/// The key of a record that must lie in clear: there is none. Corrupt.
Result<Key256> clear_only(const FrameHeader&);

Error not_owner(std::string_view what);

/// The signer refers to `owner`, which must outlive it.
SignWith sign_as_owner(const OwnerKeys& owner, EpochNumber epoch);

/// A record in clear: config, epochs, key slots.
Buffer frame_clear(const RepositoryId&, ObjectType, const ObjectName&, ByteView body,
                   const SignWith&);

/// Creates, or finds the very same bytes there already. AlreadyExists: other bytes are there.
Result<void> create_same(Store&, const ObjectName&, ByteView bytes, std::stop_token);

}  // namespace perdure
