// fuzz_corpus GOLDEN FOLDER: writes the seeds of every target, FOLDER/TARGET/NAME: what the golden
// repository holds, and valid encodings of what it does not.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

#include "app/prices.h"
#include "base/clock.h"
#include "codec/byte_io.h"
#include "engine/previous_tree.h"
#include "repo/aside.h"
#include "repo/block_reader.h"
#include "repo/closed.h"
#include "repo/collection_records.h"
#include "repo/ledger.h"
#include "repo/session_cache.h"
#include "store/local/local_store.h"
#include "support/fuzz.h"
#include "support/temp_dir.h"

namespace perdure::fuzz {
namespace {

namespace fs = std::filesystem;

template <class T>
T must(Result<T> result) {
    if (result) return std::move(*result);
    std::fprintf(stderr, "fuzz_corpus: %s\n", result.error().describe().c_str());
    std::exit(1);
}

std::string read(const fs::path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

Buffer with_byte(std::uint8_t byte, ByteView bytes) {
    Buffer all(1, static_cast<std::byte>(byte));
    append(all, bytes);
    return all;
}

class Corpus {
public:
    explicit Corpus(fs::path folder) : folder_(std::move(folder)) {}
    void put(const std::string& target, const std::string& name, ByteView bytes) const {
        fs::create_directories(folder_ / target);
        std::ofstream(folder_ / target / name, std::ios::binary) << as_text(bytes);
    }
    void put(const std::string& target, const std::string& name, std::string_view text) const {
        put(target, name, as_bytes(text));
    }
    void json(std::uint8_t kind, const std::string& name, ByteView body) const {
        put("record_json", name, with_byte(kind, body));
    }

private:
    fs::path folder_;
};

// ------------------------------------------------------------------------------------ what the
// golden repository holds

class Golden {
public:
    Golden(const fs::path& golden, const Corpus& corpus)
        : path_(golden / "repository"), corpus_(corpus) {
        store_ = must(LocalStore::open(path_));
        Credentials credentials;
        std::string password = read(golden / "password");
        password.resize(std::min(password.find('\n'), password.size()));
        credentials.passphrase = Passphrase(password);
        repository_ =
            must(Repository::open(*store_, credentials, system_clock(), system_random(), {}));
    }

    void write() {
        frames();
        corpus_.put("config", "golden", encode_config(repository_->config()));
        corpus_.put("epoch", "golden", encode_epoch(repository_->epoch()));
        corpus_.json(0, "config", encode_config(repository_->config()));
        for (const KeySlotState& state : must(repository_->key_slots({}))) {
            corpus_.put("key_slot", "golden", encode_key_slot(*state.slot));
            corpus_.json(2, "key_slot", encode_key_slot(*state.slot));
        }
        for (const auto& [writer, enrolment] : must(repository_->enrolments({})).by_number) {
            corpus_.put("enrolment", "golden", encode_enrolment(enrolment));
            corpus_.json(3, "enrolment", encode_enrolment(enrolment));
        }
        corpus_.put("domain_keys", "golden",
                    encode_domain_keys(must(repository_->domain_keys()), true));
        for (std::uint64_t n = 1; n <= 3; ++n)
            session({WriterNumber{1}, SessionNumber{n}}, "golden-" + std::to_string(n));
        for (const auto& file : fs::recursive_directory_iterator(path_ / "packs"))
            if (file.is_regular_file()) pack(read(file.path()));
    }

private:
    /// One object of each type, as it lies in the store.
    void frames() {
        const std::map<std::string, std::uint8_t> types{
            {"perdure", 1}, {"epochs", 2}, {"keys", 3},  {"writers", 4},
            {"log", 5},     {"points", 6}, {"index", 8}, {"hints", 9}};
        for (const auto& [folder, type] : types) {
            std::vector<std::string> files;
            for (const auto& file : fs::recursive_directory_iterator(path_)) {
                const std::string name = fs::relative(file.path(), path_);
                if (file.is_regular_file() && name.starts_with(folder)) files.push_back(name);
            }
            const std::string first = *std::min_element(files.begin(), files.end());
            corpus_.put("object_name", "golden-" + folder, first);
            corpus_.put(
                "frame", "golden-" + folder,
                with_byte(static_cast<std::uint8_t>(type - 1), as_bytes(read(path_ / first))));
        }
    }

    void session(SessionName session, const std::string& name) {
        Digest digest;
        const Buffer log =
            encode_log_record(must(repository_->load_log_entry(session, &digest, {})));
        corpus_.put("log_entry", name, log);
        corpus_.json(4, "log-" + name, log);
        corpus_.put("log_position", name, encode_log_position(WriterNumber{3}, {2, digest, 0}));
        const Point point = must(repository_->load_point(session, {}));
        const Buffer header = encode_point_header(point.header);
        corpus_.put("point_header", name, header);
        corpus_.json(5, "point-" + name, header);
        index(session, name);
        if (point.header.body) body(point, name);
    }

    void index(SessionName session, const std::string& name) {
        const auto index = must(repository_->load_index(session, std::nullopt, {}));
        corpus_.put("index", name, encode_index(*index));
        std::vector<PackHints> hints;
        for (const PackTable& table : index->packs) {
            std::vector<BirthPack> births;
            corpus_.put("slot_table", name, encode_slots(table.slots, table.pack, births));
            const PackManifest found = must(load_manifest(*repository_, table, {}));
            hints.push_back({table.pack.pack, {}});
            for (const LeafRecord& leaf : found.leaves)
                hints.back().fingerprints.push_back(leaf.id.fingerprint());
        }
        corpus_.put("hints", name, encode_hints(hints));
        corpus_.put("cached_leaves", name,
                    encode_cached_leaves({encode_index(*index), encode_hints(hints)}));
        corpus_.put(
            "cached_sessions", name,
            encode_cached_sessions({SessionNumber{9}, {session.session, SessionNumber{8}}}));
    }

    void body(const Point& point, const std::string& name) {
        const PointBody found = must(repository_->load_body(point, {}));
        corpus_.put("point_body", name, encode_point_body(found));
        corpus_.json(6, "body-" + name, encode_point_body(found));
        PackRegistry packs;
        PackCatalog catalog(*repository_, packs);
        BlockReader reader(*repository_, catalog, 1U << 20);
        for (const Root& root : found.roots) {
            corpus_.put("page_address", name, encode_address(root.page));
            PageAddress at{packs.number_of(root.page.pack), root.page.slot};
            auto page = must(reader.read(at.pack, at.slot, {}));
            while (const auto children = decode_inner_page(*page, packs)) {
                at = children->front().page;
                page = must(reader.read(at.pack, at.slot, {}));
            }
            page_seed(name, *page, packs);
        }
    }

    /// The first entries of a page: seeds are small.
    void page_seed(const std::string& name, ByteView page, PackRegistry& packs) {
        const auto entries = must(decode_entries_page(page, packs));
        constexpr std::size_t kMost = 24;
        const auto first = std::span(entries).first(std::min(kMost, entries.size()));
        const Buffer small = encode_entries_page(first, packs);
        corpus_.put("entries_page", name, small);
        corpus_.json(9, "page-" + name, small);
    }

    void pack(const std::string& bytes) {
        const PackHeader header = must(parse_pack_header(as_bytes(bytes)));
        const std::string name = "golden-" + header.pack.pack.hex().substr(0, 4);
        corpus_.put("pack_header", name, std::string_view(bytes).substr(0, header.size));
        Buffer footer(8);
        store_le<std::uint64_t>(footer.data(), bytes.size());
        append(footer, as_bytes(bytes).last(kPackFooterSize));
        corpus_.put("pack_footer", name, footer);
        const ByteView block = as_bytes(bytes).subspan(header.size);
        const auto found = parse_block_header(block, true);
        if (!found || found->sealed_length > 4096) return;
        corpus_.put("block_header", name, block.first(kBlockHeaderSize + found->sealed_length));
        corpus_.json(8, "block-" + name, block.first(kBlockHeaderSize));
    }

    fs::path path_;
    const Corpus& corpus_;
    std::unique_ptr<LocalStore> store_;
    std::unique_ptr<Repository> repository_;
};

// ------------------------------------------------------------------------------------ what it does
// not

Digest some_digest() { return digest_of(as_bytes("some digest")); }
SessionDigest some_session() { return {birth_pack().session, some_digest()}; }

void write_epoch(const Corpus& corpus) {
    Epoch epoch;
    epoch.number = EpochNumber{2};
    epoch.previous = some_digest();
    epoch.features = {{"a"}, {"b"}, {"c"}};
    DomainRecord domain;
    domain.name = "d\xff";
    domain.sealed_keys.push_back({WriterNumber{1}, to_buffer(as_bytes("sealed"))});
    domain.past.push_back({1, EpochNumber{1}});
    epoch.domains.push_back(domain);
    epoch.slots.push_back({SlotId(), some_digest(), "label"});
    epoch.former_seeds.push_back({EpochNumber{1}, to_buffer(as_bytes("sealed"))});
    epoch.revocations.push_back({WriterNumber{1}, SessionNumber{9}, 10, "gone"});
    corpus.put("epoch", "full", encode_epoch(epoch));
    corpus.json(1, "epoch", encode_epoch(epoch));
}

void write_enrolments(const Corpus& corpus) {
    for (const auto kind :
         {EnrolmentKind::Certificate, EnrolmentKind::Barrier, EnrolmentKind::Retirement}) {
        Enrolment enrolment;
        enrolment.kind = kind;
        enrolment.previous = some_digest();
        enrolment.list = 3;
        enrolment.certificate.hosts = {"h\xff"};
        enrolment.certificate.kinds = {1, 2};
        enrolment.certificate.classes = {"std"};
        enrolment.retirement = {WriterNumber{1}, SessionNumber{2}, 3, "old"};
        corpus.put("enrolment", "kind-" + std::to_string(static_cast<int>(kind)),
                   encode_enrolment(enrolment));
    }
}

void write_closed(const Corpus& corpus) {
    ClosedRecord record;
    record.name = {WriterNumber{1}, SessionNumber{5}};
    record.settled = {{SessionNumber{1}, some_digest(), true},
                      {SessionNumber{2}, std::nullopt, false},
                      {SessionNumber{4}, some_digest(), false}};
    corpus.put("closed", "first", encode_closed(record));
    record.name.session = SessionNumber{9};
    record.previous = SessionDigest{{WriterNumber{1}, SessionNumber{5}}, some_digest()};
    corpus.put("closed", "continued", encode_closed(record));
}

void write_points(const Corpus& corpus) {
    for (const auto kind :
         {FateKind::Protected, FateKind::Unprotected, FateKind::Expired, FateKind::Tags}) {
        Fate fate;
        fate.kind = kind;
        fate.point = some_session();
        fate.reason = "because";
        fate.tags = {"a", "b"};
        corpus.put("fate", "kind-" + std::to_string(static_cast<int>(kind)), encode_fate(fate));
    }
    PointHeader header;
    header.kind = EndKind::Copy;
    header.host = "h\xff";
    header.previous = header.repaired = header.fenced_by = some_session();
    header.supersedes = header.copied = {some_session()};
    header.tags = {"a"};
    corpus.put("point_header", "full", encode_point_header(header));
    PointBody body;
    body.roots.push_back({"/\xff", EndKind::Files, {birth_pack(), 1}, {}, 2, 3});
    body.issues.push_back({1, 0, "p\xff", "text"});
    body.command = {"a"};
    body.host_description = "{}";
    corpus.put("point_body", "full", encode_point_body(body));
    LogRecord barrier;
    barrier.kind = LogKind::Barrier;
    barrier.list = 4;
    corpus.put("log_entry", "barrier", encode_log_record(barrier));
    Index index;
    index.liveness = LivenessSummary{some_session(), 1, {{birth_pack(), {5, 1}}}};
    corpus.put("index", "liveness", encode_index(index));
    corpus.put("log_position", "first", encode_log_position(WriterNumber{3}, {}));
}

void write_collections(const Corpus& corpus) {
    CondemnedList list;
    list.number = 2;
    list.time_ns = 1'800'000'000'000'000'000;
    list.packs = {birth_pack()};
    list.counted = {some_session()};
    corpus.put("condemned_list", "one-pack", encode_condemned_list(list, {1, 1}));
    CollectionVerdict verdict;
    verdict.number = 2;
    verdict.list = some_digest();
    verdict.dropped = {birth_pack()};
    verdict.barriers = {birth_pack().session};
    corpus.put("verdict", "one-pack", encode_verdict(verdict, {1, 1}));
    corpus.put("aside", "replaced",
               encode_aside({"index/00000001/0000000000000001", to_buffer(as_bytes("damaged")),
                             some_digest(), 1, "from a replica"}));
    corpus.put("aside", "missing", encode_aside({"perdure", {}, {}, 1, "it was gone"}));
    for (const auto kind : {LedgerKind::Checked, LedgerKind::Verified, LedgerKind::Repaired}) {
        LedgerRecord record;
        record.kind = kind;
        record.previous = some_digest();
        record.sessions = {some_session()};
        record.packs = {birth_pack()};
        record.text = "text";
        corpus.put("ledger_record", "kind-" + std::to_string(static_cast<int>(kind)),
                   encode_ledger_record(record));
    }
}

void write_frames(const Corpus& corpus) {
    const RecordPlace place{repository_id(), ObjectType::Index, "fuzz"};
    const Buffer sealed =
        seal_record(place, as_bytes("a body"), {}, {Sealing::IndexKey, key(), 1, 1});
    const auto type = static_cast<std::uint8_t>(ObjectType::Index);
    corpus.put("frame", "sealed", with_byte(static_cast<std::uint8_t>(type - 1), sealed));
    const SigningKey signer(key());
    const RecordPlace epoch{repository_id(), ObjectType::Epoch, "fuzz"};
    const SignWith sign{{Role::Owner, WriterNumber{0}, EpochNumber{1}}, &signer, &signer};
    const Buffer clear = seal_record(epoch, as_bytes("a body"), sign, {});
    corpus.put("frame", "signed", with_byte(1, clear));
    const std::size_t payload = clear.size() - kFrameHeaderSize - kFrameTrailerSize;
    corpus.put("signed_record", "signed", ByteView(clear).subspan(kFrameHeaderSize, payload));
    ByteWriter inside;  // FORMAT.md, session secrets
    inside.u8(0);
    inside.bytes(as_bytes("PSS1"));
    inside.bytes(repository_id().view());
    inside.u32(number(birth_pack().session.writer));
    inside.u64(number(birth_pack().session.session));
    inside.u32(1);
    inside.bytes(key().reveal());
    corpus.put("session_secret", "inside", inside.view());
}

FinishedPack some_pack() {
    PackContext context;
    context.repository = repository_id();
    context.session = birth_pack().session;
    context.sealed_secret = to_buffer(as_bytes("a sealed secret"));
    context.domain = {{1, 1}, key(), key()};
    context.target_size = 1U << 16;
    PackBuilder builder(context, PackKind::Metadata, birth_pack().pack, {});
    BlockSealer sealer(context.repository);
    LeafTableHasher hasher(context.repository, context.domain);
    const LeafRecord leaves[] = {{LeafId(), 100}, {LeafId(), 200}};
    must(builder.add(Buffer(300, std::byte{'a'}), leaves, sealer, hasher, {}));
    must(builder.add(as_bytes("short"), {}, sealer, hasher, {}));
    return builder.finish();
}

void write_packs(const Corpus& corpus) {
    const FinishedPack pack = some_pack();
    const PackTable& table = pack.table;
    const RecordPlace place{repository_id(), ObjectType::Manifest, table.name().text()};
    const OpenedRecord manifest = must(open_record(
        place, ByteView(pack.bytes).subspan(table.manifest_offset, table.manifest_length),
        [](const FrameHeader&) -> Result<Key256> { return key(); }));
    corpus.put("manifest", "two-blocks", manifest.body);
    corpus.json(7, "manifest", manifest.body);
    std::vector<SlotEntry> slots = table.slots;
    slots[1].birth.pack.session.session = SessionNumber{100};
    std::vector<BirthPack> births;
    corpus.put("slot_table", "copied", encode_slots(slots, birth_pack(), births));
}

/// A codec, the length of the content, and the payload: what the block target seals.
Buffer block_of(Codec codec, std::uint32_t length, ByteView payload) {
    ByteWriter w;
    w.u8(static_cast<std::uint8_t>(codec));
    w.u32(length);
    w.bytes(payload);
    return w.take();
}

void write_blocks(const Corpus& corpus) {
    Buffer raw;
    for (int i = 0; i < 400; ++i) append(raw, as_bytes(std::to_string(i * i)));
    Buffer frame;
    static_cast<void>(Compressor().compress(raw, 3, frame));
    const auto length = static_cast<std::uint32_t>(raw.size());
    const Buffer block = block_of(Codec::Zstd, length, frame);
    corpus.put("block", "zstd", block);
    corpus.put("zstd_frame", "numbers", ByteView(block).subspan(1));
    corpus.put("block", "raw", block_of(Codec::Raw, 3, as_bytes("abc")));
}

Entry entry_of(EntryType type, std::string path) {
    Entry entry;
    entry.path = std::move(path);
    entry.type = type;
    entry.mode = 0640;
    entry.uid = 1000;
    entry.user = "u";
    entry.mtime_ns = -1;
    entry.inode = 77;
    return entry;
}

/// An entry of every type, in order; "f" and "large" need pages 1 and 2 of the pack.
std::vector<TreeEntry> some_entries(PackNumber pack) {
    const auto plain = [](EntryType type, const char* path) {
        TreeEntry e;
        e.entry = entry_of(type, path);
        return e;
    };
    TreeEntry link = plain(EntryType::Symlink, "b");
    link.entry.link_target = "../\xff";
    link.entry.size = link.entry.link_target.size();
    TreeEntry device = plain(EntryType::CharDevice, "e");
    device.entry.device_major = 8;
    TreeEntry file = plain(EntryType::File, "f");
    file.entry.xattrs = {{"system.posix_acl_access", std::string("\2\0\0\0", 4)}, {"user.x", ""}};
    file.outlined_xattrs = {{1, {pack, 2}}};
    file.recipe = {{pack, 0, 0, 100}, {pack, 0, 100, 50}, Run::hole(4096), {pack, 1, 0, 7}};
    file.entry.size = length_of(file.recipe);
    TreeEntry large = plain(EntryType::File, "large");
    large.outlined_recipe = true;
    large.recipe_page = {pack, 1};
    large.entry.size = 1107;
    return {plain(EntryType::Directory, "a"),   link,   plain(EntryType::Fifo, "c"),
            plain(EntryType::Socket, "d"),      device, file,
            plain(EntryType::BlockDevice, "g"), large};
}

void put_tree(const Corpus& corpus, const std::string& name, const std::vector<Buffer>& pages) {
    Buffer tree = to_buffer(as_bytes("f\n"));
    for (const Buffer& page : pages) {
        tree.push_back(static_cast<std::byte>(page.size()));
        tree.push_back(static_cast<std::byte>(page.size() >> 8));
        append(tree, page);
    }
    corpus.put("tree", name, tree);
}

void write_pages(const Corpus& corpus) {
    PackRegistry packs;
    const PackNumber pack = packs.number_of(birth_pack());
    const Buffer page = encode_entries_page(some_entries(pack), packs);
    const Recipe runs{{pack, 3, 0, 1000}, Run::hole(100), {pack, 4, 5, 7}};
    const Buffer run_page = encode_runs_page(runs, packs);
    const RunsChild run_children[] = {{{pack, 3}, 1107}};
    const Buffer run_inner = encode_runs_inner_page(run_children, packs);
    const Buffer bytes = encode_bytes_page(as_bytes("a long value"));
    const InnerChild children[] = {{"a", {pack, 1}, 8, 100}, {"b", {pack, 1}, 8, 100}};
    const Buffer inner = encode_inner_page(children, packs);
    corpus.put("entries_page", "every-type", page);
    corpus.put("inner_page", "two-children", inner);
    corpus.put("run_pages", "runs", run_page);
    corpus.put("run_pages", "inner", run_inner);
    corpus.put("run_pages", "bytes", bytes);
    int number = 0;
    for (const Buffer* each : {&page, &inner, &run_page, &run_inner, &bytes})
        corpus.json(9, "page-" + std::to_string(number++), *each);
    corpus.put("page_address", "one", encode_address({birth_pack(), 300}));
    put_tree(corpus, "small", {page, run_page, bytes});
    put_tree(corpus, "inner", {inner, page, bytes});
    put_tree(corpus, "nested-runs", {page, run_inner, bytes, run_page});
}

// ------------------------------------------------------------------------------------ text

void write_keys(const Corpus& corpus) {
    WriterIdentity identity;
    identity.repository = repository_id();
    identity.name = "w";
    identity.signing_seed = identity.opening_secret = key();
    identity.domains = {{{1, 1}, key(), key()}};
    corpus.put("writer_key_file", "file", with_byte(0, as_bytes(encode_writer_key_file(identity))));
    corpus.put("recovery_key", "typed", with_byte(0, as_bytes(to_recovery_key(key()))));
    Buffer mistyped = with_byte(1, as_bytes("\x0c"));
    append(mistyped, as_bytes("b"));
    append(mistyped, key().reveal());
    corpus.put("recovery_key", "mistyped", mistyped);
}

void put_texts(const Corpus& corpus, const std::string& target,
               const std::vector<std::string_view>& texts) {
    int number = 0;
    for (const std::string_view text : texts)
        corpus.put(target, "text-" + std::to_string(number++), text);
}

void write_options(const Corpus& corpus) {
    put_texts(corpus, "compression", {"auto", "off", "fast", "default", "max", "7", "13"});
    put_texts(corpus, "object_name",
              {"packs/std/d/2d/00000001-0000000000000001-2d06a9cdbe08552e19d7e378ad1d8e48",
               "fate/00000001/0000000000000002/00000003", "gc/0000000000000001.verdict"});
    put_texts(corpus, "password", {"secret\n", "s\r\nmore"});
    put_texts(corpus, "path_list",
              {"# comment\n/etc\r\n\n/srv data\n", std::string_view("/etc\0#/a\nb\0", 11)});
    put_texts(
        corpus, "patterns",
        {"home/a/b.o\n*.o\n!/home/a/*\n**/cache\n[a-c_]?\\*\n/x/**/y\n", "a\xff/b\n[^\xff]*\n"});
    put_texts(
        corpus, "record_name",
        {"1-5", "1-2d/2d06a9cdbe08552e19d7e378ad1d8e48", "1-1/2d06a9cdbe08552e19d7e378ad1d8e48/7"});
    put_texts(corpus, "selector",
              {"latest\n", "latest~2@alpha:/srv:/path\ndaily,db\nalpha\n/srv\n2020-01-01",
               "1-3:/etc\n\n\n\n2026-11-21T09:47:00+0100", "1-3\ndaily\n"});
    put_texts(corpus, "span", {"2y5m7d3h", "30d", "99999h", "0y1d", "7w", "1d1d"});
    put_texts(corpus, "subset", {"5%", "0.5%", "100%", "1e-3%", "nan%", "0x1p-2%"});
    put_texts(
        corpus, "time",
        {"2026-11-21", "2026-11-21T09:47:00Z", "2026-11-21 09:47", "1600-01-01T00:00:00+1400"});
    put_texts(corpus, "restore_paths",
              {"\x02x\n../outside\n\x01x\n\n\x04x/y\n\n",
               "\x01"
               "a\n\n\x04"
               "a/f\n\n\x04"
               "a/g\n\n\x81"
               "a\nf\n",
               "\x04../outside/secret\n\n\x01/etc\n\n\x41"
               "a/../../b\n\n"});
}

constexpr std::string_view kFault =
    "\x64"
    "Fri, 15 Jan 2027 09:00:00 GMT\n<Error><Code>AuthorizationHeaderMalformed</Code>"
    "<Message>the region is wrong</Message><Region>eu-west-3</Region></Error>";
constexpr std::string_view kPolicy =
    R"(0{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["s3:Get*"],
        "Resource": "arn:aws:s3:::bucket/*", "Condition": {"StringLike": {"s3:prefix": "p/*"}}}]})";

