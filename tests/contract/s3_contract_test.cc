// The S3 store under the contract of all stores: against a real server, and against
// perdure-cloudsim where that one differs from AWS. Built once more, against Ceph.
//
// Declared deviations: not StoreContractDurable (the server's disk is its own) nor
// StoreContractFull (a bucket has no end). Versions: only with cloudsim, as versitygw refuses to
// create what was deleted (AWS does not), and to delete what is a directory on its disk.
#include <atomic>

#include "contract/store_contract.h"
#include "store/counting_store.h"
#include "store/fault_store.h"
#include "store/first_version_store.h"
#include "store/limited_store.h"
#include "store/memory_store.h"
#include "store/retry_store.h"
#include "store/s3/s3_store.h"
#include "store/store_stack.h"
#ifdef PERDURE_CEPH
#include "support/rados_gateway.h"
#else
#include "support/cloudsim.h"
#include "support/versity_gateway.h"
#endif

namespace perdure {
namespace {

enum class Server { Versity, CloudSim, Ceph };

struct Reached {
    std::string origin;
    AwsCredentials keys;
};

#ifdef PERDURE_CEPH
RadosGateway& gateway() {
    static RadosGateway one;
    return one;
}

Reached reach(Server) {
    return {gateway().origin(),
            {RadosGateway::kAccessKey, SecretText(RadosGateway::kSecretKey), {}}};
}

/// Whether the bucket has to be made by a request.
bool prepare(Server, const std::string&) {
    EXPECT_EQ(gateway().problem(), "");
    return true;
}
#else
/// Both servers, from their first use to the end of the tests: OpenSSL frees what it holds for a
/// thread only while it is in use itself.
class Servers final : public testing::Environment {
public:
    void TearDown() override {
        versity.reset();
        cloudsim.reset();
    }
    std::unique_ptr<VersityGateway> versity;
    std::unique_ptr<CloudSimServer> cloudsim;
};
Servers* const servers =
    static_cast<Servers*>(testing::AddGlobalTestEnvironment(new Servers));  // gtest's own

VersityGateway& gateway() {
    if (!servers->versity) servers->versity = std::make_unique<VersityGateway>();
    return *servers->versity;
}

CloudSimServer& cloudsim_server() {
    if (!servers->cloudsim) servers->cloudsim = std::make_unique<CloudSimServer>();
    return *servers->cloudsim;
}

Reached reach(Server server) {
    if (server == Server::CloudSim)
        return {cloudsim_server().origin(), cloudsim_server().credentials()};
    return {gateway().origin(),
            {VersityGateway::kAccessKey, SecretText(VersityGateway::kSecretKey), {}}};
}

/// Whether the bucket has to be made by a request.
bool prepare(Server server, const std::string& bucket) {
    if (server == Server::CloudSim) {
        EXPECT_EQ(cloudsim_server().problem(), "");
        return true;
    }
    EXPECT_EQ(gateway().problem(), "");
    gateway().make_bucket(bucket);
    return false;
}
#endif

std::unique_ptr<S3Bucket> open_bucket(Server server, const std::string& bucket_and_prefix) {
    const auto nothing = [](const char*) { return std::optional<std::string>(); };
    HttpOptions options;
    options.use_proxy = false;
    Reached reached = reach(server);
    return std::make_unique<S3Bucket>(
        parse_s3_location("s3:" + reached.origin + "/" + bucket_and_prefix, nothing).value(), "",
        std::make_unique<HttpClient>(options),
        std::make_shared<FixedCredentials>(std::move(reached.keys)), system_clock());
}

void make_bucket(Server server, const std::string& bucket, bool versions) {
    const bool by_request = prepare(server, bucket);
    const auto access = open_bucket(server, bucket);
    if (by_request) {
        EXPECT_TRUE(access->send({"PUT", ""}, {}));
    }
    if (!versions) return;
    S3Request put{"PUT", "", {{"versioning", ""}}};
    put.body = as_bytes(
        "<VersioningConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
        "<Status>Enabled</Status></VersioningConfiguration>");
    const auto enabled = access->send(put, {});
    EXPECT_TRUE(enabled && enabled->ok());
}

/// A prefix of its own in one bucket.
class S3UnderTest : public StoreUnderTest {
public:
    explicit S3UnderTest(Server server, const std::string& bucket = "contract",
                         bool versions = false)
        : server_(server) {
        static std::atomic<int> number{0};
        make_bucket(server, bucket, versions);
        place_ = bucket + "/t" + std::to_string(++number);
        store_ = S3UnderTest::open_again();
    }
    Store& store() override { return *store_; }
    std::unique_ptr<Store> open_again() override {
        return std::make_unique<S3Store>(open_bucket(server_, place_), S3Storage{});
    }

