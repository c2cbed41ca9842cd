// The worked examples of FORMAT.md, 22, against the product: bytes made once must be read for ever,
// and what has one encoding must still get it.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/hex.h"
#include "repo/block.h"
#include "repo/keys.h"
#include "repo/pack.h"
#include "repo/page.h"
#include "repo/point.h"
#include "repo/record.h"

namespace perdure {
namespace {

class Examples : public testing::Test {
protected:
    void SetUp() override {
        std::ifstream file(PERDURE_EXAMPLES);
        ASSERT_TRUE(file) << PERDURE_EXAMPLES;
        values_ = nlohmann::json::parse(file);
        repository_ = *RepositoryId::from_bytes(bytes("repository"));
        seed_ = OwnerSeed::copy_of(bytes("seed"));
        domain_ = grow_domain_keys(repository_, seed_, {1, 1});
    }
    std::string text(const char* name) const { return values_.at(name).get<std::string>(); }
    Buffer bytes(const char* name) const {
        const std::string hex = text(name);
        Buffer out(hex.size() / 2);
        EXPECT_TRUE(from_hex(hex, out)) << name;
        return out;
    }
    Result<Key256> index_key() const { return domain_.index_key; }

    nlohmann::json values_;
    RepositoryId repository_;
    OwnerSeed seed_;
    DomainKeys domain_;
    const SessionName session_{WriterNumber{2}, SessionNumber{5}};
    BirthPack pack_{session_, *PackId::from_hex("c0c1c2c3c4c5c6c7c8c9cacbcccdcecf")};
};

TEST_F(Examples, KeysGrowFromTheSeedAsTheyDid) {
    EXPECT_EQ(to_recovery_key(seed_), text("recovery_key"));
    const OwnerKeys owner = grow_owner_keys(repository_, EpochNumber{1}, seed_);
    EXPECT_TRUE(equal(owner.opening.sealing_key().view(), bytes("owner_sealing_key")));
    EXPECT_TRUE(equal(owner.signing.verify_key().view(), bytes("owner_verify_key")));
    EXPECT_TRUE(equal(domain_.index_key.reveal(), bytes("index_key")));
    EXPECT_TRUE(equal(domain_.dedup_secret.reveal(), bytes("dedup_secret")));
    const DedupKeys keys = expand(domain_, repository_);
    EXPECT_TRUE(equal(keys.leaf.reveal(), bytes("leaf_key")));
    EXPECT_TRUE(equal(keys.page.reveal(), bytes("page_key")));
    EXPECT_TRUE(equal(keys.boundary.reveal(), bytes("boundary_key")));
    EXPECT_TRUE(equal(keys.source.reveal(), bytes("source_key")));
    EXPECT_TRUE(equal(keys.chunker_tables.reveal(), bytes("chunker_tables")));
    EXPECT_TRUE(equal(keys.chunker_confirm.reveal(), bytes("chunker_confirm")));
}

TEST_F(Examples, TheSlotOpens) {
    const auto slot = decode_key_slot(bytes("slot_body"));
    ASSERT_TRUE(slot);
    EXPECT_EQ(encode_key_slot(*slot), bytes("slot_body"));
    const auto seed = unwrap_seed(repository_, *slot, Passphrase(std::string("correct horse")));
    ASSERT_TRUE(seed);
    EXPECT_TRUE(equal(seed->reveal(), seed_.reveal()));
}

TEST_F(Examples, TheSessionSecretOpens) {
    const OwnerKeys owner = grow_owner_keys(repository_, EpochNumber{1}, seed_);
    const auto secret =
        open_session_secret(owner.opening, repository_, session_, bytes("sealed_secret"));
    ASSERT_TRUE(secret);
    EXPECT_TRUE(equal(secret->reveal(), bytes("session_secret")));
}

TEST_F(Examples, TheRecordOpensAndItsSignatureHolds) {
    const RecordPlace place{repository_, ObjectType::Fate, text("record_name")};
    const auto opened =
        open_record(place, bytes("record"), [&](const FrameHeader&) { return index_key(); });
    ASSERT_TRUE(opened);
    EXPECT_EQ(opened->body, bytes("record_body"));
    EXPECT_TRUE(
        verify_signature(place, *opened, *VerifyKey::from_bytes(bytes("owner_verify_key"))));
    const auto fate = decode_fate(opened->body);
    ASSERT_TRUE(fate);
    EXPECT_EQ(fate->kind, FateKind::Protected);
    EXPECT_EQ(encode_fate(*fate), bytes("record_body"));
}

TEST_F(Examples, ThePackIsReadToItsLastByte) {
    const Buffer pack = bytes("pack");
    const auto name = ObjectName::parse(text("pack_name"));
    ASSERT_TRUE(name);
    EXPECT_EQ(names::pack(kDefaultRetentionClass, PackKind::Data, session_, pack_.pack), *name);
    const auto header = parse_pack_header(pack);
    ASSERT_TRUE(header);
    EXPECT_EQ(header->pack, pack_);
    const auto footer = parse_pack_footer(pack, pack.size());
    ASSERT_TRUE(footer);
    const auto manifest =
        open_manifest(repository_, *name, pack_,
                      ByteView(pack).subspan(footer->manifest_offset, footer->manifest_length),
                      [&](DomainName) { return index_key(); });
    ASSERT_TRUE(manifest);
    const PackKeys keys =
        derive_pack_keys(repository_, Key256::copy_of(bytes("session_secret")), pack_);
    EXPECT_EQ(manifest->key_commitment, keys.commitment);
    std::vector<BirthPack> births;
    EXPECT_EQ(encode_slots(manifest->slots, pack_, births), bytes("slot_table"));

    const Buffer block = bytes("block");
    const auto block_header = parse_block_header(block, true);
    ASSERT_TRUE(block_header);
    Aead aead(block_header->cipher, keys.seal);
    Buffer raw;
    ASSERT_TRUE(BlockOpener(repository_).open({pack_, 0}, block, aead, raw));
    EXPECT_EQ(as_text(raw), "Hello, perdure.\nA second leaf.\n");
    LeafTableHasher hasher(repository_, domain_);
    EXPECT_EQ(hasher.hash(manifest->leaves), block_header->leaves);
}

TEST_F(Examples, PagesAreEncodedAsTheyWere) {
    PackRegistry registry;
    const auto entries = decode_entries_page(bytes("page"), registry);
    ASSERT_TRUE(entries);
    EXPECT_EQ(entries->size(), 4U);
    EXPECT_EQ(encode_entries_page(*entries, registry), bytes("page"));
    const auto children = decode_inner_page(bytes("inner_page"), registry);
    ASSERT_TRUE(children);
    EXPECT_EQ(encode_inner_page(*children, registry), bytes("inner_page"));
    const auto runs = decode_runs_page(bytes("runs_page"), registry);
    ASSERT_TRUE(runs);
    EXPECT_EQ(encode_runs_page(*runs, registry), bytes("runs_page"));
    const auto value = decode_bytes_page(bytes("bytes_page"));
    ASSERT_TRUE(value);
    EXPECT_EQ(encode_bytes_page(*value), bytes("bytes_page"));
    const auto address = decode_address(bytes("address"));
    ASSERT_TRUE(address);
    EXPECT_EQ(encode_address(*address), bytes("address"));
}

}  // namespace
}  // namespace perdure
