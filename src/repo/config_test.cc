#include "repo/config.h"

#include <gtest/gtest.h>

#include "support/repo_fixture.h"

namespace perdure {
namespace {

Config some_config() {
    Config config;
    config.repository = id_of<RepositoryId>(1);
    config.created_ns = 5;
    config.owner_verify_key = id_of<VerifyKey>(2);
    config.first_epoch = id_of<Digest>(3);
    return config;
}

Epoch some_epoch() {
    Epoch epoch;
    epoch.number = EpochNumber{3};
    epoch.previous = id_of<Digest>(1);
    epoch.repository = id_of<RepositoryId>(1);
    epoch.seed_epoch = EpochNumber{2};
    epoch.owner_sealing_key = id_of<SealingKey>(2);
    epoch.owner_verify_key = id_of<VerifyKey>(3);
    epoch.features = {{"r"}, {"w1", "w2"}, {"c"}};
    DomainRecord domain{1, "default", 2, EpochNumber{2}, {}, {{1, EpochNumber{1}}}};
    domain.sealed_keys.push_back({WriterNumber{7}, to_buffer(as_bytes("sealed"))});
    epoch.domains.push_back(domain);
    epoch.slots.push_back({id_of<SlotId>(4), id_of<Digest>(5), "label"});
    epoch.former_seeds.push_back({EpochNumber{1}, to_buffer(as_bytes("box"))});
    epoch.revocations.push_back({WriterNumber{2}, SessionNumber{9}, 11, "stolen"});
    epoch.time_ns = 12;
    return epoch;
}

TEST(Config, RoundTrips) {
    const auto back = decode_config(encode_config(some_config()));
    ASSERT_TRUE(back);
    EXPECT_EQ(back->repository, some_config().repository);
    EXPECT_EQ(back->first_epoch, some_config().first_epoch);
    EXPECT_EQ(back->chunker_average_log2, 14U);
}

TEST(Config, NewerVersionsAndUnknownParametersAreUnsupported) {
    const auto kind_of = [](const Config& config) {
        return decode_config(encode_config(config)).error().kind();
    };
    Config config = some_config();
    config.format_version = 2;
    EXPECT_EQ(kind_of(config), ErrorKind::Unsupported);
    config = some_config();
    config.chunker_algorithm = 2;
    EXPECT_EQ(kind_of(config), ErrorKind::Unsupported);
    config = some_config();
    config.chunker_average_log2 = 40;
    EXPECT_EQ(kind_of(config), ErrorKind::Unsupported);
    config = some_config();
    config.hash = 2;
    EXPECT_EQ(kind_of(config), ErrorKind::Unsupported);
}

TEST(Epoch, RoundTrips) {
    const Epoch epoch = some_epoch();
    const auto back = decode_epoch(encode_epoch(epoch));
    ASSERT_TRUE(back);
    EXPECT_EQ(encode_epoch(*back), encode_epoch(epoch));
    EXPECT_EQ(back->previous, epoch.previous);
    ASSERT_NE(back->domain(1), nullptr);
    EXPECT_EQ(back->domain(2), nullptr);
    EXPECT_EQ(back->domain(1)->seed_epoch_of(2), EpochNumber{2});
    EXPECT_EQ(back->domain(1)->seed_epoch_of(1), EpochNumber{1});
    EXPECT_FALSE(back->domain(1)->seed_epoch_of(3));
    ASSERT_NE(back->revocation_of(WriterNumber{2}), nullptr);
    EXPECT_EQ(back->revocation_of(WriterNumber{2})->reason, "stolen");
    EXPECT_EQ(back->revocation_of(WriterNumber{3}), nullptr);
}

TEST(Epoch, HostileBytesNeverCrash) {
    SeededRandom random(4);
    const Buffer good = encode_epoch(some_epoch());
    for (int i = 0; i < 10'000; ++i) {
        Buffer bad = good;
        for (int k = 0; k < 3; ++k)
            bad[random.below(bad.size())] = static_cast<std::byte>(random.next());
        bad.resize(random.below(bad.size() + 1));
        static_cast<void>(decode_epoch(bad).has_value());
        static_cast<void>(decode_config(bad).has_value());
    }
}

TEST(DomainKeys, RoundTripWithAndWithoutTheDedupSecret) {
    const DomainKeys keys{{1, 4}, key_of(1), key_of(2)};
    const auto writer = decode_domain_keys(encode_domain_keys(keys, true));
    ASSERT_TRUE(writer);
    EXPECT_EQ(writer->name, keys.name);
    EXPECT_TRUE(equal(writer->index_key.reveal(), keys.index_key.reveal()));
    EXPECT_TRUE(equal(writer->dedup_secret.reveal(), keys.dedup_secret.reveal()));
    const auto maintainer = decode_domain_keys(encode_domain_keys(keys, false));
    ASSERT_TRUE(maintainer);
    EXPECT_TRUE(equal(maintainer->index_key.reveal(), keys.index_key.reveal()));
    EXPECT_FALSE(equal(maintainer->dedup_secret.reveal(), keys.dedup_secret.reveal()));
}

}  // namespace
}  // namespace perdure
