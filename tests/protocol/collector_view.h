// What a collector knows when it makes a list or a verdict: the View of "repo/protocol/judge.h".
#pragma once

#include <array>

#include "model.h"

namespace perdure::protocol::search {

/// A handful of values without memory of their own.
template <class T, std::size_t kMax>
class Few {
public:
    void add(T value) { values_[count_++] = value; }
    const T* begin() const { return values_.data(); }
    const T* end() const { return values_.data() + count_; }

private:
    std::array<T, kMax> values_{};
    std::size_t count_ = 0;
};

struct HeldBlock {
    int block = 0;
    Location at;
};

class CollectorView {
public:
    /// `dropped`: packs in verdicts it has read. `leaving`: packs on lists without a verdict.
    CollectorView(const Model& model, const Store& store, const CollectorProcess& collector,
                  PackMask dropped, PackMask leaving, LocationMask listed);

    Few<HeldBlock, kClasses> blocks_of(PackToken pack) const;
    Few<Location, kMaxSessions * kClasses> locations_of(int block) const;
    bool is_live(int block) const { return (live_ >> block & 1) != 0; }
    bool is_listed(const Location& at) const {
        return (listed_ >> (at.pack * kClasses + at.slot) & 1) != 0;
    }
    bool stays(PackToken pack) const { return ((dropped_ | leaving_) >> pack & 1) == 0; }

    bool is_known(int pack) const { return (indexed_ >> pack & 1) != 0; }
    bool is_orphan(int pack) const { return (orphaned_ >> pack & 1) != 0; }
    void condemn(int pack) { leaving_ = static_cast<PackMask>(leaving_ | 1u << pack); }

private:
    const Model& model_;
    const Store& store_;
    SessionMask indexed_;
    SessionMask orphaned_;
    BlockMask live_ = 0;
    PackMask dropped_;
    PackMask leaving_;
    LocationMask listed_;
};

/// All locations of a pack; those of an orphan too.
LocationMask locations_in(const Store& store, int pack);
/// The packs that have a location in the mask.
PackMask packs_of(LocationMask locations);

}  // namespace perdure::protocol::search
