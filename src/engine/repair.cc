#include "engine/repair.h"

#include <algorithm>
#include <array>
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
        CheckResult checked = PERDURE_TRY(steady_check());
        result_.before = checked.findings;
        for (int round = 0; round < kMostRounds; ++round) {
            const bool any = PERDURE_TRY(put_back_records(checked));
            if (!any || options_.dry_run) break;
            repository_.forget_enrolments();
            checked = PERDURE_TRY(steady_check());
        }
        // Again, as what could not be read the first time may need blocks too.
        for (int round = 0; round < kMostRounds && PERDURE_TRY(move_blocks(checked)); ++round) {
            if (options_.dry_run) break;
            checked = PERDURE_TRY(steady_check());
        }
        // On a dry run what can be put back or moved is not yet.
        const bool is_told = options_.dry_run && options_.from != nullptr;
        const std::set<SessionName> hurt = hurt_points(checked);
        if (!hurt.empty() && !is_told) {
            const auto surely = PERDURE_TRY(confirm(checked, hurt));
            if (PERDURE_TRY(replace_points(surely)) && !options_.dry_run)
                checked = PERDURE_TRY(steady_check());
        }
        if (!options_.dry_run && !result_.actions.empty()) PERDURE_TRY(record());
        result_.after = std::move(checked.findings);
        result_.outcome = checked.outcome;
        result_.seconds =
            static_cast<double>(repository_.clock().monotonic_nanoseconds() - begun) / 1e9;
        return std::move(result_);
    }