void write_s3(const Corpus& corpus) {
    put_texts(corpus, "aws_profile",
              {"0[default]\nregion = eu-west-1\n[profile a]\nrole_arn=r\ns3 =\n  max = 1\n# c\n",
               "1[a]\naws_access_key_id = A\naws_secret_access_key = B\n"});
    put_texts(corpus, "aws_credentials",
              {R"({"Version": 1, "AccessKeyId": "A", "SecretAccessKey": "B"})",
               R"({"Version": 1, "AccessKeyId": "A", "SecretAccessKey": "B", "SessionToken": "C",
                   "Expiration": "2030-01-01T00:00:00Z"})"});
    put_texts(corpus, "s3_location",
              {"s3://bucket/a/prefix\n\n", "s3:https://host:9000/bucket\n\n",
               "s3://bucket\nhttp://127.0.0.1:7070\n"});
    put_texts(corpus, "s3_fault", {kFault, "\x68\nnot xml", "\xcb\n"});
    put_texts(corpus, "prices", {built_in_prices()});
    put_texts(corpus, "cloudsim_policy", {kPolicy});
}

void write_packed_options(const Corpus& corpus) {
    ByteWriter entry;
    entry.u8(1);
    entry.u32(0640);
    entry.u64(1'000'000'000);
    entry.bytes(as_bytes("a\xc2\x9b[31m\nt\xff\nuser\ngroup"));
    corpus.put("entry_text", "controls", entry.view());
    ByteWriter acl;
    acl.u8(0);
    acl.u32(2);
    for (const std::uint32_t tag : {0x70001U, 0x50002U, 0x40020U}) {
        acl.u32(tag);  // permissions above the tag
        acl.u32(1000);
    }
    corpus.put("posix_acl", "three", acl.view());
    ByteWriter recipe;
    for (const std::uint8_t kind : std::initializer_list<std::uint8_t>{1, 1, 4, 2}) {
        recipe.u8(kind);
        recipe.u32(100);
        if (kind % 4 == 0) continue;
        recipe.u8(5);
        recipe.u32(kind == 1 ? 100 : 0);
    }
    corpus.put("recipe", "four-runs", recipe.view());
}

void write_cache(const Corpus& corpus) {
    const TempDir directory{TempDir::memory()};
    const LocalCache cache(directory.path(), repository_id(), key());
    cache.save("x", as_bytes("what was cached"));
    corpus.put("local_cache", "saved", read(cache.directory() + "/x"));
    const BirthAddress page{birth_pack(), 1};
    PackRegistry packs;
    TreeCacheWriter writer(cache, SourceKey(), birth_pack().session, packs, nullptr);
    writer.add(page, as_bytes("a page"));
    writer.finish(some_session(), 1, body_of(page));
    const std::string name = "tree-" + SourceKey().hex();
    corpus.put("tree_cache", "summary", with_byte(0, *cache.load(name)));
    const std::string part = name + "-" + short_text(birth_pack().session) + "-0";
    corpus.put("tree_cache", "part", with_byte(1, *cache.load(part)));
}

void write_all(const fs::path& golden, const fs::path& folder) {
    const Corpus corpus(folder);
    Golden(golden, corpus).write();
    write_epoch(corpus);
    write_enrolments(corpus);
    write_closed(corpus);
    write_points(corpus);
    write_collections(corpus);
    write_frames(corpus);
    write_packs(corpus);
    write_blocks(corpus);
    write_pages(corpus);
    write_keys(corpus);
    write_options(corpus);
    write_s3(corpus);
    write_packed_options(corpus);
    write_cache(corpus);
}

}  // namespace
}  // namespace perdure::fuzz

int main(int count, char** words) {
    if (count != 3) {
        std::fprintf(stderr, "usage: %s GOLDEN FOLDER\n", words[0]);
        return 2;
    }
    perdure::fuzz::write_all(words[1], words[2]);
    return 0;
}
