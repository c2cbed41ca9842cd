#include "support/small_repository.h"

namespace perdure {

namespace {

MemoryTree data_tree() {
    MemoryTree tree;
    tree.put_file("a", "alpha");
    tree.put_directory("d");
    tree.put_file("d/noise", noise(1, 9000));
    tree.put_file("d/text", std::string(3000, 't'));
    tree.put_file("d/empty", "");
    tree.put_link("d/link", "../a");
    return tree;
}

MemoryTree changed_data_tree() {
    MemoryTree tree = data_tree();
    tree.tick();
    tree.put_file("a", "alpha, changed");
    tree.put_file("d/new", noise(2, 5000));
    tree.remove("d/empty");
    return tree;
}

MemoryTree other_tree(std::uint64_t seed) {
    MemoryTree tree;
    tree.put_directory("etc");
    tree.put_file("etc/conf", "setting=" + std::to_string(seed) + "\n");
    tree.put_file("etc/key", noise(seed, 2000));
    return tree;
}

}  // namespace

Committed back_up(const Repository& repository, const WriterIdentity& identity,
                  const std::string& host, const Roots& roots, BackupOptions options) {
    options.host = host;
    options.workers = 1;
    std::vector<BackupRoot> sources;
    for (const auto& [name, tree] : roots) sources.push_back({name, tree.source(), EndKind::Files});
    Reporter reporter;
    const auto done =
        run_backup(repository, identity, LocalCache(), std::move(sources), options, reporter, {});
    EXPECT_TRUE(done) << done.error().describe();
    if (!done || !done->point) return {};
    EXPECT_EQ(done->outcome, Outcome::Success);
    return {done->point->session(), done->point->digest, done->point->header.index};
}

std::string difference(const Repository& repository, const Point& point, const Roots& roots) {
    const auto reader = PointReader::open(repository, point, 4U << 20, {});
    if (!reader) return reader.error().describe();
    if ((*reader)->body().roots.size() != roots.size()) return "another number of roots";
    for (const Root& root : (*reader)->body().roots) {
        const auto expected = roots.find(root.name);
        if (expected == roots.end()) return "an unexpected root";
        const std::string text = difference(**reader, root, expected->second);
        if (!text.empty()) return text;
    }
    return "";
}

Result<std::unique_ptr<Repository>> SmallRepository::open(const std::string& password) {
    Credentials credentials;
    credentials.passphrase = Passphrase(password);
    return Repository::open(store, credentials, clock, system_random(), {});
}

CheckResult SmallRepository::check(const Repository& repository, CheckLevel level) {
    CheckOptions options;
    options.level = level;
    options.workers = 1;
    Reporter reporter;
    auto result = run_check(repository, options, reporter, {});
    EXPECT_TRUE(result) << result.error().describe();
    return result ? std::move(*result) : CheckResult{};
}

SessionName SmallRepository::begin_and_abandon(const Repository& repository,
                                               const WriterIdentity& identity) {
    const LocalCache no_cache;
    SessionOptions options;
    options.host = "b";
    auto session = WriteSession::begin(repository, identity, no_cache, options, {});
    EXPECT_TRUE(session);
    FinishedPack pack =
        build_pack((*session)->context(), {"never committed"}, (*session)->new_pack_id());
    EXPECT_TRUE((*session)->publish(pack, {1}, {}));
    return (*session)->name();
}

void SmallRepository::make_first_epoch_points(Repository& repository) {
    const auto add = [&](const WriterIdentity& identity, const char* host, const Roots& roots,
                         const BackupOptions& options = {}) {
        clock.now_ns += 1'000'000'000;
        points[back_up(repository, identity, host, roots, options).session] = roots;
    };
    add(one, "a", {{"/data", data_tree()}});
    open_session = begin_and_abandon(repository, one);
    add(one, "a", {{"/data", changed_data_tree()}});
    add(one, "a", {{"/other", other_tree(5)}, {"/more", other_tree(6)}});
    BackupOptions with_checkpoints;
    with_checkpoints.checkpoint_bytes = 1;
    add(one, "a", {{"/slow", data_tree()}, {"/slower", other_tree(7)}}, with_checkpoints);
    add(two, "b", {{"/data", data_tree()}});
    fenced_session = begin_and_abandon(repository, two);
    EXPECT_TRUE(repository.fence(fenced_session, {}));
    add(two, "b", {{"/data", changed_data_tree()}});
}

SmallRepository::SmallRepository() {
    InitOptions options;
    options.passphrase = Passphrase("first");
    options.cost = kCheapKdf;
    EXPECT_TRUE(Repository::initialize(store, options, clock, system_random(), {}));
    auto repository = std::move(open("first").value());
    EXPECT_TRUE(repository->add_slot(Passphrase("second"), kCheapKdf, "two", {}));
    Certificate certificate;
    certificate.name = "one";
    one = *repository->enrol(certificate, {});
    certificate.name = "two";
    certificate.hosts = {"b"};
    two = *repository->enrol(certificate, {});
    make_first_epoch_points(*repository);
    recovery_key = *repository->rotate(Passphrase(kPassword), kCheapKdf, "three", {});
    EXPECT_TRUE(repository->add_slot(Passphrase(kOtherPassword), kCheapKdf, "four", {}));
    clock.now_ns += 1'000'000'000;
    const Roots last{{"/data", changed_data_tree()}};
    points[back_up(*repository, one, "a", last).session] = last;
    const auto list = repository->list_points({});
    EXPECT_TRUE(list && list->problems.empty());
    EXPECT_EQ(list->points.size(), points.size());
    Fate fate;
    fate.tags = {"kept"};
    EXPECT_TRUE(repository->add_fate(list->points[0], fate, {}));
    fate.kind = FateKind::Protected;
    EXPECT_TRUE(repository->add_fate(list->points[0], fate, {}));
}

}  // namespace perdure
