// A block's payload behind its seal: codec, stated length, then what was sealed. Whoever holds a
// pack's key can seal anything.
#include "repo/block.h"
#include "repo/record.h"
#include "support/fuzz.h"

using namespace perdure;

namespace {

/// A block as FORMAT.md lays it out, sealed under a key at hand.
void seal(Aead& aead, const BirthAddress& birth, std::uint8_t codec, std::uint32_t raw_length,
          ByteView payload, Buffer& out) {
    out.resize(kBlockHeaderSize + payload.size() + kTagSize);
    std::byte* at = out.data();
    std::memset(at, 0, kBlockHeaderSize);
    std::memcpy(at, "PBLK", 4);
    at[4] = static_cast<std::byte>(kFormatVersion);
    at[5] = static_cast<std::byte>(Cipher::Aes256Gcm);
    at[6] = static_cast<std::byte>(codec);
    store_le<std::uint32_t>(at + 8, number(birth.pack.session.writer));
    store_le<std::uint32_t>(at + 12, birth.slot);
    store_le<std::uint64_t>(at + 16, number(birth.pack.session.session));
    std::memcpy(at + 24, birth.pack.pack.view().data(), PackId::size);
    store_le<std::uint32_t>(at + 48, raw_length);
    store_le<std::uint32_t>(at + 52, static_cast<std::uint32_t>(payload.size() + kTagSize));
    const Transcript aad = Transcript("perdure block v1")
                               .add(fuzz::repository_id().view())
                               .add(ByteView(out).first(88));
    aead.seal({}, aad.view(), payload, MutableByteView(out).subspan(kBlockHeaderSize));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static Aead aead(Cipher::Aes256Gcm, fuzz::key());
    static BlockOpener opener(fuzz::repository_id());
    static Buffer block;
    static Buffer raw;
    fuzz::Input input(data, size);
    const std::uint8_t codec = input.u8() % 3;
    const std::uint32_t raw_length = input.u32();
    const BirthAddress birth{fuzz::birth_pack(), 1};
    seal(aead, birth, codec, raw_length, input.rest(), block);
    const auto opened = opener.open(birth, block, aead, raw);
    if (!opened)
        fuzz::expect_blames_input(opened.error());
    else
        fuzz::expect(raw.size() == raw_length && raw_length <= kMaxBlockRaw,
                     "a block's content is as long as its header says");
    const auto authentic = opener.authenticate(birth, block, aead);
    fuzz::expect(authentic || !opened, "what opens is authentic");
    return 0;
}
