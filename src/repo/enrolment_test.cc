#include "repo/enrolment.h"

#include <gtest/gtest.h>

#include "support/repo_fixture.h"

namespace perdure {
namespace {

WriterIdentity some_identity() {
    WriterIdentity identity;
    identity.repository = id_of<RepositoryId>(1);
    identity.config = id_of<Digest>(2);
    identity.epoch = EpochNumber{3};
    identity.epoch_digest = id_of<Digest>(4);
    identity.owner_verify_key = id_of<VerifyKey>(5);
    identity.owner_sealing_key = id_of<SealingKey>(6);
    identity.enrolment = WriterNumber{7};
    identity.name = "web";
    identity.signing_seed = key_of(8);
    identity.opening_secret = key_of(9);
    identity.domains = {{{1, 1}, key_of(10), key_of(11)}, {{1, 2}, key_of(12), key_of(13)}};
    return identity;
}

TEST(WriterKeyFile, RoundTrips) {
    const std::string text = encode_writer_key_file(some_identity());
    EXPECT_TRUE(text.starts_with("PERDURE WRITER KEY 1\n"));
    const auto back = decode_writer_key_file(text);
    ASSERT_TRUE(back) << back.error().describe();
    EXPECT_EQ(encode_writer_key_file(*back), text);
    EXPECT_EQ(back->enrolment, WriterNumber{7});
    EXPECT_EQ(back->domains.size(), 2U);
}

TEST(WriterKeyFile, EveryChangedCharacterIsNoticed) {
    const std::string good = encode_writer_key_file(some_identity());
    for (std::size_t i = 0; i < good.size(); ++i) {
        if (good[i] == '\n' || good[i] == '=') continue;  // layout, not content
        std::string bad = good;
        bad[i] = bad[i] == 'A' ? 'B' : 'A';
        if (bad == good) continue;
        EXPECT_FALSE(decode_writer_key_file(bad)) << "character " << i;
    }
}

TEST(WriterKeyFile, EveryTruncationIsNoticed) {
    const std::string good = encode_writer_key_file(some_identity());
    for (std::size_t length = 0; length + 1 < good.size(); ++length)
        EXPECT_FALSE(decode_writer_key_file(good.substr(0, length))) << length;
}

TEST(WriterKeyFile, SurvivesOtherLineEnds) {
    std::string text;
    for (const char c : encode_writer_key_file(some_identity()))
        text += c == '\n' ? std::string("\r\n") : std::string(1, c);
    EXPECT_TRUE(decode_writer_key_file(text));
}

TEST(Enrolment, CertificateBarrierAndRetirementRoundTrip) {
    Enrolment certificate;
    certificate.number = WriterNumber{2};
    certificate.previous = id_of<Digest>(1);
    certificate.certificate.name = "web";
    certificate.certificate.hosts = {"a", "b"};
    certificate.certificate.kinds = {1, 3};
    certificate.certificate.classes = {"std"};
    certificate.certificate.verify_key = id_of<VerifyKey>(2);
    certificate.certificate.sealing_key = id_of<SealingKey>(3);
    Enrolment barrier;
    barrier.kind = EnrolmentKind::Barrier;
    barrier.number = WriterNumber{3};
    barrier.list = 9;
    Enrolment retirement;
    retirement.kind = EnrolmentKind::Retirement;
    retirement.number = WriterNumber{4};
    retirement.retirement = {WriterNumber{2}, SessionNumber{5}, 6, "gone"};
    for (const Enrolment& e : {certificate, barrier, retirement}) {
        const auto back = decode_enrolment(encode_enrolment(e));
        ASSERT_TRUE(back);
        EXPECT_EQ(back->kind, e.kind);
        EXPECT_EQ(back->list, e.list);
        EXPECT_EQ(back->retirement.reason, e.retirement.reason);
        EXPECT_EQ(back->certificate.hosts, e.certificate.hosts);
        EXPECT_EQ(encode_enrolment(*back), encode_enrolment(e));
    }
}

TEST(Enrolment, HostileBytesNeverCrash) {
    SeededRandom random(4);
    Enrolment e;
    e.certificate.verify_key = id_of<VerifyKey>(2);
    const Buffer good = encode_enrolment(e);
    for (int i = 0; i < 10'000; ++i) {
        Buffer bad = good;
        for (int k = 0; k < 3; ++k)
            bad[random.below(bad.size())] = static_cast<std::byte>(random.next());
        static_cast<void>(decode_enrolment(bad).has_value());
    }
}

}  // namespace
}  // namespace perdure
