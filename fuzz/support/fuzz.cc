#include "support/fuzz.h"

#include <google/protobuf/stubs/logging.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "source/issue.h"

namespace perdure::fuzz {

namespace {

constexpr std::size_t kMostPacks = 16;

/// Protocol Buffers says on stderr what it refuses: a line for every other input.
[[maybe_unused]] const auto log_handler = google::protobuf::SetLogHandler(nullptr);

template <class T>
T load(ByteView bytes) {
    std::byte whole[sizeof(T)] = {};
    if (!bytes.empty()) std::memcpy(whole, bytes.data(), bytes.size());
    return load_le<T>(whole);
}

}  // namespace

void fail(const char* claim) {
    std::fprintf(stderr, "fuzz: does not hold: %s\n", claim);
    std::abort();
}

std::uint8_t Input::u8() { return load<std::uint8_t>(bytes(1)); }
std::uint32_t Input::u32() { return load<std::uint32_t>(bytes(4)); }
std::uint64_t Input::u64() { return load<std::uint64_t>(bytes(8)); }

ByteView Input::bytes(std::size_t count) {
    const ByteView taken = rest_.first(std::min(count, rest_.size()));
    rest_ = rest_.subspan(taken.size());
    return taken;
}

std::string_view Input::line() {
    const std::string_view text = as_text(rest_);
    const std::size_t end = std::min(text.find('\n'), text.size());
    rest_ = rest_.subspan(std::min(end + 1, rest_.size()));
    return text.substr(0, end);
}

bool expands_little(ByteView body) {
    constexpr std::uint64_t kMostRaw = 1U << 20;
    return body.size() < 9 || load_le<std::uint64_t>(body.data() + 1) <= kMostRaw;
}

void expect_blames_input(const Error& error) {
    expect(error.kind() == ErrorKind::Corrupt || error.kind() == ErrorKind::Unsupported ||
               error.kind() == ErrorKind::InvalidInput,
           "an error says that the input is wrong");
    expect(!error.message().empty(), "an error says what is wrong");
}

const RepositoryId& repository_id() {
    static const RepositoryId id = *RepositoryId::from_bytes(as_bytes("a repository id."));
    return id;
}

const Key256& key() {
    static const Key256 key = Key256::copy_of(as_bytes("a key of thirty-two bytes in all"));
    return key;
}

PointBody body_of(const BirthAddress& page) {
    PointBody body;
    body.roots.emplace_back();
    body.roots.back().name = "/r";
    body.roots.back().page = page;
    body.issues.push_back({static_cast<std::uint8_t>(IssueKind::MetadataLost), 0, "f", "lost"});
    return body;
}

const BirthPack& birth_pack() {
    static const BirthPack pack{{WriterNumber{3}, SessionNumber{7}},
                                *PackId::from_bytes(as_bytes("a pack of blocks"))};
    return pack;
}

PackRegistry& registry() {
    static auto packs = std::make_unique<PackRegistry>();
    if (packs->size() > kMostPacks) packs = std::make_unique<PackRegistry>();
    return *packs;
}

}  // namespace perdure::fuzz
