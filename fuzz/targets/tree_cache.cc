// The cached tree of the point before, behind the cache's seal. After an even byte the summary;
// after an odd one a part, which holds pages, behind a whole summary. The reader is a writer, so a
// tree that cannot be used is not looked for in the repository, which would take most of the time.
#include "base/clock.h"
#include "base/random.h"
#include "engine/previous_tree.h"
#include "store/memory_store.h"
#include "support/fuzz.h"
#include "support/temp_dir.h"

using namespace perdure;

namespace {

template <class T>
T must(Result<T> result) {
    fuzz::expect(result.has_value(), "a repository can be made");
    return std::move(*result);
}

/// A repository in memory with one point, and a cache of its tree.
class Fixture {
public:
    Fixture() {
        InitOptions options;
        options.passphrase = Passphrase("secret");
        options.cost = {1, 8};
        must(Repository::initialize(store_, options, system_clock(), random_, {}));
        Credentials credentials;
        credentials.passphrase = options.passphrase;
        repository_ = must(Repository::open(store_, credentials, system_clock(), random_, {}));
        Certificate certificate;
        certificate.name = "w";
        identity_ = must(repository_->enrol(certificate, {}));
        Credentials key;
        key.writer = identity_;
        repository_ = must(Repository::open(store_, key, system_clock(), random_, {}));
        const LocalCache none;
        const auto session = must(WriteSession::begin(*repository_, identity_, none, {}, {}));
        const Committed point = must(session->commit({}, PointBody{}, LivenessSummary{}, {}));
        cache_ = LocalCache(directory_.path(), repository_->id(), fuzz::key());
        const SourceKey source =
            source_key_of(expand(*repository_->domain_keys(), repository_->id()), "h", {"/r"});
        PackRegistry packs;
        TreeCacheWriter writer(cache_, source, point.session, packs, nullptr);
        const BirthAddress page{fuzz::birth_pack(), 1};
        writer.add(page, as_bytes("a page"));
        writer.finish({point.session, point.point}, 1, fuzz::body_of(page));
        summary_ = "tree-" + source.hex();
        part_ = summary_ + "-" + short_text(point.session) + "-0";
        summary_bytes_ = *cache_.load(summary_);
        fuzz::expect(find(packs).has_value(), "the cached tree is found");
    }

    void look(bool part, ByteView bytes) {
        if (part && !summary_is_whole_) cache_.save(summary_, summary_bytes_);
        summary_is_whole_ = part;
        cache_.save(part ? part_ : summary_, bytes);
        PackRegistry packs;
        const auto tree = find(packs);
        if (!tree) return;
        for (const PreviousRoot& root : tree->roots) {
            const auto page = tree->load({packs.number_of(root.page.pack), root.page.slot});
            fuzz::expect(!page || !part || (*page)->size() <= bytes.size(),
                         "a page lies inside its part");
        }
    }

private:
    std::optional<PreviousTree> find(PackRegistry& packs) const {
        return find_previous_tree(*repository_, cache_, "h", {"/r"}, identity_.enrolment, packs,
                                  {});
    }

    TempDir directory_{TempDir::memory()};
    MemoryStore store_;
    SeededRandom random_{1};
    std::unique_ptr<Repository> repository_;
    WriterIdentity identity_;
    LocalCache cache_;
    std::string summary_, part_;
    Buffer summary_bytes_;
    bool summary_is_whole_ = true;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static Fixture fixture;
    fuzz::Input input(data, size);
    const bool part = input.u8() % 2 == 1;
    fixture.look(part, input.rest());
    return 0;
}
