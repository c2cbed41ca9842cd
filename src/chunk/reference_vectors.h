// The tables and the input of the chunker's frozen test vectors. For tests and benchmarks only.
#pragma once

#include <array>
#include <cstdint>

#include "base/bytes.h"
#include "base/random.h"
#include "chunk/chunker.h"

namespace perdure {

constexpr std::array<std::uint16_t, 16> kReferenceA = {
    0x6e95, 0xf103, 0x9f52, 0xe394, 0x23f2, 0xdb06, 0x6d5d, 0x2fa4,
    0x7dd5, 0x77ae, 0x19bf, 0x50be, 0x46e6, 0x6db7, 0x8edc, 0x33f2};
constexpr std::array<std::uint16_t, 16> kReferenceB = {
    0x2feb, 0xb266, 0x130f, 0x0e4a, 0x2448, 0x3c80, 0x4537, 0x9e9e,
    0x0b3d, 0x297f, 0x775b, 0x4516, 0x7f3e, 0x47ed, 0x02e7, 0x4d7c};

/// With the stage 2 key 000102...0f.
inline ChunkerTables reference_tables() {
    ChunkerTables tables;
    tables.a = kReferenceA;
    tables.b = kReferenceB;
    for (std::size_t i = 0; i < 16; ++i)
        tables.confirm_key.reveal_mutable()[i] = static_cast<std::byte>(i);
    return tables;
}

/// SplitMix64 from state 1, each output as eight little-endian bytes.
inline Buffer reference_input(std::size_t size) {
    Buffer data(size);
    SeededRandom(1).fill(data);
    return data;
}

}  // namespace perdure
