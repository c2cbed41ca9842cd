// The S3 store under the contract of all stores: against a real server, and against
// perdure-cloudsim where that one differs from AWS.
//
// Declared deviations: not StoreContractDurable (the server's disk is its own) nor
// StoreContractFull (a bucket has no end). Versions: only with cloudsim, as versitygw refuses to
// create what was deleted (AWS does not), and to delete what is a directory on its disk.
#include <atomic>

#include "contract/store_contract.h"
#include "store/first_version_store.h"
#include "store/retry_store.h"
#include "store/s3/s3_store.h"
#include "store/store_stack.h"
#include "support/cloudsim.h"
#include "support/versity_gateway.h"

namespace perdure {
namespace {

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

enum class Server { Versity, CloudSim };

std::unique_ptr<S3Bucket> open_bucket(Server server, const std::string& bucket_and_prefix) {
    const auto nothing = [](const char*) { return std::optional<std::string>(); };
    HttpOptions options;
    options.use_proxy = false;
    const bool real = server == Server::Versity;
    const std::string origin = real ? gateway().origin() : cloudsim_server().origin();
    AwsCredentials keys =
        real
            ? AwsCredentials{VersityGateway::kAccessKey, SecretText(VersityGateway::kSecretKey), {}}
            : cloudsim_server().credentials();
    return std::make_unique<S3Bucket>(
        parse_s3_location("s3:" + origin + "/" + bucket_and_prefix, nothing).value(), "",
        std::make_unique<HttpClient>(options), std::make_shared<FixedCredentials>(std::move(keys)),
        system_clock());
}

void make_bucket(Server server, const std::string& bucket, bool versions) {
    if (server == Server::Versity) {
        EXPECT_EQ(gateway().problem(), "");
        gateway().make_bucket(bucket);
    } else {
        EXPECT_EQ(cloudsim_server().problem(), "");
    }
    const auto access = open_bucket(server, bucket);
    if (server == Server::CloudSim) {
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

const StoreFactory kS3{"S3", [] { return std::make_unique<S3UnderTest>(Server::Versity); }};
const StoreFactory kCloudSim{"CloudSim",
                             [] { return std::make_unique<S3UnderTest>(Server::CloudSim); }};
const StoreFactory kDecorated{
    "Decorated", [] { return std::make_unique<DecoratedS3UnderTest>(Server::CloudSim); }};

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
    return info.param == Server::Versity ? "Versity" : "CloudSim";
}

INSTANTIATE_TEST_SUITE_P(S3, S3Versions, testing::Values(Server::Versity, Server::CloudSim),
                         server_name);
INSTANTIATE_TEST_SUITE_P(S3, StoreContract, testing::Values(kS3, kCloudSim, kDecorated),
                         store_factory_name);
INSTANTIATE_TEST_SUITE_P(S3, StoreContractThreads, testing::Values(kS3, kCloudSim, kDecorated),
                         store_factory_name);
INSTANTIATE_TEST_SUITE_P(S3, StoreContractProcesses, testing::Values(kS3, kCloudSim, kDecorated),
                         store_factory_name);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(StoreContractDurable);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(StoreContractFull);

}  // namespace
}  // namespace perdure
