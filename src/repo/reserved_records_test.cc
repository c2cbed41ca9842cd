// Everything that later versions need is in the schema already: it decodes, and what this program
// does not know in a record survives being read and written again.

#include <gtest/gtest.h>

#include "perdure.pb.h"
#include "repo/point.h"

namespace perdure {
namespace {

template <class Message>
Message again(const Message& message) {
    Message back;
    EXPECT_TRUE(back.ParseFromString(message.SerializeAsString()));
    EXPECT_EQ(back.SerializeAsString(), message.SerializeAsString());
    return back;
}

void fill(v1::SessionReference* at) {
    at->set_writer(1);
    at->set_number(2);
    at->set_digest(std::string(32, 'd'));
}

void fill(v1::DomainSection* section) {
    section->set_domain(1);
    section->set_generation(2);
    auto* pack = section->mutable_condemned()->add_packs();
    pack->set_writer(3);
    pack->set_session(4);
    pack->set_pack(std::string(16, 'p'));
    section->mutable_condemned()->set_slots("bits");
}

TEST(ReservedRecords, CollectionsDecode) {
    v1::CondemnedList list;
    list.set_number(7);
    list.set_time(8);
    fill(list.add_sections());
    fill(list.add_counted());
    EXPECT_EQ(again(list).sections(0).condemned().packs(0).session(), 4U);
    v1::Verdict verdict;
    verdict.set_number(7);
    verdict.set_list_digest(std::string(32, 'l'));
    fill(verdict.add_dropped());
    fill(verdict.add_barriers()->mutable_below());
    verdict.set_not_before(9);
    EXPECT_EQ(again(verdict).barriers(0).below().number(), 2U);
}

TEST(ReservedRecords, SettledNumbersAndMergesDecode) {
    v1::Closed closed;
    closed.set_writer(1);
    closed.set_below(5);
    auto* settled = closed.add_settled();
    settled->set_number(4);
    settled->set_digest(std::string(32, 's'));
    settled->set_expired(true);
    settled->set_barrier(true);
    fill(closed.mutable_previous());
    EXPECT_TRUE(again(closed).settled(0).expired());
    v1::Merged merged;
    merged.set_number(1);
    merged.set_lists_below(2);
    fill(merged.add_sessions());
    merged.set_locations("l");
    merged.set_hints("h");
    fill(merged.add_standing());
    auto* record = merged.add_records();
    record->set_name("log/00000001/0000000000000001");
    record->set_modified(5);
    record->set_object("bytes");
    EXPECT_EQ(again(merged).lists_below(), 2U);
    EXPECT_EQ(again(merged).records(0).modified(), 5U);
}

TEST(ReservedRecords, LedgerParityAndImportsDecode) {
    v1::LedgerRecord ledger;
    for (const auto kind :
         {v1::LedgerRecord::CHECKED, v1::LedgerRecord::VERIFIED, v1::LedgerRecord::REPAIRED,
          v1::LedgerRecord::AUDIT, v1::LedgerRecord::DRILL, v1::LedgerRecord::LOCK_HORIZON}) {
        ledger.set_kind(kind);
        ledger.set_locked_until(5);
        ledger.set_retention_class("std");
        EXPECT_EQ(again(ledger).kind(), kind);
    }
    v1::Parity parity;
    fill(parity.add_objects());
    parity.set_data_shards(10);
    parity.set_parity_shards(2);
    parity.set_shards("bytes");
    EXPECT_EQ(again(parity).parity_shards(), 2U);
    v1::Import import;
    import.set_name("log/00000001/0000000000000001");
    import.set_object("bytes");
    EXPECT_EQ(again(import).name(), import.name());
}

TEST(ReservedRecords, EveryKindOfEndDecodes) {
    for (int kind = 1; kind <= 10; ++kind) {
        v1::PointHeader record;
        record.set_kind(static_cast<v1::EndKind>(kind));
        record.set_log_digest(std::string(32, 'l'));
        record.set_locked_until(77);
        fill(record.mutable_repaired());
        fill(record.mutable_fenced_by());
        fill(record.add_copied());
        const std::string bytes = record.SerializeAsString();
        const auto header = decode_point_header(as_bytes(bytes));
        ASSERT_TRUE(header) << kind;
        EXPECT_EQ(static_cast<int>(header->kind), kind);
        EXPECT_EQ(header->locked_until_ns, 77U);
        ASSERT_EQ(header->copied.size(), 1U);
        EXPECT_TRUE(header->repaired && header->fenced_by);
    }
}

TEST(ReservedRecords, BodiesCarryProvidersHostsAndOrigins) {
    v1::PointBody body;
    auto* root = body.add_roots();
    root->set_name("vol-1");
    root->set_kind(v1::VOLUME);
    root->set_page(std::string(19, '\1'));
    root->set_consistency(3);
    root->set_provider_reference("snap-1");
    body.add_roots()->CopyFrom(*root);  // roots repeat, of any kind
    auto* provider = body.add_provider_references();
    provider->set_provider("aws");
    (*provider->mutable_attributes())["encrypted"] = "true";
    body.set_host_description("{\"type\":\"m5.large\"}");
    body.mutable_origin()->set_repository(std::string(16, 'r'));
    body.set_issue_pages(std::string(19, '\1'));
    again(body);
    const std::string bytes = body.SerializeAsString();
    const auto decoded = decode_point_body(as_bytes(bytes));
    ASSERT_TRUE(decoded) << decoded.error().describe();
    EXPECT_EQ(decoded->roots.size(), 2U);
    EXPECT_EQ(decoded->roots[0].kind, EndKind::Volume);
    EXPECT_EQ(decoded->host_description, body.host_description());
}

TEST(ReservedRecords, CheckpointsClassesAndLockHorizonsDecode) {
    v1::PointHeader record;
    record.set_kind(v1::CHECKPOINT);
    record.set_retention_class("yearly");
    record.set_locked_until(77);
    record.set_log_digest(std::string(32, 'l'));
    fill(record.add_supersedes());
    const std::string bytes = record.SerializeAsString();
    const auto header = decode_point_header(as_bytes(bytes));
    ASSERT_TRUE(header);
    EXPECT_EQ(header->kind, EndKind::Checkpoint);
    EXPECT_EQ(header->retention_class, "yearly");
    EXPECT_EQ(header->supersedes.size(), 1U);
    v1::Certificate certificate;
    certificate.add_classes("yearly");
    certificate.add_kinds(v1::COPY);
    EXPECT_EQ(again(certificate).classes(0), "yearly");
}

TEST(ReservedRecords, EveryFateDecodes) {
    for (const auto kind :
         {FateKind::Tags, FateKind::Expired, FateKind::Protected, FateKind::Unprotected}) {
        Fate fate;
        fate.kind = kind;
        fate.number = 3;
        fate.point.session = {WriterNumber{1}, SessionNumber{2}};
        fate.tags = {"t"};
        const auto back = decode_fate(encode_fate(fate));
        ASSERT_TRUE(back);
        EXPECT_EQ(back->kind, kind);
        EXPECT_EQ(back->point, fate.point);
    }
}

TEST(ReservedRecords, FeaturesOfAllThreeClassesDecode) {
    v1::Epoch epoch;
    epoch.mutable_features()->add_read("multiple-domains");
    epoch.mutable_features()->add_write("w");
    epoch.mutable_features()->add_collect("d");
    const v1::Epoch back = again(epoch);
    EXPECT_EQ(back.features().read(0), "multiple-domains");
    EXPECT_EQ(back.features().write_size(), 1);
    EXPECT_EQ(back.features().collect_size(), 1);
}

TEST(ReservedRecords, KeySlotsOfAKeyServiceDecode) {
    v1::KeySlot slot;
    slot.set_kind(v1::KeySlot::KMS);
    slot.set_kms_key("arn");
    slot.set_kms_ciphertext("c");
    EXPECT_EQ(again(slot).kms_key(), "arn");
}

TEST(ReservedRecords, UnknownFieldsAreKept) {
    v1::Epoch epoch;
    epoch.set_number(3);
    std::string bytes = epoch.SerializeAsString();
    const std::string unknown =
        "\xfa\x07\x05"
        "later";  // field 127, five bytes
    v1::Epoch back;
    ASSERT_TRUE(back.ParseFromString(bytes + unknown));
    EXPECT_EQ(back.number(), 3U);
    EXPECT_NE(back.SerializeAsString().find("later"), std::string::npos);
}

}  // namespace
}  // namespace perdure
