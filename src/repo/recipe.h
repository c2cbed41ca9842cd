// Recipes: how a file's bytes are made of stretches of blocks and of holes.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "base/guarded.h"
#include "repo/ids.h"

namespace perdure {

/// A birth pack as a small number, valid inside one process and one PackRegistry.
enum class PackNumber : std::uint32_t {};
inline constexpr PackNumber kHolePack{0xffffffff};  // a run of zeros that takes no space

/// One stretch: `length` bytes at `offset` of the raw content of a block. 24 bytes, trivially
/// copyable.
struct Run {
    PackNumber pack{};
    std::uint32_t slot = 0;
    std::uint32_t offset = 0;
    std::uint64_t length = 0;

    bool is_hole() const { return pack == kHolePack; }
    static Run hole(std::uint64_t length) { return {kHolePack, 0, 0, length}; }
    friend bool operator==(const Run&, const Run&) = default;
};

using Recipe = std::vector<Run>;

/// Appends, joining with the last run where the two touch.
void append_run(Recipe&, const Run&);
std::uint64_t length_of(const Recipe&);

/// Gives birth packs their numbers. Thread-safe; numbers are never reused.
class PackRegistry {
public:
    PackNumber number_of(const BirthPack&);
    /// Nothing if it has none yet.
    std::optional<PackNumber> find(const BirthPack&) const;
    BirthPack pack_of(PackNumber) const;
    std::size_t size() const;
    BirthAddress address(PackNumber pack, std::uint32_t slot) const {
        return {pack_of(pack), slot};
    }

private:
    struct State {
        std::deque<BirthPack> packs;  // by number
        /// Numbers by hash, probed linearly, kEmpty between: at 10^6 packs a node for each would
        /// take more memory than the packs themselves.
        std::vector<std::uint32_t> slots;

        std::size_t slot_of(const BirthPack&) const;
        void grow();
    };
    Guarded<State> state_;
};

/// Which blocks a point needs. Not thread-safe.
class LivenessMarks {
public:
    void mark(PackNumber pack, std::uint32_t slot);
    void mark(const Recipe&);
    /// Bit i of word i/64 is slot i.
    void mark(PackNumber pack, const std::vector<std::uint64_t>& slots);
    /// By pack number; the bitmap of a pack that nothing needs is empty.
    const std::vector<std::vector<std::uint64_t>>& bitmaps() const { return bitmaps_; }
    bool contains(PackNumber pack, std::uint32_t slot) const;

private:
    std::vector<std::vector<std::uint64_t>> bitmaps_;
};

}  // namespace perdure
