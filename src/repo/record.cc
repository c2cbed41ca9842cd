#include "repo/record.h"

#include <algorithm>

#include "base/try.h"
#include "codec/crc32c.h"
#include "crypto/kdf.h"
#include "perdure.pb.h"

namespace perdure {

namespace {

constexpr std::string_view kMagic = "PRDR";

struct RecordKeys {
    Key256 seal;
    Key256 nonce;
};

RecordKeys keys_for(const RecordPlace& place, const Key256& base) {
    const auto derive = [&](std::string_view purpose) {
        const Transcript info = Transcript("perdure record v1")
                                    .add(purpose)
                                    .add_u64(static_cast<std::uint64_t>(place.type))
                                    .add(place.name);
        return derive_key(base, place.repository.view(), info.view());
    };
    return {derive("seal"), derive("nonce")};
}

Buffer aad_of(const RecordPlace& place, ByteView frame_start) {
    return to_buffer(Transcript("perdure aad v1")
                         .add(place.repository.view())
                         .add_u64(static_cast<std::uint64_t>(place.type))
                         .add(place.name)
                         .add_u64(kFormatVersion)
                         .add(frame_start)
                         .view());
}

Buffer signed_text(const RecordPlace& place, const Signer& signer, ByteView body) {
    return to_buffer(Transcript("perdure signature v1")
                         .add(place.repository.view())
                         .add_u64(static_cast<std::uint64_t>(place.type))
                         .add(place.name)
                         .add_u64(static_cast<std::uint64_t>(signer.role))
                         .add_u64(number(signer.enrolment))
                         .add_u64(number(signer.epoch))
                         .add(digest_of(body).view())
                         .view());
}

Buffer plaintext_of(const RecordPlace& place, ByteView body, const SignWith& sign) {
    v1::SignedRecord record;
    record.set_body(body.data(), body.size());
    if (sign.key != nullptr) {
        record.set_role(static_cast<v1::Role>(sign.signer.role));
        record.set_signer(number(sign.signer.enrolment));
        record.set_epoch(number(sign.signer.epoch));
        const Buffer text = signed_text(place, sign.signer, body);
        const auto signature = sign.key->sign(text);
        record.set_signature(signature.view().data(), Signature::size);
        if (sign.previous_owner != nullptr) {
            const auto second = sign.previous_owner->sign(text);
            record.set_previous_owner_signature(second.view().data(), Signature::size);
        }
    }
    Buffer plaintext(record.ByteSizeLong());
    record.SerializeToArray(plaintext.data(), static_cast<int>(plaintext.size()));
    return plaintext;
}

// On disk: FORMAT.md, frame header.
void write_header(std::byte* at, ObjectType type, const SealWith& seal, Cipher cipher,
                  std::uint64_t payload_length) {
    std::memcpy(at, kMagic.data(), 4);
    at[4] = static_cast<std::byte>(kFormatVersion);
    at[5] = static_cast<std::byte>(type);
    at[6] = static_cast<std::byte>(seal.sealing);
    at[7] = seal.sealing == Sealing::Clear ? std::byte{0} : static_cast<std::byte>(cipher);
    store_le<std::uint32_t>(at + 8, seal.domain);
    store_le<std::uint32_t>(at + 12, seal.generation);
    store_le<std::uint64_t>(at + 16, payload_length);
}

/// FORMAT.md, Objects and names: how each type lies in the store. Asked of every record, since one
/// in clear takes no key: who has none could put one in the place of a sealed one.
Sealing sealing_of(ObjectType type) {
    switch (type) {
        case ObjectType::Config:
        case ObjectType::Epoch:
        case ObjectType::KeySlot: return Sealing::Clear;
        case ObjectType::PointBody: return Sealing::Session;
        default: return Sealing::IndexKey;
    }
}

Error corrupt(const RecordPlace& place, std::string_view what) {
    return Error(ErrorKind::Corrupt, place.name + ": " + std::string(what));
}

Result<OpenedRecord> parse_plaintext(const RecordPlace& place, ByteView plaintext) {
    v1::SignedRecord record;
    if (!record.ParseFromArray(plaintext.data(), static_cast<int>(plaintext.size())))
        return corrupt(place, "not a signed record");
    OpenedRecord opened;
    opened.body = to_buffer(as_bytes(record.body()));
    opened.signer = Signer{static_cast<Role>(record.role()), WriterNumber{record.signer()},
                           EpochNumber{record.epoch()}};
    if (opened.signer.role != Role::None) {
        const auto signature = Signature::from_bytes(as_bytes(record.signature()));
        if (!signature) return corrupt(place, "its signature has a wrong length");
        opened.signature = *signature;
    }
    if (!record.previous_owner_signature().empty())
        opened.previous_owner_signature =
            Signature::from_bytes(as_bytes(record.previous_owner_signature()));
    return opened;
}

}  // namespace

Transcript& Transcript::add(ByteView bytes) {
    add_u64(bytes.size());
    append(bytes_, bytes);
    return *this;
}

Transcript& Transcript::add_u64(std::uint64_t value) {
    std::array<std::byte, 8> raw;
    store_le(raw.data(), value);
    append(bytes_, raw);
    return *this;
}

Buffer seal_record(const RecordPlace& place, ByteView body, const SignWith& sign,
                   const SealWith& seal) {
    const Buffer plaintext = plaintext_of(place, body, sign);
    const bool clear = seal.sealing == Sealing::Clear;
    const Cipher cipher = preferred_cipher();
    const std::size_t payload = plaintext.size() + (clear ? 0 : kTagSize);
    Buffer object(kFrameHeaderSize + payload + kFrameTrailerSize);
    write_header(object.data(), place.type, seal, cipher, payload);
    const MutableByteView out(object.data() + kFrameHeaderSize, payload);
    if (clear) {
        std::memset(object.data() + 24, 0, sizeof(Nonce));
        std::copy(plaintext.begin(), plaintext.end(), out.begin());
    } else {
        const RecordKeys keys = keys_for(place, seal.key);
        const Buffer aad = aad_of(place, ByteView(object).first(24));
        const Nonce nonce = synthetic_nonce(keys.nonce, aad, plaintext);
        std::memcpy(object.data() + 24, nonce.data(), nonce.size());
        Aead(cipher, keys.seal).seal(nonce, aad, plaintext, out);
    }
    const std::size_t covered = kFrameHeaderSize + payload;
    store_le<std::uint32_t>(object.data() + covered, crc32c(ByteView(object).first(covered)));
    return object;
}

Result<FrameHeader> parse_frame(ByteView object) {
    const auto bad = [](const char* why) { return Error(ErrorKind::Corrupt, why); };
    if (object.size() < kFrameHeaderSize + kFrameTrailerSize) return bad("record is cut short");
    if (as_text(object.first(4)) != kMagic) return bad("not a record (wrong magic)");
    if (std::to_integer<std::uint32_t>(object[4]) != kFormatVersion)
        return Error(ErrorKind::Unsupported,
                     "record has format version " +
                         std::to_string(std::to_integer<unsigned>(object[4])) +
                         ", this program knows 1")
            .with_hint("use a newer perdure");
    FrameHeader header{};
    header.type = static_cast<ObjectType>(object[5]);
    header.sealing = static_cast<Sealing>(object[6]);
    header.cipher = static_cast<Cipher>(object[7]);
    header.domain = load_le<std::uint32_t>(object.data() + 8);
    header.generation = load_le<std::uint32_t>(object.data() + 12);
    header.payload_length = load_le<std::uint64_t>(object.data() + 16);
    std::memcpy(header.nonce.data(), object.data() + 24, header.nonce.size());
    if (header.payload_length > kMaxRecordSize ||
        header.payload_length > object.size() - kFrameHeaderSize - kFrameTrailerSize)
        return bad("record is cut short");
    const std::size_t covered = kFrameHeaderSize + header.payload_length;
    if (crc32c(object.first(covered)) != load_le<std::uint32_t>(object.data() + covered))
        return bad("record fails its checksum");
    if (header.sealing > Sealing::Session) return bad("record has an unknown sealing");
    if (header.sealing != Sealing::Clear && header.cipher != Cipher::Aes256Gcm &&
        header.cipher != Cipher::ChaCha20Poly1305)
        return bad("record has an unknown cipher");
    return header;
}

Result<OpenedRecord> open_record(const RecordPlace& place, ByteView object,
                                 const std::function<Result<Key256>(const FrameHeader&)>& key_of) {
    const FrameHeader header = PERDURE_TRY(parse_frame(object).context(place.name));
    if (header.type != place.type) return corrupt(place, "holds a record of another type");
    if (header.sealing != sealing_of(place.type)) return corrupt(place, "has a wrong sealing");
    const ByteView payload = object.subspan(kFrameHeaderSize, header.payload_length);
    Buffer decrypted;
    ByteView plaintext = payload;
    if (header.sealing != Sealing::Clear) {
        if (payload.size() < kTagSize) return corrupt(place, "record is cut short");
        const Key256 key = PERDURE_TRY(key_of(header).context(place.name));
        decrypted.resize(payload.size() - kTagSize);
        PERDURE_TRY(Aead(header.cipher, keys_for(place, key).seal)
                        .open(header.nonce, aad_of(place, object.first(24)), payload, decrypted)
                        .context(place.name));
        plaintext = decrypted;
    }
    OpenedRecord opened = PERDURE_TRY(parse_plaintext(place, plaintext));
    opened.framed_size = kFrameHeaderSize + payload.size() + kFrameTrailerSize;
    // Only a point's header has its body behind it.
    if (place.type != ObjectType::Point && opened.framed_size != object.size())
        return corrupt(place, "has bytes behind its record");
    return opened;
}

bool verify_signature(const RecordPlace& place, const OpenedRecord& record, const VerifyKey& key) {
    return record.signer.role != Role::None &&
           verify(key, signed_text(place, record.signer, record.body), record.signature);
}

bool verify_previous_owner_signature(const RecordPlace& place, const OpenedRecord& record,
                                     const VerifyKey& key) {
    return record.previous_owner_signature.has_value() &&
           verify(key, signed_text(place, record.signer, record.body),
                  *record.previous_owner_signature);
}

}  // namespace perdure
