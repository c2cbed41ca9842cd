#include "cloudsim/digests.h"

#include <openssl/evp.h>

#include <array>

#include "base/check.h"
#include "codec/crc32c.h"
#include "net/http_message.h"

namespace perdure::cloudsim {
namespace {

/// Reflected CRCs by table: CRC-32 (IEEE) and CRC-64/NVME.
template <class T, T kPolynomial>
constexpr std::array<T, 256> crc_table() {
    std::array<T, 256> table{};
    for (unsigned byte = 0; byte < 256; ++byte) {
        T value = byte;
        for (int bit = 0; bit < 8; ++bit)
            value = (value & 1) ? (value >> 1) ^ kPolynomial : value >> 1;
        table[byte] = value;
    }
    return table;
}
constexpr auto kCrc32 = crc_table<std::uint32_t, 0xedb88320u>();
constexpr auto kCrc64 = crc_table<std::uint64_t, 0x9a6c9329ac4bc9b5ull>();

template <class T>
T crc(const std::array<T, 256>& table, T before, ByteView bytes) {
    T value = ~before;
    for (const std::byte byte : bytes)
        value = table[(value ^ std::to_integer<T>(byte)) & 0xff] ^ (value >> 8);
    return ~value;
}

template <class T>
Buffer big_endian(T value) {
    Buffer bytes(sizeof(T));
    for (std::size_t i = 0; i < sizeof(T); ++i)
        bytes[i] = static_cast<std::byte>(value >> (8 * (sizeof(T) - 1 - i)));
    return bytes;
}

const EVP_MD* hash_of(Checksum checksum) {
    if (checksum == Checksum::Sha1) return EVP_sha1();
    return checksum == Checksum::Sha256 ? EVP_sha256() : nullptr;
}

}  // namespace

struct Digest::State {
    EVP_MD_CTX* hash = nullptr;
    Checksum crc = Checksum::Crc32;
    std::uint32_t crc32 = 0;
    std::uint64_t crc64 = 0;

    State() = default;
    explicit State(const EVP_MD* kind) : hash(EVP_MD_CTX_new()) {
        PERDURE_CHECK(hash != nullptr && EVP_DigestInit_ex(hash, kind, nullptr) == 1);
    }
    State(const State&) = delete;
    State& operator=(const State&) = delete;
    ~State() { EVP_MD_CTX_free(hash); }
};

Digest::Digest(std::unique_ptr<State> state) : state_(std::move(state)) {}
Digest::~Digest() = default;
Digest::Digest(Digest&&) noexcept = default;
Digest& Digest::operator=(Digest&&) noexcept = default;

Digest Digest::md5() { return Digest(std::make_unique<State>(EVP_md5())); }

Digest Digest::of(Checksum checksum) {
    if (const EVP_MD* kind = hash_of(checksum)) return Digest(std::make_unique<State>(kind));
    auto state = std::make_unique<State>();
    state->crc = checksum;
    return Digest(std::move(state));
}

void Digest::update(ByteView bytes) {
    State& s = *state_;
    if (s.hash != nullptr) {
        PERDURE_CHECK(EVP_DigestUpdate(s.hash, bytes.data(), bytes.size()) == 1);
    } else if (s.crc == Checksum::Crc32) {
        s.crc32 = crc(kCrc32, s.crc32, bytes);
    } else if (s.crc == Checksum::Crc32c) {
        s.crc32 = crc32c(s.crc32, bytes);
    } else {
        s.crc64 = crc(kCrc64, s.crc64, bytes);
    }
}

Buffer Digest::finish() {
    State& s = *state_;
    if (s.hash == nullptr)
        return s.crc == Checksum::Crc64Nvme ? big_endian(s.crc64) : big_endian(s.crc32);
    Buffer value(EVP_MAX_MD_SIZE);
    unsigned length = 0;
    PERDURE_CHECK(EVP_DigestFinal_ex(s.hash, as_uchar(value.data()), &length) == 1);
    value.resize(length);
    return value;
}

Buffer md5_of(ByteView bytes) {
    Digest digest = Digest::md5();
    digest.update(bytes);
    return digest.finish();
}

Buffer checksum_of(Checksum checksum, ByteView bytes) {
    Digest digest = Digest::of(checksum);
    digest.update(bytes);
    return digest.finish();
}

std::string to_base64(ByteView bytes) {
    std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');
    const int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                       as_uchar(bytes.data()), static_cast<int>(bytes.size()));
    text.resize(static_cast<std::size_t>(length));
    return text;
}

std::optional<Buffer> from_base64(std::string_view text) {
    if (text.size() % 4 != 0 || text.size() > (1u << 20)) return std::nullopt;
    Buffer bytes(text.size() / 4 * 3);
    const int length =
        EVP_DecodeBlock(as_uchar(bytes.data()), reinterpret_cast<const unsigned char*>(text.data()),
                        static_cast<int>(text.size()));
    if (length < 0) return std::nullopt;
    std::size_t padding = 0;
    while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=')
        ++padding;
    bytes.resize(static_cast<std::size_t>(length) - padding);
    if (to_base64(bytes) != text) return std::nullopt;
    return bytes;
}

std::string_view name_of(Checksum checksum) {
    switch (checksum) {
        case Checksum::Crc32: return "CRC32";
        case Checksum::Crc32c: return "CRC32C";
        case Checksum::Crc64Nvme: return "CRC64NVME";
        case Checksum::Sha1: return "SHA1";
        case Checksum::Sha256: return "SHA256";
    }
    return "";
}

std::string header_of(Checksum checksum) {
    std::string header = "x-amz-checksum-";
    for (const char c : name_of(checksum))
        header += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    return header;
}

std::string element_of(Checksum checksum) { return "Checksum" + std::string(name_of(checksum)); }

std::optional<Checksum> checksum_named(std::string_view name) {
    for (const Checksum checksum : kChecksums)
        if (same_header_name(name, name_of(checksum))) return checksum;
    return std::nullopt;
}

bool can_be_of_full_object(Checksum checksum) { return hash_of(checksum) == nullptr; }
bool can_be_composite(Checksum checksum) { return checksum != Checksum::Crc64Nvme; }

}  // namespace perdure::cloudsim
