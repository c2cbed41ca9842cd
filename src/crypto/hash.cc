#include "crypto/hash.h"

#include <llvm-c/blake3.h>

#include <new>

namespace perdure {
namespace {

Digest finish_hash(const llvm_blake3_hasher& hasher) {
    Digest digest;
    llvm_blake3_hasher_finalize(&hasher, as_uchar(digest.raw().data()), Digest::size);
    return digest;
}

llvm_blake3_hasher& hasher_in(std::byte* state) {
    return *std::launder(reinterpret_cast<llvm_blake3_hasher*>(state));
}
const llvm_blake3_hasher& hasher_in(const std::byte* state) {
    return *std::launder(reinterpret_cast<const llvm_blake3_hasher*>(state));
}

}  // namespace

Digest digest_of(ByteView bytes) {
    llvm_blake3_hasher hasher;
    llvm_blake3_hasher_init(&hasher);
    llvm_blake3_hasher_update(&hasher, bytes.data(), bytes.size());
    return finish_hash(hasher);
}

Digest keyed_hash(const Key256& key, ByteView bytes) {
    return KeyedHasher(key).update(bytes).finish();
}

KeyedHasher::KeyedHasher(const Key256& key) {
    static_assert(sizeof(llvm_blake3_hasher) <= sizeof(state_));
    static_assert(alignof(llvm_blake3_hasher) <= 8);
    static_assert(Key256::size == LLVM_BLAKE3_KEY_LEN && Digest::size == LLVM_BLAKE3_OUT_LEN);
    llvm_blake3_hasher_init_keyed(new (state_) llvm_blake3_hasher, as_uchar(key.reveal().data()));
}

KeyedHasher::~KeyedHasher() { wipe(state_); }

KeyedHasher& KeyedHasher::update(ByteView bytes) {
    llvm_blake3_hasher_update(&hasher_in(state_), bytes.data(), bytes.size());
    return *this;
}

KeyedHasher& KeyedHasher::update_u64(std::uint64_t value) {
    std::array<std::byte, 8> bytes;
    store_le(bytes.data(), value);
    return update(bytes);
}

Digest KeyedHasher::finish() const { return finish_hash(hasher_in(state_)); }

// The key stays in the hasher, so there is no second copy of it to wipe.
void KeyedHasher::reset() { llvm_blake3_hasher_reset(&hasher_in(state_)); }

}  // namespace perdure
