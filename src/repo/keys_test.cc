#include "repo/keys.h"

#include <gtest/gtest.h>

#include <set>

#include "support/repo_fixture.h"

namespace perdure {
namespace {

const RepositoryId kRepository = id_of<RepositoryId>(1);

TEST(RecoveryKey, RoundTrips) {
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
        const OwnerSeed owner = key_of(seed);
        const auto back = from_recovery_key(to_recovery_key(owner));
        ASSERT_TRUE(back) << back.error().describe();
        EXPECT_TRUE(equal(back->reveal(), owner.reveal()));
    }
}

TEST(RecoveryKey, IsWhatFormatSays) {
    std::string bytes;
    for (char c = 0; c < 32; ++c) bytes.push_back(c);
    EXPECT_EQ(to_recovery_key(OwnerSeed::copy_of(as_bytes(bytes))),
              "perdure-1-aaaqeaye-audaocaj-bifqydio-b4ibceqt-cqkrmfyy-denbwha5-dyptt4nt");
}

TEST(RecoveryKey, CaseSpacesAndDashesDoNotMatter) {
    const OwnerSeed owner = key_of(7);
    const std::string text = to_recovery_key(owner);
    std::string upper, spaced, joined;
    for (const char c : text) {
        upper.push_back(static_cast<char>(std::toupper(c)));
        spaced += c;
        if (spaced.size() > 12) spaced += ' ';
        if (joined.size() < 10 || c != '-') joined += c;
    }
    for (const std::string& typed : {upper, spaced, joined, "  " + text + "\r\n"}) {
        const auto back = from_recovery_key(typed);
        ASSERT_TRUE(back) << typed << ": " << back.error().describe();
        EXPECT_TRUE(equal(back->reveal(), owner.reveal()));
    }
}

TEST(RecoveryKey, EveryMistypedCharacterIsNoticed) {
    const std::string good = to_recovery_key(key_of(9));
    const std::string alphabet = "abcdefghijklmnopqrstuvwxyz234567";
    int tried = 0;
    for (std::size_t i = 10; i < good.size(); ++i) {
        if (good[i] == '-') continue;
        for (const char c : alphabet) {
            if (c == good[i]) continue;
            std::string typed = good;
            typed[i] = c;
            EXPECT_FALSE(from_recovery_key(typed)) << typed;
            ++tried;
        }
    }
    EXPECT_EQ(tried, 56 * 31);
}

TEST(RecoveryKey, EverySwapOfNeighboursIsNoticed) {
    const std::string good = to_recovery_key(key_of(11));
    for (std::size_t i = 10; i + 1 < good.size(); ++i) {
        std::string typed = good;
        std::swap(typed[i], typed[i + 1]);
        if (typed == good || typed[i] == '-' || typed[i + 1] == '-') continue;
        EXPECT_FALSE(from_recovery_key(typed)) << typed;
    }
}

TEST(RecoveryKey, SaysWhatIsWrong) {
    const std::string good = to_recovery_key(key_of(9));
    const auto text_of = [](const std::string& typed) {
        const auto read = from_recovery_key(typed);
        return read ? std::string() : read.error().describe();
    };
    EXPECT_NE(text_of(good.substr(0, good.size() - 1)).find("too short"), std::string::npos);
    EXPECT_NE(text_of(good + "a").find("too long"), std::string::npos);
    EXPECT_NE(text_of("perdure-1-0" + good.substr(11)).find("character '0'"), std::string::npos);
    EXPECT_NE(text_of("perdure-2-aaaa").find("does not begin"), std::string::npos);
    EXPECT_EQ(from_recovery_key("").error().kind(), ErrorKind::InvalidInput);
}

TEST(KeySlot, OpensWithItsPassphraseOnly) {
    const OwnerSeed seed = key_of(1);
    const auto slot = wrap_seed(kRepository, EpochNumber{1}, seed, Passphrase("right"), kCheapKdf,
                                "label", 5, system_random());
    ASSERT_TRUE(slot);
    const auto read = decode_key_slot(encode_key_slot(*slot));
    ASSERT_TRUE(read);
    EXPECT_EQ(read->label, "label");
    EXPECT_EQ(read->created_ns, 5U);
    const auto opened = unwrap_seed(kRepository, *read, Passphrase("right"));
    ASSERT_TRUE(opened);
    EXPECT_TRUE(equal(opened->reveal(), seed.reveal()));
    EXPECT_EQ(unwrap_seed(kRepository, *read, Passphrase("wrong")).error().kind(),
              ErrorKind::WrongKey);
    EXPECT_FALSE(unwrap_seed(id_of<RepositoryId>(2), *read, Passphrase("right")));
}

TEST(KeySlot, DamagedWrappedSeedIsNotAWrongPassphrase) {
    auto slot = wrap_seed(kRepository, EpochNumber{1}, key_of(1), Passphrase("right"), kCheapKdf,
                          "", 5, system_random());
    ASSERT_TRUE(slot);
    slot->wrapped_seed[3] ^= std::byte{1};
    EXPECT_EQ(unwrap_seed(kRepository, *slot, Passphrase("right")).error().kind(),
              ErrorKind::Corrupt);
    EXPECT_EQ(unwrap_seed(kRepository, *slot, Passphrase("wrong")).error().kind(),
              ErrorKind::WrongKey);
}

TEST(KeySlot, HostileCostIsRefused) {
    auto slot = wrap_seed(kRepository, EpochNumber{1}, key_of(1), Passphrase("right"), kCheapKdf,
                          "", 5, system_random());
    ASSERT_TRUE(slot);
    slot->cost = {1, kMaxArgon2MemoryKib + 1};
    EXPECT_EQ(unwrap_seed(kRepository, *slot, Passphrase("right")).error().kind(),
              ErrorKind::InvalidInput);
    slot->cost = {kMaxArgon2Passes + 1, 8};
    EXPECT_EQ(unwrap_seed(kRepository, *slot, Passphrase("right")).error().kind(),
              ErrorKind::InvalidInput);
}

TEST(KeySlot, HostileBytesNeverCrash) {
    SeededRandom random(3);
    const auto slot = wrap_seed(kRepository, EpochNumber{1}, key_of(1), Passphrase("p"), kCheapKdf,
                                "label", 5, system_random());
    ASSERT_TRUE(slot);
    const Buffer good = encode_key_slot(*slot);
    for (int i = 0; i < 5000; ++i) {
        Buffer bad = good;
        for (int k = 0; k < 3; ++k)
            bad[random.below(bad.size())] = static_cast<std::byte>(random.next());
        bad.resize(random.below(bad.size() + 1));
        static_cast<void>(decode_key_slot(bad).has_value());
    }
}

TEST(OwnerKeys, DifferByRepositoryAndSeed) {
    const auto a = grow_owner_keys(kRepository, EpochNumber{1}, key_of(1));
    const auto b = grow_owner_keys(id_of<RepositoryId>(2), EpochNumber{1}, key_of(1));
    const auto c = grow_owner_keys(kRepository, EpochNumber{1}, key_of(2));
    EXPECT_NE(a.signing.verify_key(), b.signing.verify_key());
    EXPECT_NE(a.signing.verify_key(), c.signing.verify_key());
    EXPECT_NE(a.opening.sealing_key(), c.opening.sealing_key());
}

TEST(DomainKeys, DifferByDomainAndGeneration) {
    std::set<std::string> seen;
    for (const std::uint32_t domain : {1U, 2U})
        for (const std::uint32_t generation : {1U, 2U}) {
            const auto keys = grow_domain_keys(kRepository, key_of(1), {domain, generation});
            seen.insert(to_hex(keys.index_key.reveal()));
            seen.insert(to_hex(keys.dedup_secret.reveal()));
        }
    EXPECT_EQ(seen.size(), 8U);
}

TEST(DedupKeys, EveryPurposeHasAKeyOfItsOwn) {
    const auto keys = expand(grow_domain_keys(kRepository, key_of(1), {1, 1}), kRepository);
    std::set<std::string> seen{to_hex(keys.leaf.reveal()), to_hex(keys.page.reveal()),
                               to_hex(keys.boundary.reveal()), to_hex(keys.source.reveal())};
    EXPECT_EQ(seen.size(), 4U);
}

TEST(SessionSecret, OpensOnlyWhereItBelongs) {
    const OwnerKeys owner = grow_owner_keys(kRepository, EpochNumber{1}, key_of(1));
    const SessionSecret secret = key_of(5);
    const SessionName session = session_name(2, 9);
    const Buffer box = seal_session_secret(owner.opening.sealing_key(),
                                           {kRepository, session, EpochNumber{1}}, secret);
    const auto opened = open_session_secret(owner.opening, kRepository, session, box);
    ASSERT_TRUE(opened);
    EXPECT_TRUE(equal(opened->reveal(), secret.reveal()));
    EXPECT_FALSE(open_session_secret(owner.opening, id_of<RepositoryId>(2), session, box));
    EXPECT_FALSE(open_session_secret(owner.opening, kRepository, session_name(2, 8), box));
    EXPECT_FALSE(open_session_secret(owner.opening, kRepository, session_name(3, 9), box));
    const OwnerKeys other = grow_owner_keys(kRepository, EpochNumber{1}, key_of(2));
    EXPECT_FALSE(open_session_secret(other.opening, kRepository, session, box));
    for (std::size_t i = 0; i < box.size(); ++i) {
        Buffer bad = box;
        bad[i] ^= std::byte{1};
        EXPECT_FALSE(open_session_secret(owner.opening, kRepository, session, bad)) << i;
    }
}

TEST(PackKeys, DifferByEveryPartOfTheBirthAddress) {
    std::set<std::string> seen;
    for (const std::uint32_t writer : {1U, 2U})
        for (const std::uint64_t session : {1U, 2U})
            for (const std::uint64_t pack : {1U, 2U}) {
                const auto keys = derive_pack_keys(
                    kRepository, key_of(1), {session_name(writer, session), id_of<PackId>(pack)});
                seen.insert(to_hex(keys.seal.reveal()));
                seen.insert(to_hex(keys.nonce.reveal()));
                seen.insert(keys.commitment.hex());
            }
    EXPECT_EQ(seen.size(), 24U);
}

}  // namespace
}  // namespace perdure
