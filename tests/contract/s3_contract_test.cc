// The S3 store under the contract of all stores, against a real server.
//
// Declared deviations: not StoreContractDurable (the server's disk is its own) nor
// StoreContractFull (a bucket has no end).
#include <atomic>

#include "contract/store_contract.h"
#include "store/first_version_store.h"
#include "store/retry_store.h"
#include "store/s3/s3_store.h"
#include "store/store_stack.h"
#include "support/versity_gateway.h"

namespace perdure {
namespace {

VersityGateway& gateway() {
    static VersityGateway one;
    return one;
}

std::unique_ptr<S3Bucket> open_bucket(const std::string& location) {
    const auto nothing = [](const char*) { return std::optional<std::string>(); };
    HttpOptions options;
    options.use_proxy = false;
    AwsCredentials keys{VersityGateway::kAccessKey, SecretText(VersityGateway::kSecretKey), {}};
    return std::make_unique<S3Bucket>(
        parse_s3_location(location, nothing).value(), "", std::make_unique<HttpClient>(options),
        std::make_shared<FixedCredentials>(std::move(keys)), system_clock());
}

/// A prefix of its own in one bucket.
class S3UnderTest : public StoreUnderTest {
public:
    explicit S3UnderTest(const std::string& bucket = "contract") {
        EXPECT_EQ(gateway().problem(), "");
        static std::atomic<int> number{0};
        gateway().make_bucket(bucket);
        location_ = "s3:" + gateway().origin() + "/" + bucket + "/t" + std::to_string(++number);
        store_ = S3UnderTest::open_again();
    }
    Store& store() override { return *store_; }
    std::unique_ptr<Store> open_again() override {
        return std::make_unique<S3Store>(open_bucket(location_), S3Storage{});
    }

protected:
    std::string location_;
    std::unique_ptr<Store> store_;
};

/// As the program has it, in a bucket that keeps versions. Declared deviation: names that decide
/// are not free again once they were there; the contract's names are others.
class DecoratedS3UnderTest final : public S3UnderTest {
public:
    DecoratedS3UnderTest() : S3UnderTest("versions") {
        S3Request put{"PUT", "", {{"versioning", ""}}};
        put.body = as_bytes(
            "<VersioningConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
            "<Status>Enabled</Status></VersioningConfiguration>");
        const auto enabled = open_bucket(location_)->send(put, {});
        EXPECT_TRUE(enabled && enabled->ok());
        store_ = open_again();
    }
    std::unique_ptr<Store> open_again() override {
        auto stack = std::make_unique<StoreStack>(S3UnderTest::open_again());
        stack->add<RetryStore>(RetryOptions{}, system_random(), system_clock());
        stack->add<FirstVersionStore>(std::vector<std::string>{"points/"});
        return stack;
    }
};

const StoreFactory kS3{"S3", [] { return std::make_unique<S3UnderTest>(); }};
const StoreFactory kDecorated{"Decorated", [] { return std::make_unique<DecoratedS3UnderTest>(); }};

TEST(S3Versions, TheOldestIsTheObjectWhateverComesOverIt) {
    DecoratedS3UnderTest tested;
    Store& store = tested.store();
    const ObjectName name = ObjectName::parse("points/1").value();
    ASSERT_TRUE(store.create(name, as_bytes("first"), {}));
    ASSERT_NE(store.versions(), nullptr);
    ASSERT_TRUE(store.remove(name, {})) << "somebody else's deletion";
    const auto again = store.load(name, {1, 3}, {});
    ASSERT_TRUE(again) << again.error().describe();
    EXPECT_EQ(as_text(*again), "irs");
    EXPECT_EQ(store.stat(name, {})->size, 5U);
    std::vector<std::string> names;
    ASSERT_TRUE(store.list("points/",
                           [&](std::string_view found, const ObjectStat&) {
                               names.emplace_back(found);
                               return true;
                           },
                           {}));
    EXPECT_EQ(names, std::vector<std::string>{"points/1"});
    const auto taken = store.create(name, as_bytes("second"), {});
    ASSERT_FALSE(taken) << "a deletion frees no name that decides";
    EXPECT_EQ(taken.error().kind(), ErrorKind::AlreadyExists);
    const ObjectName other = ObjectName::parse("packs/1").value();
    ASSERT_TRUE(store.create(other, as_bytes("x"), {}));
    ASSERT_TRUE(store.remove(other, {}));
    EXPECT_EQ(store.load(other, ByteRange::all(), {}).error().kind(), ErrorKind::NotFound);
}

INSTANTIATE_TEST_SUITE_P(S3, StoreContract, testing::Values(kS3, kDecorated), store_factory_name);
INSTANTIATE_TEST_SUITE_P(S3, StoreContractThreads, testing::Values(kS3, kDecorated),
                         store_factory_name);
INSTANTIATE_TEST_SUITE_P(S3, StoreContractProcesses, testing::Values(kS3, kDecorated),
                         store_factory_name);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(StoreContractDurable);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(StoreContractFull);

}  // namespace
}  // namespace perdure
