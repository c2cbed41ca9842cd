// Makes a repository as large as nobody has at hand: what commands need in memory at 10^8 blocks.
//
// Every object is written by the code that writes any repository, except data packs: those are
// sparse files of the length their index says, so only the blocks of one small file can be read.
// Each session adds one directory of files made of its blocks; the last point needs all of them,
// unless they are to be apart: then there are only points that need nothing of each other.
//
//   scale_repository make FOLDER [--sessions N] [--packs N] [--blocks N] [--apart]
//   scale_repository or FOLDER      OR of the liveness summaries of all points, as a collector does
//
// The passphrase is "scale".
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <bit>
#include <cstdio>
#include <filesystem>

#include "base/clock.h"
#include "base/fd.h"
#include "base/try.h"
#include "repo/session.h"
#include "repo/tree.h"
#include "store/local/local_store.h"

namespace perdure {

namespace {

constexpr std::uint32_t kBlockRaw = 1U << 20;
constexpr std::uint32_t kBlockSealed = 512U << 10;
constexpr std::size_t kBlocksAFile = 100;
constexpr const char* kHost = "scale";
constexpr const char* kRoot = "/scale";

/// A store whose data packs are holes where it is told so.
class HollowStore final : public Store {
public:
    HollowStore(std::unique_ptr<Store> store, std::string folder)
        : store_(std::move(store)), folder_(std::move(folder)) {}

    std::uint64_t next_size = 0;  // not 0: the next object has this size and no content

    StoreProperties properties() const override { return store_->properties(); }
    Result<void> create(const ObjectName& name, ByteView bytes, std::stop_token stop) override {
        const std::uint64_t size = std::exchange(next_size, 0);
        if (size == 0) return store_->create(name, bytes, stop);
        const std::filesystem::path path = folder_ + "/" + name.text();
        std::filesystem::create_directories(path.parent_path());
        const Fd file(::open(path.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600));
        if (!file || ::ftruncate(file.get(), static_cast<off_t>(size)) != 0)
            return system_error(errno, "making " + path.string());
        return {};
    }
    Result<Buffer> load(const ObjectName& name, ByteRange range, std::stop_token stop) override {
        return store_->load(name, range, stop);
    }
    Result<ObjectStat> stat(const ObjectName& name, std::stop_token stop) override {
        return store_->stat(name, stop);
    }
    Result<void> list(std::string_view prefix, const ListFn& fn, std::stop_token stop) override {
        return store_->list(prefix, fn, stop);
    }
    Result<void> remove(const ObjectName& name, std::stop_token stop) override {
        return store_->remove(name, stop);
    }

private:
    std::unique_ptr<Store> store_;
    std::string folder_;
};

struct Scale {
    std::size_t sessions = 0;
    std::size_t packs = 0;   // a session
    std::size_t blocks = 0;  // a pack
    bool apart = false;
};

/// Fills real packs of one kind, in a session.
class Packer {
public:
    Packer(WriteSession& session, const RepositoryId& repository, PackRegistry& registry,
           PackKind kind)
        : session_(session),
          registry_(registry),
          kind_(kind),
          sealer_(repository),
          hasher_(repository, session.context().domain),
          dedup_(expand(session.context().domain, repository)) {}

    Result<PageAddress> add(ByteView raw) {
        if (builder_ && builder_->full()) PERDURE_TRY(end());
        if (!builder_)
            builder_.emplace(session_.context(), kind_, session_.new_pack_id(), Buffer());
        const PageAddress address{registry_.number_of(builder_->pack()), builder_->next_slot()};
        const Digest digest = keyed_hash(dedup_.leaf, raw);
        const std::vector<LeafRecord> leaves{
            {*LeafId::from_bytes(digest.view()), static_cast<std::uint32_t>(raw.size())}};
        PERDURE_TRY(builder_->add(raw, leaves, sealer_, hasher_, {}));
        return address;
    }
    Result<void> end() {
        if (!builder_) return {};
        FinishedPack pack = builder_->finish();
        builder_.reset();
        return session_.publish(pack, {}, {});
    }

private:
    WriteSession& session_;
    PackRegistry& registry_;
    PackKind kind_;
    BlockSealer sealer_;
    LeafTableHasher hasher_;
    DedupKeys dedup_;
    std::optional<PackBuilder> builder_;
};

class Maker {
public:
    Maker(HollowStore& store, const Repository& repository, const WriterIdentity& identity,
          const Scale& scale, LocalCache cache)
        : store_(store),
          repository_(repository),
          identity_(identity),
          scale_(scale),
          cache_(std::move(cache)) {}

