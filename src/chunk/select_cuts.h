// Cut selection: which candidates end a leaf.
//
// A template over stage 2, so that tests can put a confirm-everything in its place. Bytes are
// scanned only when a leaf asks for them: the MIN bytes after a cut are passed over, and a leaf
// whose MAX bytes are not there yet costs nothing, however often the caller comes back with a
// little more.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "base/bytes.h"
#include "chunk/chunker.h"
#include "chunk/confirm.h"
#include "chunk/gear.h"

namespace perdure {

/// Positions scanned at a time. Small enough that little is scanned past a cut in vain, large
/// enough that a kernel's start does not count; measured in docs/adr/0002-chunker.md.
constexpr std::size_t kScanStep = 2048;

struct CutRule {
    std::size_t min, average, max;
    std::uint64_t mask_before,
        mask_after;  // bits of v that must be clear before and past the average

    explicit CutRule(const ChunkerProfile& profile)
        : min(profile.min_size()),
          average(profile.average_size()),
          max(profile.max_size()),
          mask_before(low_bits(profile.average_log2 + 2)),
          mask_after(low_bits(profile.average_log2 - 2)) {}

private:
    /// Stage 1 has asked for kGearBits of them already.
    static std::uint64_t low_bits(std::uint32_t bits_in_all) {
        const std::uint32_t bits = bits_in_all > kGearBits ? bits_in_all - kGearBits : 0;
        return (std::uint64_t{1} << bits) - 1;
    }
};

/// One call of Chunker::cut(). `ConfirmValue` is called with a window of kConfirmWindow bytes and
/// gives v.
template <class ConfirmValue>
class CutSelection {
public:
    CutSelection(const CutRule& rule, GearKernel kernel, const GearTables& tables, ByteView data,
                 ConfirmValue& confirm, std::vector<std::uint32_t>& candidates)
        : rule_(rule),
          kernel_(kernel),
          tables_(tables),
          data_(data),
          confirm_(confirm),
          candidates_(candidates) {
        candidates_.clear();
    }

    void run(bool last, std::vector<std::uint32_t>& cuts) {
        std::size_t start = 0;
        while (start < data_.size() && (last || data_.size() - start >= rule_.max)) {
            start = end_of_leaf(start);
            cuts.push_back(static_cast<std::uint32_t>(start));
        }
    }

private:
    std::size_t end_of_leaf(std::size_t start) {
        const std::size_t rest = data_.size() - start;
        if (rest <= rule_.min) return data_.size();
        std::size_t from = start + rule_.min;
        const std::size_t limit = start + std::min(rest, rule_.max);
        const std::size_t middle = start + rule_.average;
        for (;;) {
            for (; next_ < candidates_.size(); ++next_) {
                const std::size_t c = candidates_[next_];
                if (c < from) continue;
                if (c >= limit) return limit;
                const bool early = c < middle;
                if ((value_at(c) & (early ? rule_.mask_before : rule_.mask_after)) == 0)
                    return c + 1;
                if (in_run_) from = end_of_run(c, early ? std::min(middle, limit) : limit);
            }
            from = std::max(from, scanned_);
            if (from >= limit) return limit;
            scan_more(from);
        }
    }

    void scan_more(std::size_t from) {
        scanned_ = std::min(data_.size(), from + kScanStep);
        candidates_.clear();
        next_ = 0;
        append_candidates(kernel_, tables_, data_, from, scanned_, candidates_);
    }

    /// Records of one length can make many positions candidates, all with one window: asked once.
    std::uint64_t value_at(std::size_t candidate) {
        const std::byte* window = data_.data() + candidate + 1 - kConfirmWindow;
        const bool same = asked_ != nullptr && std::memcmp(asked_, window, kConfirmWindow) == 0;
        if (!same) value_ = confirm_(window);
        in_run_ = same && window == asked_ + 1;
        asked_ = window;
        return value_;
    }

    /// Where the run of one byte ends that fills the window at `candidate`, or `stop`. One table in
    /// 1024 makes all of such a run candidates, which have one answer: the rest need not be asked.
    std::size_t end_of_run(std::size_t candidate, std::size_t stop) const {
        const std::byte* data = data_.data();
        std::size_t end = candidate + 1;
        while (end + kConfirmWindow <= stop &&
               std::memcmp(data + end, data + candidate + 1 - kConfirmWindow, kConfirmWindow) == 0)
            end += kConfirmWindow;
        while (end < stop && data[end] == data[candidate]) ++end;
        return end;
    }

    const CutRule& rule_;
    const GearKernel kernel_;
    const GearTables& tables_;
    const ByteView data_;
    ConfirmValue& confirm_;
    std::vector<std::uint32_t>& candidates_;  // of the stretch scanned last
    std::size_t next_ = 0;                    // the first of them not yet passed
    std::size_t scanned_ = 0;           // no candidate is wanted before here that is not listed
    const std::byte* asked_ = nullptr;  // the window whose v is value_
    std::uint64_t value_ = 0;
    bool in_run_ = false;  // asked_ and the window one byte before it are the same
};

}  // namespace perdure