    /// Without a condition, as somebody else's program would.
    bool overwrite(const ObjectName& name, std::string_view bytes) {
        const auto bucket = open_bucket(server_, place_);
        S3Request put{"PUT", bucket->key_of(name.text())};
        put.body = as_bytes(bytes);
        const auto answer = bucket->send(put, {});
        return answer && answer->ok();
    }

protected:
    const Server server_;
    std::string place_;
    std::unique_ptr<Store> store_;
};

/// As the program has it, in a bucket that keeps versions. Declared deviation: names that decide
/// are not free again once they were there; the contract's names are others.
class DecoratedS3UnderTest final : public S3UnderTest {
public:
    explicit DecoratedS3UnderTest(Server server) : S3UnderTest(server, "versions", true) {
        store_ = open_again();
    }
    std::unique_ptr<Store> open_again() override {
        auto stack = std::make_unique<StoreStack>(S3UnderTest::open_again());
        stack->add<RetryStore>(RetryOptions{}, system_random(), system_clock());
        stack->add<FirstVersionStore>(std::vector<std::string>{"points/", "epochs/"},
                                      std::vector<std::string>{"epochs/"});
        return stack;
    }
};

#ifdef PERDURE_CEPH
const StoreFactory kCeph{"Ceph", [] { return std::make_unique<S3UnderTest>(Server::Ceph); }};
// Declared deviation: Ceph 16 forgets If-None-Match where versions are kept. Names that decide are
// then settled by which version is the oldest, which S3Versions tests; others are drawn at random.
#define PERDURE_STORES kCeph
#define PERDURE_SERVERS_WITH_VERSIONS Server::Ceph
#else
const StoreFactory kS3{"S3", [] { return std::make_unique<S3UnderTest>(Server::Versity); }};
const StoreFactory kCloudSim{"CloudSim",
                             [] { return std::make_unique<S3UnderTest>(Server::CloudSim); }};
const StoreFactory kDecorated{
    "Decorated", [] { return std::make_unique<DecoratedS3UnderTest>(Server::CloudSim); }};
#define PERDURE_STORES kS3, kCloudSim, kDecorated
#define PERDURE_SERVERS_WITH_VERSIONS Server::Versity, Server::CloudSim
#endif

std::vector<std::string> names_in(Store& store, const std::string& prefix) {
    std::vector<std::string> names;
    EXPECT_TRUE(store.list(prefix,
                           [&](std::string_view found, const ObjectStat&) {
                               names.emplace_back(found);
                               return true;
                           },
                           {}));
    return names;
}

// ------------------------------------------------------------------------------------ locks

#ifndef PERDURE_CEPH
constexpr std::int64_t kHour = 3'600'000'000'000;

/// A store whose objects can be locked, under every decorator.
class LockUnderTest {
public:
    virtual ~LockUnderTest() = default;
    virtual Store& store() = 0;
    /// Whether what was stored first is still there, after a removal.
    virtual bool is_kept(const ObjectName& name) = 0;
};

class LockedS3 final : public LockUnderTest {
public:
    explicit LockedS3(Server server) : server_(server) {
        static std::atomic<int> number{0};
        const std::string bucket = "locks" + std::to_string(++number);
        if (server == Server::Versity) {
            EXPECT_EQ(gateway().problem(), "");
        } else {
            EXPECT_EQ(cloudsim_server().problem(), "");
        }
        const auto access = open_bucket(server, bucket);
        S3Request put{"PUT", ""};
        put.headers.push_back({"x-amz-bucket-object-lock-enabled", "true"});
        const auto made = access->send(put, {});
        EXPECT_TRUE(made && made->ok()) << (made ? as_text(made->body) : "no answer");
        auto stack = std::make_unique<StoreStack>(
            std::make_unique<S3Store>(open_bucket(server, bucket + "/t"), S3Storage{}));
        stack->add<RetryStore>(RetryOptions{}, system_random(), system_clock());
        stack->add<CountingStore>();
        stack->add<FaultStore>();
        stack->add<LimitedStore>(0U, 0U, system_clock());
        stack->add<FirstVersionStore>(std::vector<std::string>{"points/"});
        store_ = std::move(stack);
    }
    Store& store() override { return *store_; }
    bool is_kept(const ObjectName& name) override {
        bool kept = false;
        const auto listed =
            store_->versions()->list(name.text(),
                                     [&](std::string_view, const ObjectVersion& version) {
                                         kept = kept || !version.is_deletion;
                                         return true;
                                     },
                                     {});
        EXPECT_TRUE(listed);
        return kept;
    }

private:
    const Server server_;
    std::unique_ptr<Store> store_;
};

class LockedMemory final : public LockUnderTest {
public:
    LockedMemory() { memory_.set_lock_time(system_clock().now().nanoseconds); }
    Store& store() override { return counted_; }
    bool is_kept(const ObjectName& name) override { return bool(memory_.stat(name, {})); }

private:
    MemoryStore memory_;
    CountingStore counted_{memory_};
};

struct LockFactory {
    std::string name;
    std::function<std::unique_ptr<LockUnderTest>()> make;
    friend void PrintTo(const LockFactory& factory, std::ostream* out) { *out << factory.name; }
};

class StoreLocks : public testing::TestWithParam<LockFactory> {
protected:
    Store& store() { return tested_->store(); }
    ObjectLocks& locks() { return *store().locks(); }
    std::int64_t now() { return locks().now_ns({}).value(); }
    std::optional<ObjectLock> lock_of(const ObjectName& name) {
        return locks().lock_of(name, "", {}).value();
    }
    const std::unique_ptr<LockUnderTest> tested_ = GetParam().make();
};

TEST_P(StoreLocks, NewObjectsAreLockedAsTheRuleSaysAndOthersAreNot) {
    ASSERT_NE(store().locks(), nullptr);
    EXPECT_TRUE(locks().can_lock({}).value());
    locks().lock_new([](std::string_view name) -> std::optional<ObjectLocks::Period> {
        if (!name.starts_with("a/")) return std::nullopt;
        return ObjectLocks::Period{LockMode::Governance, kHour};
    });
    const std::int64_t before = now() / 1'000'000'000 * 1'000'000'000;  // S3 keeps whole seconds
    ASSERT_TRUE(store().create(object("a/1"), as_bytes("kept"), {}));
    ASSERT_TRUE(store().create(object("b/1"), as_bytes("free"), {}));
    const auto lock = lock_of(object("a/1"));
    ASSERT_TRUE(lock);
    EXPECT_EQ(lock->mode, LockMode::Governance);
    EXPECT_GE(lock->until_ns, before + kHour);
    EXPECT_LE(lock->until_ns, before + kHour + 60'000'000'000) << "by the store's clock";
    EXPECT_EQ(lock_of(object("b/1")), std::nullopt);
    EXPECT_FALSE(locks().lock_of(object("c/1"), "", {}));
}

TEST_P(StoreLocks, WhatIsLockedOutlivesARemoval) {
    locks().lock_new([](std::string_view) {
        return std::optional(ObjectLocks::Period{LockMode::Compliance, kHour});
    });
    const ObjectName name = object("packs/1");
    ASSERT_TRUE(store().create(name, as_bytes("kept"), {}));
    static_cast<void>(store().remove(name, {}).has_value());
    EXPECT_TRUE(tested_->is_kept(name));
}

TEST_P(StoreLocks, ExtensionsLengthenAndNeverShorten) {
    const ObjectName name = object("packs/2");
    ASSERT_TRUE(store().create(name, as_bytes("free yet"), {}));
    const std::int64_t start = now() / 1'000'000'000 * 1'000'000'000;
    const auto extend = [&](LockMode mode, std::int64_t hours) {
        return locks().extend_lock(name, "", {mode, start + hours * kHour}, {});
    };
    ASSERT_TRUE(extend(LockMode::Governance, 2)) << "set where there was none";
    ASSERT_TRUE(extend(LockMode::Governance, 3));
    EXPECT_EQ(lock_of(name)->until_ns, start + 3 * kHour);
    EXPECT_TRUE(extend(LockMode::Governance, 1)) << "it is locked for longer already";
    EXPECT_EQ(lock_of(name)->until_ns, start + 3 * kHour);
    EXPECT_FALSE(
        locks().extend_lock(object("packs/none"), "", {LockMode::Governance, start + kHour}, {}));
}

TEST_P(StoreLocks, ComplianceIsNotLowered) {
    const ObjectName name = object("packs/3");
    ASSERT_TRUE(store().create(name, as_bytes("kept"), {}));
    const std::int64_t start = now() / 1'000'000'000 * 1'000'000'000;
    ASSERT_TRUE(locks().extend_lock(name, "", {LockMode::Compliance, start + 2 * kHour}, {}));
    ASSERT_TRUE(locks().extend_lock(name, "", {LockMode::Compliance, start + 3 * kHour}, {}));
    const auto lowered =
        locks().extend_lock(name, "", {LockMode::Governance, start + 4 * kHour}, {});
    ASSERT_FALSE(lowered);
    EXPECT_EQ(lowered.error().kind(), ErrorKind::Denied);
    EXPECT_EQ(lock_of(name), (ObjectLock{LockMode::Compliance, start + 3 * kHour}));
}

INSTANTIATE_TEST_SUITE_P(
    Store, StoreLocks,
    testing::Values(LockFactory{"Memory", [] { return std::make_unique<LockedMemory>(); }},
                    LockFactory{"CloudSim",
                                [] { return std::make_unique<LockedS3>(Server::CloudSim); }}),
    [](const auto& tested) { return tested.param.name; });

TEST(S3Locks, ABucketWithoutThemSaysSo) {
    make_bucket(Server::CloudSim, "unlocked", true);
    S3Store store(open_bucket(Server::CloudSim, "unlocked/t"), S3Storage{});
    EXPECT_FALSE(store.locks()->can_lock({}).value());
    store.locks()->lock_new([](std::string_view) {
        return std::optional(ObjectLocks::Period{LockMode::Governance, kHour});
    });
    const auto created = store.create(object("a"), as_bytes("x"), {});
    ASSERT_FALSE(created);
    EXPECT_EQ(created.error().kind(), ErrorKind::Unsupported);
    EXPECT_NE(created.error().hint().find("--object-lock"), std::string::npos);
    EXPECT_FALSE(store.stat(object("a"), {})) << "nothing is stored without its lock";
}
#endif  // Ceph has no locks in this release that could be tried here

class S3Versions : public testing::TestWithParam<Server> {};

TEST_P(S3Versions, TheOldestIsTheObjectWhateverComesOverIt) {
    DecoratedS3UnderTest tested(GetParam());
    Store& store = tested.store();
    const ObjectName name = ObjectName::parse("points/1").value();
    ASSERT_TRUE(store.create(name, as_bytes("first"), {}));
    ASSERT_NE(store.versions(), nullptr);
    ASSERT_TRUE(store.remove(name, {})) << "somebody else's deletion";
    const auto again = store.load(name, {1, 3}, {});
    ASSERT_TRUE(again) << again.error().describe();
    EXPECT_EQ(as_text(*again), "irs");
    EXPECT_EQ(store.stat(name, {})->size, 5U);
    EXPECT_EQ(names_in(store, "points/"), std::vector<std::string>{"points/1"});
    const auto taken = store.create(name, as_bytes("second"), {});
    ASSERT_FALSE(taken) << "a deletion frees no name that decides";
    EXPECT_EQ(taken.error().kind(), ErrorKind::AlreadyExists);
    const ObjectName other = ObjectName::parse("packs/1").value();
    ASSERT_TRUE(store.create(other, as_bytes("x"), {}));
    ASSERT_TRUE(store.remove(other, {}));
    EXPECT_EQ(store.load(other, ByteRange::all(), {}).error().kind(), ErrorKind::NotFound);
}

TEST_P(S3Versions, OfOtherNamesTheOldestIsReadOnceAReaderSaysThatTheNewestIsFalse) {
    DecoratedS3UnderTest tested(GetParam());
    Store& store = tested.store();
    const ObjectName name = ObjectName::parse("packs/1").value();
    ASSERT_TRUE(store.create(name, as_bytes("first"), {}));
    EXPECT_FALSE(*store.fall_back_to_first(name, {})) << "there is no other";
    // Somebody else writes over it, and deletes it.
    for (const bool deletes : {false, true}) {
        const auto fresh = tested.open_again();
        ASSERT_TRUE(tested.overwrite(name, "other"));
        if (deletes) {
            ASSERT_TRUE(fresh->remove(name, {}));
        }
        const auto now = fresh->load(name, ByteRange::all(), {});
        EXPECT_EQ(now ? as_text(*now) : "gone", deletes ? "gone" : "other");
        EXPECT_FALSE(*fresh->is_covered(name, {})) << "nobody has looked";
        ASSERT_TRUE(*fresh->fall_back_to_first(name, {}));
        EXPECT_EQ(as_text(fresh->load(name, ByteRange::all(), {}).value()), "first");
        EXPECT_EQ(fresh->stat(name, {})->size, 5U);
        EXPECT_TRUE(*fresh->is_covered(name, {}));
        ASSERT_TRUE(fresh->put_back(name, as_bytes("first"), {}));
        EXPECT_FALSE(*fresh->is_covered(name, {}));
        EXPECT_EQ(as_text(tested.open_again()->load(name, ByteRange::all(), {}).value()), "first");
    }
}

TEST_P(S3Versions, AStoreWhoseFirstNameWasDeletedIsFoundToKeepVersions) {
    DecoratedS3UnderTest tested(GetParam());
    const ObjectName name = ObjectName::parse("perdure").value();
    ASSERT_TRUE(tested.store().create(name, as_bytes("first"), {}));
    ASSERT_TRUE(tested.store().remove(name, {}));
    const auto fresh = tested.open_again();
    EXPECT_EQ(fresh->load(name, ByteRange::all(), {}).error().kind(), ErrorKind::NotFound);
    ASSERT_TRUE(*fresh->fall_back_to_first(name, {}));
    EXPECT_EQ(as_text(fresh->load(name, ByteRange::all(), {}).value()), "first");
}

TEST_P(S3Versions, WhatCoversANameThatDecidesIsToldAndARepairCoversIt) {
    DecoratedS3UnderTest tested(GetParam());
    const ObjectName name = ObjectName::parse("points/1").value();
    ASSERT_TRUE(tested.store().create(name, as_bytes("first"), {}));
    ASSERT_TRUE(tested.overwrite(name, "other"));
    EXPECT_EQ(names_in(tested.store(), "points/"), std::vector<std::string>{"points/1"});
    EXPECT_TRUE(*tested.store().is_covered(name, {}));
    const auto wrong = tested.store().put_back(name, as_bytes("wrong"), {});
    ASSERT_FALSE(wrong) << "the oldest one would still count";
    EXPECT_EQ(wrong.error().kind(), ErrorKind::InvalidInput);
    ASSERT_TRUE(tested.store().put_back(name, as_bytes("first"), {}));
    const auto fresh = tested.open_again();
    ASSERT_TRUE(fresh->load(name, ByteRange::all(), {}));
    EXPECT_EQ(names_in(*fresh, "points/"), std::vector<std::string>{"points/1"});
    EXPECT_FALSE(*fresh->is_covered(name, {})) << "the same bytes lie over it";
}

TEST_P(S3Versions, TheOldestThatAuthenticatesCountsWhereSomebodyCanTell) {
    DecoratedS3UnderTest tested(GetParam());
    const ObjectName name = ObjectName::parse("points/1").value();
    ASSERT_TRUE(tested.store().create(name, as_bytes("false"), {}));
    ASSERT_TRUE(tested.overwrite(name, "right"));
    ASSERT_TRUE(tested.overwrite(name, "later"));
    const auto fresh = tested.open_again();
    fresh->judge_by([](const ObjectName&, ByteView bytes) { return as_text(bytes) != "false"; });
    // A store has to have seen a version before it asks for them.
    static_cast<void>(fresh->load(name, ByteRange::all(), {}).has_value());
    EXPECT_EQ(as_text(fresh->load(name, ByteRange::all(), {}).value()), "right");
    EXPECT_EQ(as_text(fresh->load(name, {1, 2}, {}).value()), "ig");
    const auto other = tested.open_again();
    other->judge_by([](const ObjectName&, ByteView) { return false; });
    static_cast<void>(other->load(name, ByteRange::all(), {}).has_value());
    EXPECT_EQ(as_text(other->load(name, ByteRange::all(), {}).value()), "false")
        << "where none is right, the oldest says what is wrong";
}

TEST_P(S3Versions, AListingHasWhatIsThereAndNotWhatWasDeleted) {
    DecoratedS3UnderTest tested(GetParam());
    Store& store = tested.store();
    std::vector<std::string> expected;
    for (int i = 0; i < 10; ++i) {
        const std::string name = "packs/" + std::to_string(i);
        ASSERT_TRUE(store.create(ObjectName::parse(name).value(), as_bytes("x"), {}));
        if (i % 3 == 2) {
            ASSERT_TRUE(store.remove(ObjectName::parse(name).value(), {}));
        } else {
            expected.push_back(name);
        }
    }
    ASSERT_TRUE(store.create(ObjectName::parse("points/1").value(), as_bytes("x"), {}));
    expected.emplace_back("points/1");
    EXPECT_EQ(names_in(store, ""), expected);
}

TEST_P(S3Versions, WhatIsReadTogetherIsListedOnce) {
    DecoratedS3UnderTest tested(GetParam());
    constexpr int kNames = 20;
    for (int i = 0; i < kNames; ++i)
        ASSERT_TRUE(tested.store().create(ObjectName::parse("epochs/" + std::to_string(i)).value(),
                                          as_bytes("x"), {}));
    const auto fresh = tested.open_again();
    // A store has to have seen a version before it asks for them.
    ASSERT_TRUE(fresh->load(ObjectName::parse("epochs/0").value(), ByteRange::all(), {}));
    const auto before = *fresh->traffic();
    for (int i = 0; i < kNames; ++i)
        ASSERT_TRUE(fresh->load(ObjectName::parse("epochs/" + std::to_string(i)).value(),
                                ByteRange::all(), {}));
    EXPECT_EQ(fresh->traffic()->writes - before.writes, 1U) << "listings";
    EXPECT_EQ(fresh->traffic()->reads - before.reads, static_cast<std::uint64_t>(kNames));
    // What was made since is found all the same.
    const ObjectName later = ObjectName::parse("epochs/later").value();
    EXPECT_EQ(fresh->load(later, ByteRange::all(), {}).error().kind(), ErrorKind::NotFound);
    ASSERT_TRUE(tested.store().create(later, as_bytes("y"), {}));
    EXPECT_TRUE(fresh->load(later, ByteRange::all(), {}));
}

std::string server_name(const testing::TestParamInfo<Server>& info) {
    if (info.param == Server::Ceph) return "Ceph";
    return info.param == Server::Versity ? "Versity" : "CloudSim";
}

INSTANTIATE_TEST_SUITE_P(S3, S3Versions, testing::Values(PERDURE_SERVERS_WITH_VERSIONS),
                         server_name);
INSTANTIATE_TEST_SUITE_P(S3, StoreContract, testing::Values(PERDURE_STORES), store_factory_name);
INSTANTIATE_TEST_SUITE_P(S3, StoreContractThreads, testing::Values(PERDURE_STORES),
                         store_factory_name);
INSTANTIATE_TEST_SUITE_P(S3, StoreContractProcesses, testing::Values(PERDURE_STORES),
                         store_factory_name);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(StoreContractDurable);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(StoreContractFull);

}  // namespace
}  // namespace perdure