    Result<void> run();

private:
    Result<std::unique_ptr<WriteSession>> begin();
    Result<void> publish_hollow(WriteSession&);
    Result<void> add_directory(TreeWriter&, std::size_t session);
    Result<void> commit_tree(WriteSession&, std::size_t first, std::size_t end);

    HollowStore& store_;
    const Repository& repository_;
    const WriterIdentity& identity_;
    const Scale scale_;
    const LocalCache cache_;  // else every session would read the log from its start
    PackRegistry registry_;
    std::vector<PackNumber> packs_;  // of data, in order of making
};

TreeEntry entry_of(std::string path, EntryType type) {
    TreeEntry made;
    made.entry.path = std::move(path);
    made.entry.type = type;
    made.entry.mode = type == EntryType::Directory ? 0755 : 0644;
    made.entry.mtime_ns = made.entry.ctime_ns = 1'700'000'000'000'000'000;
    return made;
}

Result<std::unique_ptr<WriteSession>> Maker::begin() {
    SessionOptions options;
    options.host = kHost;
    return WriteSession::begin(repository_, identity_, cache_, options, {});
}

Result<void> Maker::publish_hollow(WriteSession& session) {
    FinishedPack pack;
    PackTable& table = pack.table;
    table.pack = {session.name(), session.new_pack_id()};
    std::uint64_t offset = 256;
    for (std::uint32_t slot = 0; slot < scale_.blocks; ++slot) {
        // Lengths differ as those of compressed blocks do: tables of equal ones would pack too
        // well.
        const std::uint32_t length =
            kBlockSealed + (slot * 40503U + number(session.name().session) * 9973U) % 65536;
        table.slots.push_back({offset, length, kBlockRaw, 64, {table.pack, slot}});
        offset += kBlockHeaderSize + length;
    }
    table.manifest_offset = offset;
    table.manifest_length = static_cast<std::uint32_t>(64 * 33 * scale_.blocks);
    table.size = offset + table.manifest_length + kPackFooterSize;
    packs_.push_back(registry_.number_of(table.pack));
    store_.next_size = table.size;
    return session.publish(pack, {}, {});
}

Result<void> Maker::add_directory(TreeWriter& tree, std::size_t session) {
    const std::string directory = fmt::format("s{:05}", session);
    PERDURE_TRY(tree.add(entry_of(directory, EntryType::Directory)));
    TreeEntry file;
    std::size_t files = 0;
    const auto add_file = [&]() -> Result<void> {
        if (file.recipe.empty()) return {};
        TreeEntry named = entry_of(fmt::format("{}/f{:06}", directory, files++), EntryType::File);
        named.recipe = std::exchange(file.recipe, {});
        named.entry.size = length_of(named.recipe);
        return tree.add(std::move(named));
    };
    for (std::size_t pack = 0; pack < scale_.packs; ++pack)
        for (std::uint32_t slot = 0; slot < scale_.blocks; ++slot) {
            append_run(file.recipe, {packs_[session * scale_.packs + pack], slot, 0, kBlockRaw});
            if (file.recipe.size() == kBlocksAFile) PERDURE_TRY(add_file());
        }
    return add_file();
}

/// A point of the directories of the sessions from `first` up to `end`, and one file that is there.
Result<void> Maker::commit_tree(WriteSession& session, std::size_t first, std::size_t end) {
    const DomainKeys domain = PERDURE_TRY(repository_.domain_keys());
    const DedupKeys dedup = expand(domain, repository_.id());
    Packer pages(session, repository_.id(), registry_, PackKind::Metadata);
    Packer data(session, repository_.id(), registry_, PackKind::Data);
    LivenessMarks live;
    TreeWriter tree(
        dedup.boundary, registry_, [&](ByteView raw) { return pages.add(raw); },
        [](PageAddress) { return Result<void>(); }, live);
    PERDURE_TRY(tree.add(entry_of("", EntryType::Directory)));
    const std::string content = fmt::format("needs {} directories\n", end - first);
    const PageAddress block = PERDURE_TRY(data.add(as_bytes(content)));
    TreeEntry readme = entry_of("readme", EntryType::File);
    append_run(readme.recipe, {block.pack, block.slot, 0, content.size()});
    readme.entry.size = content.size();
    PERDURE_TRY(tree.add(std::move(readme)));
    for (std::size_t i = first; i < end; ++i) PERDURE_TRY(add_directory(tree, i));
    Root root;
    root.name = kRoot;
    const PageAddress page = PERDURE_TRY(tree.finish());
    root.page = registry_.address(page.pack, page.slot);
    PERDURE_TRY(pages.end());
    PERDURE_TRY(data.end());
    PointHeader header;
    header.host = kHost;
    header.sources = {kRoot};
    header.started_ns = header.finished_ns = repository_.clock().now().nanoseconds;
    PointBody body;
    body.roots.push_back(root);
    PERDURE_TRY(session.commit(header, body, summarize(live, registry_), {}));
    return {};
}

Result<void> Maker::run() {
    for (std::size_t i = 0; i < scale_.sessions; ++i) {
        const auto session = PERDURE_TRY(begin());
        for (std::size_t p = 0; p < scale_.packs; ++p) PERDURE_TRY(publish_hollow(*session));
        PERDURE_TRY(commit_tree(*session, i, i + 1));
    }
    if (scale_.apart) return {};
    const auto session = PERDURE_TRY(begin());
    return commit_tree(*session, 0, scale_.sessions);
}

Result<void> make(const std::string& folder, const Scale& scale) {
    HollowStore store(PERDURE_TRY(LocalStore::initialize(folder)), folder);
    InitOptions options;
    options.passphrase = Passphrase("scale");
    PERDURE_TRY(Repository::initialize(store, options, system_clock(), system_random(), {}));
    Credentials credentials;
    credentials.passphrase = Passphrase("scale");
    const auto repository =
        PERDURE_TRY(Repository::open(store, credentials, system_clock(), system_random(), {}));
    Certificate certificate;
    certificate.name = kHost;
    const WriterIdentity identity = PERDURE_TRY(repository->enrol(certificate, {}));
    const LocalCache cache(folder + ".cache", repository->id(), cache_key(*repository, &identity));
    PERDURE_TRY(Maker(store, *repository, identity, scale, cache).run());
    fmt::print("{} blocks in {} packs of {} sessions\n",
               scale.sessions * scale.packs * scale.blocks, scale.sessions * scale.packs,
               scale.sessions);
    return {};
}

Result<void> or_liveness(const std::string& folder) {
    const auto store = PERDURE_TRY(LocalStore::open(folder));
    Credentials credentials;
    credentials.passphrase = Passphrase("scale");
    const auto repository =
        PERDURE_TRY(Repository::open(*store, credentials, system_clock(), system_random(), {}));
    PackRegistry registry;
    LivenessMarks live;
    const PointList list = PERDURE_TRY(repository->list_points({}));
    for (const Point& point : list.points) {
        const auto index =
            PERDURE_TRY(repository->load_index(point.session(), point.header.index, {}));
        for (const auto& pack : index->liveness->packs)
            live.mark(registry.number_of(pack.pack), pack.blocks);
    }
    std::size_t blocks = 0;
    for (const auto& words : live.bitmaps())
        for (const std::uint64_t word : words)
            blocks += static_cast<std::size_t>(std::popcount(word));
    fmt::print("{} points need {} blocks of {} packs\n", list.points.size(), blocks,
               registry.size());
    return {};
}

}  // namespace

}  // namespace perdure

int main(int argc, char** argv) {
    CLI::App app("Makes and reads a repository of very many blocks");
    app.require_subcommand(1);
    std::string folder;
    perdure::Scale scale{1000, 1563, 64, false};
    auto* make = app.add_subcommand("make");
    make->add_option("folder", folder)->required();
    make->add_option("--sessions", scale.sessions);
    make->add_option("--packs", scale.packs, "packs of a session");
    make->add_option("--blocks", scale.blocks, "blocks of a pack");
    make->add_flag("--apart", scale.apart, "no point that needs what the others do");
    auto* add = app.add_subcommand("or");
    add->add_option("folder", folder)->required();
    CLI11_PARSE(app, argc, argv);
    const auto done = *make ? perdure::make(folder, scale) : perdure::or_liveness(folder);
    rusage used{};
    ::getrusage(RUSAGE_SELF, &used);
    std::printf("peak memory %.0f MiB, CPU %ld s\n", static_cast<double>(used.ru_maxrss) / 1024.0,
                used.ru_utime.tv_sec + used.ru_stime.tv_sec);
    if (!done) std::fprintf(stderr, "%s\n", done.error().describe().c_str());
    return done ? 0 : 1;
}
