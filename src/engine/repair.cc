#include "engine/repair.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/try.h"
#include "engine/block_mover.h"
#include "engine/repaired_point.h"
#include "repo/aside.h"
#include "repo/liveness.h"
#include "repo/moved_blocks.h"
#include "repo/obeyed_lists.h"
#include "repo/session.h"

namespace perdure {

namespace {

// Each round may show what the one before hid: an enrolment, then its points, then their indexes.
constexpr int kMostRounds = 4;
constexpr std::string_view kCovered = "covered";

bool ends_repair(const Error& error) {
    return error.kind() != ErrorKind::Corrupt && error.kind() != ErrorKind::NotFound &&
           error.kind() != ErrorKind::Denied;
}

class RepairRun {
public:
    RepairRun(const Repository& repository, const WriterIdentity& as, const LocalCache& cache,
              const RepairOptions& options, Reporter& reporter, std::stop_token stop)
        : repository_(repository),
          as_(as),
          cache_(cache),
          options_(options),
          reporter_(reporter),
          stop_(std::move(stop)) {}

    Result<RepairResult> run() {
        const std::uint64_t begun = repository_.clock().monotonic_nanoseconds();
        CheckResult checked = PERDURE_TRY(check());
        result_.before = checked.findings;
        for (int round = 0; round < kMostRounds; ++round) {
            const bool any = PERDURE_TRY(put_back_records(checked));
            if (!any || options_.dry_run) break;
            repository_.forget_enrolments();
            checked = PERDURE_TRY(check());
        }
        if (PERDURE_TRY(move_blocks(checked)) && !options_.dry_run) checked = PERDURE_TRY(check());
        if (PERDURE_TRY(replace_points(checked)) && !options_.dry_run)
            checked = PERDURE_TRY(check());
        if (!options_.dry_run && !result_.actions.empty()) PERDURE_TRY(record());
        result_.after = std::move(checked.findings);
        result_.outcome = checked.outcome;
        result_.seconds =
            static_cast<double>(repository_.clock().monotonic_nanoseconds() - begun) / 1e9;
        return std::move(result_);
    }

private:
    Result<CheckResult> check() {
        CheckOptions options;
        options.level = options_.level;
        options.workers = options_.workers;
        return run_check(repository_, options, reporter_, stop_);
    }

    void act(RepairAction::Kind kind, std::string object, std::string text,
             std::uint64_t blocks = 0) {
        result_.actions.push_back({kind, std::move(object), std::move(text), blocks, {}, 0});
    }

    // ---- records

    Result<bool> put_back_records(const CheckResult& checked) {
        bool any = false;
        for (const CheckFinding& finding : checked.findings) {
            // Whose end is not there may have been interrupted, or have lost it.
            const bool may_be_lost = !finding.note || finding.kind == "unended";
            const bool is_covered = finding.kind == kCovered;
            if (!may_be_lost || (names::parse_pack(finding.object) && !is_covered)) continue;
            const auto name = ObjectName::parse(finding.object);
            if (!name || !tried_.insert(finding.object).second) continue;
            const auto done = is_covered ? uncover(*name, finding) : put_back(*name, finding);
            if (!done && ends_repair(done.error())) return done.error();
            any = any || (done && *done);
        }
        return any;
    }

    /// What the store has as an older version only, and the check found whole: over what covers it.
    Result<bool> uncover(const ObjectName& name, const CheckFinding& finding) {
        act(RepairAction::Kind::PutBack, name.text(), finding.text);
        if (options_.dry_run) return true;
        const Buffer good = PERDURE_TRY(repository_.store().load(name, ByteRange::all(), stop_));
        PERDURE_TRY(cover_again(repository_.store(), repository_, name, good, finding.text, stop_));
        return true;
    }

    Result<bool> put_back(const ObjectName& name, const CheckFinding& finding) {
        if (names::parse_hints(name.text())) {
            // For speed only, and never right again: it goes, and backups read manifests instead.
            act(RepairAction::Kind::SetAside, name.text(), finding.text);
            if (!options_.dry_run)
                PERDURE_TRY(set_aside(repository_.store(), repository_, name, std::nullopt,
                                      finding.text, stop_));
            return true;
        }
        if (options_.from == nullptr) return false;
        if (const auto original = PERDURE_TRY(proved_original(name)))
            return put_back_proof(*original, finding);
        const Buffer good = PERDURE_TRY(candidate(name));
        const auto there = repository_.store().load(name, ByteRange::all(), stop_);
        if (there && equal(*there, good)) return false;  // what is wrong is not its bytes
        act(RepairAction::Kind::PutBack, name.text(), finding.text);
        if (!options_.dry_run)
            PERDURE_TRY(set_aside(repository_.store(), repository_, name, ByteView(good),
                                  finding.text, stop_));
        return true;
    }

