// Reading packs: which ones, by several workers, and what their reports say.

#include <algorithm>

#include "base/bounded_queue.h"
#include "base/task_group.h"
#include "base/try.h"
#include "engine/check_state.h"
#include "engine/pack_checker.h"

namespace perdure {

namespace {

constexpr std::size_t kQueuedPacks = 8;
constexpr std::size_t kMostNamedBlocks = 8;

using SharedAccess = std::shared_ptr<const PackAccess>;

/// The same packs at every run: a hash of the id decides, not the id, which its writer chose.
bool in_subset(const PackId& id, double subset) {
    if (subset >= 1.0) return true;
    constexpr double kScale = 18446744073709551616.0;  // 2^64
    return static_cast<double>(digest_of(id.view()).fingerprint()) < subset * kScale;
}

class PackReading {
public:
    explicit PackReading(CheckState& state) : state_(state), queue_(kQueuedPacks) {}

    Result<void> run() {
        if (state_.options.rolling) choose(*state_.options.rolling);
        TaskGroup group(state_.stop);
        const CloseAtEnd closing(queue_);
        for (unsigned i = 0; i < std::max(1U, state_.options.workers); ++i)
            group.start([this](std::stop_token stop) { return work(stop); });
        Result<void> fed = feed(group.stop_token());
        queue_.close();
        auto joined = group.join();
        const bool stopped_by_worker =
            !fed && fed.error().kind() == ErrorKind::Cancelled && !joined;
        if (stopped_by_worker) return joined;
        PERDURE_TRY(std::move(fed));
        PERDURE_TRY(std::move(joined));
        take_reports();
        return {};
    }

private:
    struct Reported {
        PackTable table;  // without slots
        PackReport report;
    };

    Result<void> work(std::stop_token stop) {
        const CloseAtEnd closing(queue_);
        PackChecker checker(state_.repository, state_.options.level);
        Result<void> good;
        while (auto access = queue_.pop()) {
            if (!good) continue;
            auto report = check_one(checker, **access, stop);
            if (!report) {
                good = std::move(report).error();
                queue_.close();
                continue;
            }
            state_.reporter.progress.bytes += report->bytes;
            keep((*access)->table, std::move(*report));
        }
        return good;
    }

    /// What somebody wrote over a pack is not the pack.
    Result<PackReport> check_one(PackChecker& checker, const PackAccess& access,
                                 std::stop_token stop) {
        PackReport report = PERDURE_TRY(checker.check(access, stop));
        if (report.is_whole()) return report;
        const ObjectName name = access.table.name();
        if (!PERDURE_TRY(state_.repository.store().fall_back_to_first(name, stop))) return report;
        return checker.check(access, stop);
    }

    void keep(const PackTable& table, PackReport report) {
        reports_.with([&](auto& reports) {
            if (report.is_whole()) state_.result.whole_packs.push_back(table.pack);
            totals_.bytes += report.bytes;
            totals_.blocks_read += report.blocks_read;
            totals_.leaves += report.leaves;
            totals_.decoded += report.decoded;
            ++packs_;
            if (report.is_whole()) return;
            PackTable head = table;
            head.slots = {};
            reports.push_back({std::move(head), std::move(report)});
        });
    }

    /// Those that were last found whole longest ago.
    void choose(const CheckOptions::Rolling& rolling) {
        std::vector<std::pair<std::int64_t, PackNumber>> due;
        const auto& packs = state_.inventory.packs;
        for (std::uint32_t n = 0; n < packs.size(); ++n) {
            const BirthPack pack = state_.registry.pack_of(PackNumber{n});
            const std::int64_t last = last_whole(state_, pack);
            if (packs[n].named && wanted(pack) && (last == 0 || last < rolling.before_ns))
                due.emplace_back(last, PackNumber{n});
        }
        std::sort(due.begin(), due.end());
        chosen_.emplace();
        std::uint64_t bytes = 0;
        for (const auto& [last, n] : due) {
            bytes += packs[number(n)].size;
            // One that is larger than the budget alone would else never be read.
            if (bytes > rolling.budget_bytes && !chosen_->empty()) break;
            chosen_->insert(state_.registry.pack_of(n));
        }
        state_.result.packs_due = due.size() - chosen_->size();
    }

    bool wanted(const BirthPack& pack) {
        if (!in_subset(pack.pack, state_.options.subset)) return false;
        const std::size_t n = number(state_.registry.number_of(pack));
        if (n >= state_.inventory.packs.size() || !state_.inventory.packs[n].listed) return false;
        if (chosen_ && !chosen_->contains(pack)) return false;
        if (!state_.needed) return true;
        const auto& bitmaps = state_.needed->bitmaps();
        return n < bitmaps.size() && !bitmaps[n].empty();
    }

