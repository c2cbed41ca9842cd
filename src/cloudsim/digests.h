// The digests that S3 takes and gives: MD5 of ETags and Content-MD5, and the checksums of
// x-amz-checksum-*, of bytes that arrive in pieces. Values are raw bytes, big-endian where they are
// numbers.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace perdure::cloudsim {

std::string to_base64(ByteView bytes);
/// Nothing if it is not canonical Base64.
std::optional<Buffer> from_base64(std::string_view text);

enum class Checksum { Crc32, Crc32c, Crc64Nvme, Sha1, Sha256 };
constexpr Checksum kChecksums[] = {Checksum::Crc32, Checksum::Crc32c, Checksum::Crc64Nvme,
                                   Checksum::Sha1, Checksum::Sha256};

std::string_view name_of(Checksum checksum);  // "CRC32C"
std::string header_of(Checksum checksum);     // "x-amz-checksum-crc32c"
std::string element_of(Checksum checksum);    // "ChecksumCRC32C"
/// By its name in any case.
std::optional<Checksum> checksum_named(std::string_view name);
bool can_be_of_full_object(Checksum checksum);  // the CRCs
bool can_be_composite(Checksum checksum);       // all but CRC64NVME

class Digest {
public:
    static Digest md5();
    static Digest of(Checksum checksum);
    ~Digest();
    Digest(Digest&&) noexcept;
    Digest& operator=(Digest&&) noexcept;

    void update(ByteView bytes);
    /// Once.
    Buffer finish();

private:
    struct State;
    explicit Digest(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

Buffer md5_of(ByteView bytes);
Buffer checksum_of(Checksum checksum, ByteView bytes);

}  // namespace perdure::cloudsim