    /// In a replica: what an import is the proof of, by either name.
    Result<std::optional<ObjectName>> proved_original(const ObjectName& name) {
        constexpr std::string_view kImports = "imports/";
        if (name.text().starts_with(kImports)) {
            auto original = ObjectName::parse(name.text().substr(kImports.size()));
            return original ? std::optional(*original) : std::nullopt;
        }
        const auto log = names::parse_log_entry(name.text());
        const auto writer = log ? std::optional(log->writer) : names::parse_enrolment(name.text());
        const std::uint32_t first = number(PERDURE_TRY(repository_.enrolments(stop_)).first);
        const bool elsewhere =
            first >= kFirstOfReplicas && writer && number(*writer) >> 16 != first >> 16;
        return elsewhere ? std::optional(name) : std::nullopt;
    }

    Result<bool> put_back_proof(const ObjectName& original, const CheckFinding& finding) {
        const ObjectName name = names::proof_of(original);
        const Buffer good = PERDURE_TRY(options_.from->load_original(original, stop_));
        act(RepairAction::Kind::PutBack, name.text(), finding.text);
        if (options_.dry_run) return true;
        if (repository_.store().stat(name, stop_))
            PERDURE_TRY(set_aside(repository_.store(), repository_, name, std::nullopt,
                                  finding.text, stop_));
        PERDURE_TRY(repository_.add_import(original, good, stop_));
        return true;
    }

    /// What the other repository has under that name, if it is what belongs there.
    Result<Buffer> candidate(const ObjectName& name) {
        const Repository& from = *options_.from;
        const Repository& r = repository_;
        Buffer bytes = PERDURE_TRY(from.load_original(name, stop_));
        const Error wrong(ErrorKind::Corrupt, name.text() + ": the other one is no better");
        if (const auto s = names::parse_log_entry(name.text())) {
            PERDURE_TRY(r.read_log_entry(*s, bytes, nullptr, stop_));
        } else if (const auto p = names::parse_point(name.text())) {
            PERDURE_TRY(r.read_point(*p, bytes, stop_));
        } else if (const auto i = names::parse_index(name.text())) {
            const Point point = PERDURE_TRY(r.load_point(*i, stop_));
            if (point.header.index != digest_of(bytes)) return wrong;
        } else if (const auto k = names::parse_key_slot(name.text())) {
            const auto& slots = r.epoch().slots;
            if (std::none_of(slots.begin(), slots.end(), [&](const SlotReference& slot) {
                    return slot.id == *k && slot.digest == digest_of(bytes);
                }))
                return wrong;
        } else if (names::parse_enrolment(name.text())) {
            PERDURE_TRY(r.open_by_maintainer(ObjectType::Enrolment, name, bytes));
        } else {
            // Fates and the ledger are each repository's own; config and epochs come first.
            return wrong;
        }
        return bytes;
    }

    // ---- blocks

    using Slots = std::map<BirthPack, std::set<std::uint32_t>>;

    /// What the points that count need.
    Result<LivenessMarks> live_blocks() {
        LivenessMarks live;
        const PointList list = PERDURE_TRY(repository_.list_points(stop_));
        for (const Point& point : list.points) {
            const auto marks = load_liveness(repository_, point, registry_, stop_);
            if (!marks && ends_repair(marks.error())) return marks.error();
            if (!marks) continue;  // its point is replaced
            for (std::uint32_t pack = 0; pack < marks->bitmaps().size(); ++pack)
                if (!marks->bitmaps()[pack].empty())
                    live.mark(PackNumber{pack}, marks->bitmaps()[pack]);
        }
        return live;
    }

    /// The live blocks of a session whose index is lost: nothing says where they lie but their
    /// packs themselves, which no collector believes.
    Result<void> want_unplaced(SessionName session, PackCatalog& catalog, const LivenessMarks& live,
                               Slots& wanted) {
        std::vector<BirthPack> packs;
        PERDURE_TRY(repository_.store().list(
            "packs/",
            [&](std::string_view name, const ObjectStat&) {
                const auto pack = names::parse_pack(name);
                if (pack && pack->pack.session == session) packs.push_back(pack->pack);
                return true;
            },
            stop_));
        for (const BirthPack& pack : packs)
            for (const auto& [birth, slots] : blocks_of(pack, catalog, live))
                for (const std::uint32_t slot : slots)
                    if (!PERDURE_TRY(stays_elsewhere({birth, slot}, catalog)))
                        wanted[birth].insert(slot);
        return {};
    }

