// The names of things in a repository, as types that do not convert into each other.
#pragma once

#include <cstdint>
#include <functional>

#include "base/id.h"

namespace perdure {

using RepositoryId = Id<struct RepositoryTag, 16>;
using PackId = Id<struct PackTag, 16>;
using SlotId = Id<struct SlotTag, 16>;       // a key slot
using SourceKey = Id<struct SourceTag, 16>;  // groups the points of one source
/// Keyed BLAKE3-256 of a leaf's content. Equal ids mean equal content inside one dedup domain,
/// nothing outside it.
using LeafId = Id<struct LeafTag, 32>;

enum class WriterNumber : std::uint32_t {};   // its enrolment number; 0 is the owner
enum class SessionNumber : std::uint64_t {};  // a place in one writer's log, from 1
enum class EpochNumber : std::uint32_t {};    // from 1

template <class E>
requires std::is_enum_v<E>
constexpr auto number(E value) { return static_cast<std::underlying_type_t<E>>(value); }

struct SessionName {
    WriterNumber writer{};
    SessionNumber session{};
    friend auto operator<=>(const SessionName&, const SessionName&) = default;
};

/// The pack a block was born in: the first three parts of a birth address.
struct BirthPack {
    SessionName session;
    PackId pack;
    friend auto operator<=>(const BirthPack&, const BirthPack&) = default;
};

/// Depends on a secret of this process: pages and indexes name packs as their writers like, and
/// must not be able to make look-ups slow.
struct BirthPackHash {
    std::size_t operator()(const BirthPack& p) const;
};

/// A block's name for life.
struct BirthAddress {
    BirthPack pack;
    std::uint32_t slot = 0;
    friend auto operator<=>(const BirthAddress&, const BirthAddress&) = default;
};

}  // namespace perdure
