// HKDF-SHA-256 (RFC 5869) for any lengths. derive_key() in kdf.h is the only form the other layers
// use; this one exists so that the vectors of the RFC, whose keys have other lengths, can be
// checked.
#pragma once

#include "base/bytes.h"

namespace perdure {

/// Fills `out`, at most 255 * 32 bytes. Thread-safe.
void hkdf_sha256(ByteView key, ByteView salt, ByteView info, MutableByteView out);

}  // namespace perdure