    /// The live blocks that a pack holds.
    Slots blocks_of(const BirthPack& pack, PackCatalog& catalog, const LivenessMarks& live) {
        Slots slots;
        const auto access = catalog.find(registry_.number_of(pack), stop_);
        if (!access) return slots;
        for (const SlotEntry& slot : (*access)->table.slots)
            if (live.contains(registry_.number_of(slot.birth.pack), slot.birth.slot))
                slots[slot.birth.pack].insert(slot.birth.slot);
        return slots;
    }

    /// In a pack that no collection is about to delete.
    Result<bool> stays_elsewhere(const BirthAddress& block, PackCatalog& catalog) {
        const auto places = PERDURE_TRY(catalog.elsewhere(block, stop_));
        return std::any_of(places.begin(), places.end(),
                           [&](const MovedBlock& at) { return !lists_.blocks(at.table->pack); });
    }

    Result<bool> move_blocks(const CheckResult& checked) {
        lists_ = PERDURE_TRY(ObeyedLists::load_all(repository_, stop_));
        const LivenessMarks live = PERDURE_TRY(live_blocks());
        PackCatalog catalog(repository_, registry_);
        Slots wanted;
        std::map<std::string, Slots> packs;  // that are damaged, by name
        for (const CheckFinding& finding : checked.findings) {
            const auto pack = names::parse_pack(finding.object);
            const auto index = names::parse_index(finding.object);
            if (index && !finding.note) PERDURE_TRY(want_unplaced(*index, catalog, live, wanted));
            if (!pack || finding.note || finding.kind == "stray" || finding.kind == kCovered)
                continue;
            packs[finding.object] = blocks_of(pack->pack, catalog, live);
            for (const auto& [birth, slots] : packs[finding.object])
                for (const std::uint32_t slot : slots)
                    if (!PERDURE_TRY(stays_elsewhere({birth, slot}, catalog)))
                        wanted[birth].insert(slot);
        }
        for (const auto& [birth, slots] : checked.lost_blocks)
            for (const std::uint32_t slot : slots)
                if (live.contains(registry_.number_of(birth), slot)) wanted[birth].insert(slot);
        if (wanted.empty() && packs.empty()) return false;
        for (const auto& [birth, slots] : wanted)
            act(RepairAction::Kind::MoveBlocks, birth.pack.hex(),
                "of session " + short_text(birth.session), slots.size());
        if (options_.dry_run) return true;
        const Slots lost = PERDURE_TRY(move(wanted));
        PERDURE_TRY(set_packs_aside(packs, lost));
        return true;
    }

    /// Gives those that could not be had.
    Result<Slots> move(const Slots& wanted) {
        Slots lost;
        if (wanted.empty()) return lost;
        SessionOptions options;
        options.purpose = SessionPurpose::Repair;
        options.pack_size = repository_.store().properties().pack_size;
        const auto session =
            PERDURE_TRY(WriteSession::begin(repository_, as_, cache_, options, stop_));
        BlockMover own(repository_, registry_);
        own.attach(*session);
        std::optional<BlockMover> other;
        if (options_.from != nullptr) other.emplace(*options_.from, registry_).attach(*session);
        for (const auto& [birth, slots] : wanted) {
            const PackNumber number = registry_.number_of(birth);
            std::vector<std::uint32_t> left(slots.begin(), slots.end());
            for (BlockMover* mover : {&own, other ? &*other : nullptr}) {
                if (mover == nullptr || left.empty()) continue;
                std::vector<std::uint32_t> missed;
                for (const auto& one : PERDURE_TRY(mover->move(number, left, stop_)))
                    missed.push_back(one.slot);
                left = std::move(missed);
            }
            if (!left.empty()) lost[birth].insert(left.begin(), left.end());
        }
        PERDURE_TRY(own.end_packs(stop_));
        if (other) PERDURE_TRY(other->end_packs(stop_));
        PointHeader header;
        header.kind = EndKind::EndRecord;
        header.started_ns = header.finished_ns = repository_.clock().now().nanoseconds;
        PERDURE_TRY(session->commit(header, std::nullopt, std::nullopt, stop_));
        return lost;
    }

    /// Those whose live blocks all lie elsewhere now.
    Result<void> set_packs_aside(const std::map<std::string, Slots>& packs, const Slots& lost) {
        for (const auto& [text, held] : packs) {
            const bool needed = std::any_of(held.begin(), held.end(), [&](const auto& of_birth) {
                const auto at = lost.find(of_birth.first);
                return at != lost.end() &&
                       std::any_of(of_birth.second.begin(), of_birth.second.end(),
                                   [&](std::uint32_t slot) { return at->second.contains(slot); });
            });
            const ObjectName name = PERDURE_TRY(ObjectName::parse(text));
            const auto there = repository_.store().stat(name, stop_);
            if (needed || held.empty() || !there) continue;
            act(RepairAction::Kind::SetAside, text, "its blocks lie in other packs now");
            PERDURE_TRY(set_aside(repository_.store(), repository_, name, std::nullopt,
                                  "its blocks lie in other packs now", stop_));
        }
        return {};
    }

