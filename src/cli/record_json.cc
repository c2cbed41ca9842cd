#include "cli/record_json.h"

#include "base/clock.h"
#include "base/try.h"
#include "cli/entry_text.h"
#include "cli/json.h"

namespace perdure::record_json {

namespace {

using nlohmann::json;

std::string time_text(std::uint64_t nanoseconds) {
    return to_iso8601(Time{static_cast<std::int64_t>(nanoseconds)});
}

json digest_or_null(const std::optional<Digest>& digest) {
    return digest ? json(digest->hex()) : json();
}

json session_or_null(const std::optional<SessionDigest>& s) {
    if (!s) return {};
    return {{"session", short_text(s->session)}, {"digest", s->digest.hex()}};
}

json sessions(const std::vector<SessionDigest>& list) {
    json all = json::array();
    for (const auto& s : list) all.push_back(session_or_null(s));
    return all;
}

json of(const Revocation& r) {
    return {{"enrolment", number(r.enrolment)},
            {"last_number", number(r.last_number)},
            {"time", time_text(r.time_ns)},
            {"reason", r.reason}};
}

json of(const DomainRecord& d) {
    json sealed = json::array();
    for (const auto& k : d.sealed_keys)
        sealed.push_back({{"enrolment", number(k.enrolment)}, {"sealed", to_hex(k.sealed)}});
    json past = json::array();
    for (const auto& p : d.past)
        past.push_back({{"generation", p.generation}, {"seed_epoch", number(p.seed_epoch)}});
    return {{"id", d.id},
            {"name", d.name},
            {"generation", d.generation},
            {"seed_epoch", number(d.seed_epoch)},
            {"sealed_keys", sealed},
            {"past", past}};
}

json of(const SlotEntry& s, const BirthPack& own) {
    json one{{"offset", s.offset},
             {"sealed_length", s.sealed_length},
             {"raw_length", s.raw_length},
             {"leaves", s.leaf_count}};
    if (s.birth.pack != own) one["birth"] = text(s.birth);
    return one;
}

json of(const LivenessSummary& liveness) {
    json packs = json::array();
    for (const auto& pack : liveness.packs) {
        std::uint64_t needed = 0;
        for (const std::uint64_t word : pack.blocks)
            needed += static_cast<std::uint64_t>(std::popcount(word));
        packs.push_back({{"pack", text(pack.pack)}, {"blocks_needed", needed}});
    }
    return {{"base", session_or_null(liveness.base)}, {"depth", liveness.depth}, {"packs", packs}};
}

json of_page_address(PageAddress page, const PackRegistry& registry) {
    return text(registry.address(page.pack, page.slot));
}

json of_recipe(const Recipe& recipe, const PackRegistry& registry) {
    json runs = json::array();
    for (const Run& run : recipe) {
        if (run.is_hole())
            runs.push_back({{"hole", run.length}});
        else
            runs.push_back({{"block", text(registry.address(run.pack, run.slot))},
                            {"offset", run.offset},
                            {"length", run.length}});
    }
    return runs;
}

json of_entry(const TreeEntry& e, const PackRegistry& registry) {
    json one = to_json(e.entry, e.entry.path);
    one["ctime_ns"] = e.entry.ctime_ns;
    one["filesystem"] = e.entry.device;
    one["inode_flags"] = e.entry.inode_flags;
    one["project_id"] = e.entry.project_id;
    one["xattrs"] = json::object();
    for (const auto& x : e.entry.xattrs) one["xattrs"][x.name] = to_hex(as_bytes(x.value));
    for (const auto& x : e.outlined_xattrs)
        one["xattrs"][e.entry.xattrs[x.xattr].name] = {{"page", of_page_address(x.page, registry)}};
    one["recipe"] = e.outlined_recipe ? json{{"page", of_page_address(e.recipe_page, registry)}}
                                      : of_recipe(e.recipe, registry);
    return one;
}

json of_inner(const std::vector<InnerChild>& children, const PackRegistry& registry) {
    json all = json::array();
    for (const InnerChild& child : children) {
        json one{{"page", of_page_address(child.page, registry)},
                 {"entries", child.entries},
                 {"bytes", child.bytes}};
        put_bytes(one, "first_path", child.first_path);
        all.push_back(std::move(one));
    }
    return all;
}

}  // namespace

std::string text(const BirthPack& pack) { return short_text(pack.session) + "/" + pack.pack.hex(); }
std::string text(const BirthAddress& address) {
    return text(address.pack) + "/" + std::to_string(address.slot);
}

json of(const Config& c) {
    return {{"format_version", c.format_version},
            {"repository", c.repository.hex()},
            {"created", time_text(c.created_ns)},
            {"chunker",
             {{"average_log2", c.chunker_average_log2},
              {"algorithm", c.chunker_algorithm},
              {"volume_leaf_size", c.volume_leaf_size}}},
            {"hash", c.hash},
            {"owner_verify_key", to_hex(c.owner_verify_key.view())},
            {"first_epoch", c.first_epoch.hex()}};
}

json of(const Epoch& e) {
    json fields{{"number", number(e.number)},
                {"previous", digest_or_null(e.previous)},
                {"repository", e.repository.hex()},
                {"seed_epoch", number(e.seed_epoch)},
                {"owner_sealing_key", to_hex(e.owner_sealing_key.view())},
                {"owner_verify_key", to_hex(e.owner_verify_key.view())},
                {"time", time_text(e.time_ns)}};
    fields["features"] = {
        {"read", e.features.read}, {"write", e.features.write}, {"collect", e.features.collect}};
    for (const char* list : {"domains", "slots", "former_seeds", "revocations"})
        fields[list] = json::array();
    for (const auto& d : e.domains) fields["domains"].push_back(of(d));
    for (const auto& s : e.slots)
        fields["slots"].push_back(
            {{"id", s.id.hex()}, {"digest", s.digest.hex()}, {"label", s.label}});
    for (const auto& f : e.former_seeds)
        fields["former_seeds"].push_back(
            {{"epoch", number(f.epoch)}, {"sealed", to_hex(f.sealed)}});
    for (const auto& r : e.revocations) fields["revocations"].push_back(of(r));
    return fields;
}

json of(const KeySlot& s) {
    return {{"id", s.id.hex()},
            {"seed_epoch", number(s.seed_epoch)},
            {"label", s.label},
            {"created", time_text(s.created_ns)},
            {"salt", to_hex(s.salt)},
            {"argon2", {{"passes", s.cost.passes}, {"memory_kib", s.cost.memory_kib}}},
            {"cipher", static_cast<int>(s.cipher)},
            {"nonce", to_hex(s.nonce)},
            {"wrapped_seed", to_hex(s.wrapped_seed)},
            {"commitment", s.commitment.hex()}};
}

json of(const Enrolment& e) {
    constexpr const char* kKinds[] = {"unknown", "certificate", "barrier", "retirement"};
    constexpr const char* kRoles[] = {"none", "owner", "writer", "maintainer", "verifier"};
    json fields{{"kind", kKinds[static_cast<std::size_t>(e.kind)]},
                {"number", number(e.number)},
                {"previous", digest_or_null(e.previous)},
                {"time", time_text(static_cast<std::uint64_t>(e.time_ns))}};
    const Certificate& c = e.certificate;
    if (e.kind == EnrolmentKind::Certificate)
        fields["certificate"] = {{"role", kRoles[static_cast<std::size_t>(c.role)]},
                                 {"name", c.name},
                                 {"verify_key", to_hex(c.verify_key.view())},
                                 {"sealing_key", to_hex(c.sealing_key.view())},
                                 {"hosts", c.hosts},
                                 {"kinds", c.kinds},
                                 {"classes", c.classes},
                                 {"domains", c.domains}};
    if (e.kind == EnrolmentKind::Barrier) fields["list"] = e.list;
    if (e.kind == EnrolmentKind::Retirement) fields["retirement"] = of(e.retirement);
    return fields;
}

json of(const LogRecord& l) {
    json fields{{"kind", l.kind == LogKind::Session ? "session" : "barrier"},
                {"session", short_text(l.session)},
                {"previous", digest_or_null(l.previous)},
                {"time", time_text(static_cast<std::uint64_t>(l.time_ns))},
                {"program", l.program}};
    if (l.kind == LogKind::Barrier) fields["list"] = l.list;
    if (l.kind != LogKind::Session) return fields;
    fields["purpose"] = to_string(l.purpose);
    fields["sealed_secret"] = to_hex(l.sealed_secret);
    put_bytes(fields, "host", l.host);
    return fields;
}

json of(const PointHeader& h) {
    json fields{{"kind", to_string(h.kind)},
                {"session", short_text(h.session)},
                {"log_entry", h.log_entry.hex()},
                {"index", digest_or_null(h.index)},
                {"body", digest_or_null(h.body)},
                {"sealed_secret", to_hex(h.sealed_secret)},
                {"sources", h.sources},
                {"started_ns", h.started_ns},
                {"finished_ns", h.finished_ns},
                {"outcome", static_cast<int>(h.outcome)},
                {"issues", h.issues},
                {"statistics", to_json(h.statistics)},
                {"tags", h.tags},
                {"retention_class", h.retention_class},
                {"locked_until_ns", h.locked_until_ns},
                {"previous", session_or_null(h.previous)},
                {"supersedes", sessions(h.supersedes)},
                {"repaired", session_or_null(h.repaired)},
                {"fenced_by", session_or_null(h.fenced_by)},
                {"program", h.program},
                {"copied", sessions(h.copied)},
                {"source_key", h.source_key.hex()}};
    put_bytes(fields, "host", h.host);
    return fields;
}

json of(const PointBody& b) {
    json roots = json::array();
    for (const Root& r : b.roots) {
        json one{{"kind", to_string(r.kind)},
                 {"page", text(r.page)},
                 {"statistics", to_json(r.statistics)},
                 {"consistency", r.consistency},
                 {"size", r.size}};
        put_bytes(one, "name", r.name);
        roots.push_back(std::move(one));
    }
    json issues = json::array();
    for (const auto& i : b.issues) {
        json one{{"kind", i.kind}, {"root", i.root}, {"text", i.text}};
        put_bytes(one, "path", i.path);
        issues.push_back(std::move(one));
    }
    return {{"roots", roots},
            {"issues", issues},
            {"command", b.command},
            {"host_description", b.host_description}};
}

json of(const Index& index) {
    json packs = json::array();
    for (const PackTable& t : index.packs)
        packs.push_back({{"pack", text(t.pack)},
                         {"name", t.name().text()},
                         {"size", t.size},
                         {"manifest_offset", t.manifest_offset},
                         {"manifest_length", t.manifest_length},
                         {"manifest_digest", t.manifest_digest.hex()},
                         {"blocks", t.slots.size()}});
    return {{"session", short_text(index.session)},
            {"sealed_secret", to_hex(index.sealed_secret)},
            {"packs", packs},
            {"liveness", index.liveness ? of(*index.liveness) : json()}};
}

json of(const PackManifest& m) {
    json slots = json::array();
    auto leaf = m.leaves.begin();
    for (const SlotEntry& s : m.slots) {
        json one = of(s, m.pack);
        json leaves = json::array();
        for (std::uint32_t i = 0; i < s.leaf_count && leaf != m.leaves.end(); ++i, ++leaf)
            leaves.push_back({{"id", leaf->id.hex()}, {"length", leaf->length}});
        one["leaves"] = std::move(leaves);
        slots.push_back(std::move(one));
    }
    return {{"pack", text(m.pack)}, {"key_commitment", m.key_commitment.hex()}, {"slots", slots}};
}

json of(const BlockHeader& h) {
    return {{"cipher", static_cast<int>(h.cipher)},
            {"codec", static_cast<int>(h.codec)},
            {"birth", text(h.birth)},
            {"domain", h.domain.domain},
            {"generation", h.domain.generation},
            {"raw_length", h.raw_length},
            {"sealed_length", h.sealed_length},
            {"leaves", h.leaves.hex()},
            {"nonce", to_hex(h.nonce)}};
}

Result<json> of_page(ByteView page, PackRegistry& registry) {
    const PageKind kind = PERDURE_TRY(page_kind(page));
    json list = json::array();
    switch (kind) {
        case PageKind::Entries:
            for (const TreeEntry& e : PERDURE_TRY(decode_entries_page(page, registry)))
                list.push_back(of_entry(e, registry));
            return json{{"kind", "entries"}, {"entries", list}};
        case PageKind::Inner:
            return decode_inner_page(page, registry).map([&](const std::vector<InnerChild>& c) {
                return json{{"kind", "inner"}, {"children", of_inner(c, registry)}};
            });
        case PageKind::Runs:
            return decode_runs_page(page, registry).map([&](const Recipe& recipe) {
                return json{{"kind", "runs"}, {"recipe", of_recipe(recipe, registry)}};
            });
        case PageKind::RunsInner:
            for (const RunsChild& c : PERDURE_TRY(decode_runs_inner_page(page, registry)))
                list.push_back({{"page", of_page_address(c.page, registry)}, {"bytes", c.bytes}});
            return json{{"kind", "runs-inner"}, {"children", list}};
        case PageKind::Bytes:
            return decode_bytes_page(page).map([](const Buffer& bytes) {
                return json{{"kind", "bytes"}, {"bytes", to_hex(bytes)}};
            });
        case PageKind::Map:
        case PageKind::Issues: break;
    }
    return Error(ErrorKind::Unsupported, "this version reads no pages of that kind");
}

}  // namespace perdure::record_json