    /// A pack of moved blocks is needed for those, by the packs they were born in.
    bool wanted(const PackTable& table) {
        const bool holds_needed =
            state_.needed &&
            std::any_of(table.slots.begin(), table.slots.end(), [&](const SlotEntry& slot) {
                return slot.birth.pack != table.pack &&
                       state_.needed->contains(state_.registry.number_of(slot.birth.pack),
                                               slot.birth.slot);
            });
        if (!holds_needed) return wanted(table.pack);
        const std::size_t n = number(state_.registry.number_of(table.pack));
        return n < state_.inventory.packs.size() && state_.inventory.packs[n].listed &&
               in_subset(table.pack.pack, state_.options.subset);
    }

    Result<void> push(PackAccess access, std::stop_token stop) {
        const bool pushed = queue_.push(std::make_shared<const PackAccess>(std::move(access)));
        if (pushed && !stop.stop_requested()) return {};
        return Error(ErrorKind::Cancelled, "interrupted");
    }

    Result<void> feed(std::stop_token stop) {
        for (const CheckedEnd& end : state_.ends) {
            if (!end.point.header.index) continue;
            if (!end.index_good) {
                PERDURE_TRY(feed_without_index(end.point.session(), stop));
                continue;
            }
            const auto index = state_.repository.load_index(
                end.point.session(), end.point.header.index, stop, IndexParts::WithoutLiveness);
            if (!index) {
                PERDURE_TRY(feed_though_lost(end, index.error(), stop));
                continue;
            }
            for (const PackTable& table : (*index)->packs) {
                if (!wanted(table)) continue;
                PackAccess access;
                access.table = table;
                access.sealed_secret = (*index)->sealed_secret;
                PERDURE_TRY(push(std::move(access), stop));
            }
        }
        return {};
    }

    /// Of an index that was whole a moment ago: deleted since by a collection, all its packs before
    /// it, which excuse_what_went() tells, or lost.
    Result<void> feed_though_lost(const CheckedEnd& end, const Error& error, std::stop_token stop) {
        if (ends_check(error)) return error;
        if (error.kind() == ErrorKind::NotFound && !end.selected) return {};
        const SessionName session = end.point.session();
        auto& finding =
            state_.add(names::index(session).text(), finding_kind(error), error.describe());
        if (end.selected) finding.points.push_back(session);
        return feed_without_index(session, std::move(stop));
    }

    /// A session whose index is lost: its packs describe themselves.
    Result<void> feed_without_index(SessionName session, std::stop_token stop) {
        for (std::uint32_t n = 0; n < state_.inventory.packs.size(); ++n) {
            const BirthPack pack = state_.registry.pack_of(PackNumber{n});
            if (pack.session != session || !wanted(pack)) continue;
            const ObjectName name = state_.inventory.name_of(state_.registry, PackNumber{n});
            auto access = read_pack_access(state_.repository, name, pack, stop);
            if (!access && ends_check(access.error())) return std::move(access).error();
            if (access)
                PERDURE_TRY(push(std::move(*access), stop));
            else
                state_.add(name.text(), "damaged", access.error().describe());
        }
        return {};
    }

    void take_reports() {
        auto& result = state_.result;
        result.packs_read += packs_;
        result.bytes_read += totals_.bytes;
        result.blocks_read += totals_.blocks_read;
        result.leaves_hashed += totals_.leaves;
        result.bytes_decoded += totals_.decoded;
        auto reports = reports_.with([](auto& r) { return std::move(r); });
        std::sort(reports.begin(), reports.end(),
                  [](const Reported& a, const Reported& b) { return a.table.pack < b.table.pack; });
        for (const Reported& reported : reports) take_report(reported);
    }

    void take_report(const Reported& reported) {
        const PackReport& report = reported.report;
        const PackNumber n = state_.registry.number_of(reported.table.pack);
        // A pack that was cut off has its finding already.
        if (!report.pack.empty() && !state_.has_finding(n))
            state_.add(reported.table.name().text(), "damaged", report.pack);
        if (report.blocks.empty()) return;
        std::string text;
        for (std::size_t i = 0; i < std::min(report.blocks.size(), kMostNamedBlocks); ++i)
            text += (i == 0 ? "block " : "; block ") + std::to_string(report.blocks[i].slot) +
                    ": " + report.blocks[i].text;
        if (report.blocks.size() > kMostNamedBlocks)
            text += "; and " + std::to_string(report.blocks.size() - kMostNamedBlocks) + " more";
        for (const BlockFault& fault : report.blocks)
            if (fault.block.pack == reported.table.pack)
                state_.damage(n, fault.slot, 1, "damaged", text);
            else
                state_.damage_copy(n, fault.slot, fault.block, "damaged", text);
    }

    CheckState& state_;
    BoundedQueue<SharedAccess> queue_;
    Guarded<std::vector<Reported>> reports_;
    PackReport totals_;                          // under the lock of reports_
    std::uint64_t packs_ = 0;                    // likewise
    std::optional<std::set<BirthPack>> chosen_;  // of a rolling check
};

}  // namespace

Result<void> check_packs(CheckState& state) {
    if (state.options.level == CheckLevel::Structure) return {};
    for (const auto& pack : state.inventory.packs)
        if (pack.named && pack.listed) state.reporter.progress.total_bytes += pack.size;
    return PackReading(state).run();
}

}  // namespace perdure
