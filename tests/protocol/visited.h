// The states seen, as 64-bit fingerprints in an open-addressed table; for a trace, also where each
// was first reached from. Two states with one fingerprint would be taken for one: at 10^8 states
// the chance that this happens at all is about 3 in 10,000.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace perdure::protocol::search {

class Visited {
public:
    /// `keeps_parents` doubles the memory.
    explicit Visited(bool keeps_parents, std::size_t expected = 1u << 16)
        : keeps_parents_(keeps_parents) {
        resize(std::bit_ceil(expected * 2));
    }

    /// False if it was there.
    bool insert(std::uint64_t fingerprint, std::uint64_t parent) {
        if (fingerprint == 0) fingerprint = 1;  // 0 marks a free place
        if ((count_ + 1) * 4 > places_.size() * 3) grow();
        const std::size_t place = find(fingerprint);
        if (places_[place] != 0) return false;
        put(place, fingerprint, parent);
        return true;
    }

    /// Where `fingerprint` was first reached from. Needs parents.
    std::uint64_t parent(std::uint64_t fingerprint) const { return parents_[find(fingerprint)]; }

    std::size_t size() const { return count_; }
    std::size_t bytes() const {
        return (places_.capacity() + parents_.capacity()) * sizeof(std::uint64_t);
    }

private:
    std::size_t find(std::uint64_t fingerprint) const {
        const std::size_t mask = places_.size() - 1;
        std::size_t place = static_cast<std::size_t>(fingerprint) & mask;
        while (places_[place] != 0 && places_[place] != fingerprint) place = (place + 1) & mask;
        return place;
    }
    void put(std::size_t place, std::uint64_t fingerprint, std::uint64_t parent) {
        places_[place] = fingerprint;
        if (keeps_parents_) parents_[place] = parent;
        ++count_;
    }
    void resize(std::size_t places) {
        places_.assign(places, 0);
        if (keeps_parents_) parents_.assign(places, 0);
        count_ = 0;
    }
    void grow() {
        const std::vector<std::uint64_t> places = std::move(places_);
        const std::vector<std::uint64_t> parents = std::move(parents_);
        resize(places.size() * 2);
        for (std::size_t i = 0; i < places.size(); ++i)
            if (places[i] != 0) put(find(places[i]), places[i], keeps_parents_ ? parents[i] : 0);
    }

    bool keeps_parents_;
    std::size_t count_ = 0;
    std::vector<std::uint64_t> places_;
    std::vector<std::uint64_t> parents_;
};

}  // namespace perdure::protocol::search