private:
    /// `points`: only these; empty: everything.
    Result<CheckResult> check(std::set<SessionName> points, CheckLevel level) {
        CheckOptions options;
        options.points = std::move(points);
        options.level = level;
        options.workers = options_.workers;
        return run_check(repository_, options, reporter_, stop_);
    }

    /// Records that the check could not read, by name: not packs, nor hints, which are looked into
    /// at deeper levels only.
    static std::set<std::string> unread_records(const CheckResult& checked) {
        std::set<std::string> unread;
        for (const CheckFinding& f : checked.findings)
            if (!f.note && (f.kind == "missing" || f.kind == "damaged") &&
                !names::parse_pack(f.object) && !f.object.starts_with("hints/"))
                unread.insert(f.object);
        return unread;
    }

    /// Of records a second look must find what the first one did: points that cannot be read count
    /// for nothing, and what they need would be let go for bytes that were damaged on the way.
    Result<CheckResult> steady_check() {
        std::string differs;
        for (int round = 0; round < kMostRounds; ++round) {
            CheckResult checked = PERDURE_TRY(check({}, options_.level));
            const auto unread = unread_records(checked);
            if (unread.empty()) return checked;
            repository_.forget_enrolments();
            const auto again = unread_records(PERDURE_TRY(check({}, CheckLevel::Structure)));
            if (unread == again) return checked;
            differs = *unread.begin();
        }
        return reads_differently(differs);
    }

    static Error reads_differently(const std::string& object) {
        return Error(ErrorKind::Unavailable, object + ": reads differently each time")
            .with_hint("no point was replaced; run `perdure repair` again");
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

    /// Where the check could read every record, one that cannot be read now says nothing of what is
    /// needed. `text`: what was said of it.
    static Result<void> expect_damage(const CheckResult& checked, const std::string& text) {
        const bool found = std::any_of(
            checked.findings.begin(), checked.findings.end(),
            [](const CheckFinding& f) { return !f.note && !names::parse_pack(f.object); });
        if (found) return {};
        return Error(ErrorKind::Unavailable, text + ": cannot be read now, and could a moment ago")
            .with_hint("nothing was replaced; run `perdure repair` again");
    }

    /// What the points that count need.
    Result<LivenessMarks> live_blocks(const CheckResult& checked) {
        LivenessMarks live;
        const PointList list = PERDURE_TRY(repository_.list_points(stop_));
        for (const Problem& problem : list.problems)
            PERDURE_TRY(expect_damage(checked, problem.object + ": " + problem.text));
        for (const Point& point : list.points) {
            const auto marks = load_liveness(repository_, point, registry_, stop_);
            if (!marks && ends_repair(marks.error())) return marks.error();
            if (!marks) {
                PERDURE_TRY(expect_damage(checked, marks.error().describe()));
                continue;  // its point is replaced
            }
            for (std::uint32_t pack = 0; pack < marks->bitmaps().size(); ++pack)
                if (!marks->bitmaps()[pack].empty())
                    live.mark(PackNumber{pack}, marks->bitmaps()[pack]);
        }
        return live;
    }

    /// The live blocks of a session whose index is lost: nothing says where they lie but their
    /// packs themselves, which no collector believes.
    Result<void> want_unplaced(const CheckResult& checked, SessionName session,
                               PackCatalog& catalog, const LivenessMarks& live, Slots& wanted) {
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
            for (const auto& [birth, slots] : PERDURE_TRY(blocks_of(checked, pack, catalog, live)))
                for (const std::uint32_t slot : slots)
                    if (!PERDURE_TRY(stays_elsewhere({birth, slot}, catalog)))
                        wanted[birth].insert(slot);
        return {};
    }

    /// The live blocks that a pack holds.
    Result<Slots> blocks_of(const CheckResult& checked, const BirthPack& pack, PackCatalog& catalog,
                            const LivenessMarks& live) {
        Slots slots;
        const auto access = catalog.find(registry_.number_of(pack), stop_);
        if (!access && ends_repair(access.error())) return access.error();
        if (!access) {
            PERDURE_TRY(expect_damage(checked, names::index(pack.session).text()));
            return slots;
        }
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
        const LivenessMarks live = PERDURE_TRY(live_blocks(checked));
        PackCatalog catalog(repository_, registry_);
        Slots wanted;
        std::map<std::string, Slots> packs;  // that are damaged, by name
        for (const CheckFinding& finding : checked.findings) {
            const auto pack = names::parse_pack(finding.object);
            const auto index = names::parse_index(finding.object);
            if (index && !finding.note)
                PERDURE_TRY(want_unplaced(checked, *index, catalog, live, wanted));
            if (!pack || finding.note || finding.kind == "stray" || finding.kind == kCovered)
                continue;
            packs[finding.object] = PERDURE_TRY(blocks_of(checked, pack->pack, catalog, live));
            for (const auto& [birth, slots] : packs[finding.object])
                for (const std::uint32_t slot : slots)
                    if (!PERDURE_TRY(stays_elsewhere({birth, slot}, catalog)))
                        wanted[birth].insert(slot);
        }
        for (const auto& [birth, slots] : checked.lost_blocks)
            for (const std::uint32_t slot : slots)
                if (live.contains(registry_.number_of(birth), slot)) wanted[birth].insert(slot);
        forget_lost(wanted);
        for (const auto& [birth, slots] : wanted)
            act(RepairAction::Kind::MoveBlocks, birth.pack.hex(),
                "of session " + short_text(birth.session), slots.size());
        if (options_.dry_run) return !wanted.empty() || !packs.empty();
        PERDURE_TRY(move(wanted));
        const bool any_aside = PERDURE_TRY(set_packs_aside(packs));
        return any_aside || !wanted.empty();
    }

    /// Those that an earlier round could not have.
    void forget_lost(Slots& wanted) const {
        for (const auto& [birth, slots] : lost_)
            if (const auto at = wanted.find(birth); at != wanted.end())
                for (const std::uint32_t slot : slots) at->second.erase(slot);
        std::erase_if(wanted, [](const auto& of_birth) { return of_birth.second.empty(); });
    }

    /// Adds those that could not be had to lost_.
    Result<void> move(const Slots& wanted) {
        if (wanted.empty()) return {};
        SessionOptions options;
        options.purpose = SessionPurpose::Repair;
        options.pack_size = repository_.store().properties().pack_size;
        const auto session =
            PERDURE_TRY(WriteSession::begin(repository_, as_, cache_, options, stop_));
        BlockMover own(repository_, registry_);
        own.attach(*session);
        std::optional<BlockMover> other;
        if (options_.from != nullptr) other.emplace(*options_.from, registry_).attach(*session);
        BlockMover* const elsewhere = other ? &*other : nullptr;
        // Each twice: the way here may have damaged them.
        const std::array<BlockMover*, 4> movers{&own, elsewhere, &own, elsewhere};
        for (const auto& [birth, slots] : wanted) {
            std::vector<std::uint32_t> left(slots.begin(), slots.end());
            for (BlockMover* const mover : movers)
                if (mover != nullptr && !left.empty())
                    left = PERDURE_TRY(move_by(*mover, birth, left));
            if (!left.empty()) lost_[birth].insert(left.begin(), left.end());
        }
        PERDURE_TRY(own.end_packs(stop_));
        if (other) PERDURE_TRY(other->end_packs(stop_));
        PointHeader header;
        header.kind = EndKind::EndRecord;
        header.started_ns = header.finished_ns = repository_.clock().now().nanoseconds;
        PERDURE_TRY(session->commit(header, std::nullopt, std::nullopt, stop_));
        return {};
    }

    /// Gives those that it could not.
    Result<std::vector<std::uint32_t>> move_by(BlockMover& mover, const BirthPack& birth,
                                               const std::vector<std::uint32_t>& slots) {
        std::vector<std::uint32_t> missed;
        for (const auto& one : PERDURE_TRY(mover.move(registry_.number_of(birth), slots, stop_)))
            missed.push_back(one.slot);
        return missed;
    }

    bool is_lost(const BirthPack& birth, const std::set<std::uint32_t>& slots) const {
        const auto at = lost_.find(birth);
        return at != lost_.end() &&
               std::any_of(slots.begin(), slots.end(),
                           [&](std::uint32_t slot) { return at->second.contains(slot); });
    }

    /// Those whose live blocks all lie elsewhere now. False if there are none.
    Result<bool> set_packs_aside(const std::map<std::string, Slots>& packs) {
        bool any = false;
        for (const auto& [text, held] : packs) {
            const bool needed = std::any_of(held.begin(), held.end(), [&](const auto& of_birth) {
                return is_lost(of_birth.first, of_birth.second);
            });
            const ObjectName name = PERDURE_TRY(ObjectName::parse(text));
            const auto there = repository_.store().stat(name, stop_);
            if (needed || held.empty() || !there) continue;
            any = true;
            act(RepairAction::Kind::SetAside, text, "its blocks lie in other packs now");
            PERDURE_TRY(set_aside(repository_.store(), repository_, name, std::nullopt,
                                  "its blocks lie in other packs now", stop_));
        }
        return any;
    }

    // ---- points

    static std::set<SessionName> hurt_points(const CheckResult& checked) {
        std::set<SessionName> hurt;
        for (const CheckFinding& finding : checked.findings)
            hurt.insert(finding.points.begin(), finding.points.end());
        return hurt;
    }

    /// What stands for a point stays, and what it leaves out is gone: not because of bytes that
    /// were damaged on the way. A second look must find nothing that the first one did not; gives
    /// the points that are still hurt then.
    Result<std::set<SessionName>> confirm(const CheckResult& checked,
                                          const std::set<SessionName>& hurt) {
        const CheckResult again = PERDURE_TRY(check(hurt, options_.level));
        const auto same = [](const CheckFinding& a) {
            return [&](const CheckFinding& b) { return a.object == b.object && a.kind == b.kind; };
        };
        for (const CheckFinding& finding : again.findings) {
            const bool known =
                finding.note || finding.points.empty() ||
                std::any_of(checked.findings.begin(), checked.findings.end(), same(finding));
            if (known) continue;
            return reads_differently(finding.object);
        }
        return hurt_points(again);
    }

    Result<bool> replace_points(const std::set<SessionName>& hurt) {
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
    Slots lost_;  // blocks that nobody has
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