    // ---- points

    Result<bool> replace_points(const CheckResult& checked) {
        std::set<SessionName> hurt;
        for (const CheckFinding& finding : checked.findings)
            hurt.insert(finding.points.begin(), finding.points.end());
        // On a dry run what can be put back or moved is not yet.
        if (options_.dry_run && options_.from != nullptr) return false;
        bool any = false;
        const PointList list = PERDURE_TRY(repository_.list_points(stop_));
        for (const Point& point : list.points) {
            if (!hurt.contains(point.session())) continue;
            RepairAction action{
                RepairAction::Kind::NewPoint, names::point(point.session()).text(), "", 0, {}, 0};
            const auto done = replace(point, action);
            if (!done && ends_repair(done.error())) return done.error();
            if (!done) continue;  // not even its body opens
            any = true;
            result_.actions.push_back(std::move(action));
        }
        return any;
    }

    Result<void> replace(const Point& point, RepairAction& action) {
        if (options_.dry_run) {
            action.lost = PERDURE_TRY(find_lost_paths(repository_, point, stop_));
        } else {
            const bool live = point.header.host == options_.host;
            RepairedPoint made = PERDURE_TRY(make_repaired_point(
                repository_, point, as_, cache_, live ? options_.open_live : OpenLive(), stop_));
            action.lost = std::move(made.lost);
            action.read_again = made.read_again;
            action.text =
                short_text(made.committed.session) + " stands for " + short_text(point.session());
        }
        return {};
    }

    Result<void> record() {
        LedgerRecord record;
        record.kind = LedgerKind::Repaired;
        for (const RepairAction& action : result_.actions)
            record.text += std::string(to_string(action.kind)) + " " + action.object + "\n";
        return append_to_ledger(repository_, std::move(record), stop_);
    }

    const Repository& repository_;
    const WriterIdentity& as_;
    const LocalCache& cache_;
    const RepairOptions& options_;
    Reporter& reporter_;
    const std::stop_token stop_;
    PackRegistry registry_;
    std::set<std::string> tried_;
    ObeyedLists lists_;
    RepairResult result_;
};

}  // namespace

std::string_view to_string(RepairAction::Kind kind) {
    switch (kind) {
        case RepairAction::Kind::PutBack: return "put back";
        case RepairAction::Kind::MoveBlocks: return "move blocks";
        case RepairAction::Kind::SetAside: return "set aside";
        case RepairAction::Kind::NewPoint: return "new point";
    }
    return "";
}

Result<RepairResult> run_repair(const Repository& repository, const WriterIdentity& as,
                                const LocalCache& cache, const RepairOptions& options,
                                Reporter& reporter, std::stop_token stop) {
    if (options.from != nullptr && options.from->config_digest() != repository.config_digest())
        return Error(ErrorKind::InvalidInput,
                     "a repository with other keys cannot give back objects of this one")
            .with_hint("name a replica, or what this is a replica of");
    return RepairRun(repository, as, cache, options, reporter, std::move(stop)).run();
}

Result<std::vector<std::string>> repair_root_records(Store& damaged, const Repository& from,
                                                     bool dry_run, std::stop_token stop) {
    std::vector<ObjectName> names{names::config()};
    for (std::uint32_t e = 1; e <= number(from.epoch().number); ++e)
        names.push_back(names::epoch(EpochNumber{e}));
    std::vector<std::string> done;
    for (const SlotReference& slot : from.epoch().slots) {
        const auto good = from.store().load(names::key_slot(slot.id), ByteRange::all(), stop);
        if (good && digest_of(*good) == slot.digest) names.push_back(names::key_slot(slot.id));
    }
    for (const ObjectName& name : names) {
        const Buffer good = PERDURE_TRY(from.store().load(name, ByteRange::all(), stop));
        const auto there = damaged.load(name, ByteRange::all(), stop);
        if (!there && there.error().kind() != ErrorKind::NotFound) return there.error();
        if (there && equal(*there, good)) continue;
        done.push_back(name.text());
        if (!dry_run)
            PERDURE_TRY(set_aside(damaged, from, name, ByteView(good),
                                  "does not open the repository", stop));
    }
    return done;
}

}  // namespace perdure
