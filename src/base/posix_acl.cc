#include "base/posix_acl.h"

#include <algorithm>
#include <utility>

#include "base/bytes.h"

namespace perdure {

namespace {

constexpr std::uint32_t kVersion = 2;
constexpr std::size_t kHeader = 4, kEntry = 8;

bool is_tag(std::uint16_t tag) {
    switch (static_cast<AclTag>(tag)) {
        case AclTag::UserObject:
        case AclTag::User:
        case AclTag::GroupObject:
        case AclTag::Group:
        case AclTag::Mask:
        case AclTag::Other: return true;
    }
    return false;
}

}  // namespace

std::optional<PosixAcl> parse_posix_acl(const ExtendedAttribute& attribute) {
    PosixAcl acl;
    acl.is_default = attribute.name == "system.posix_acl_default";
    if (!acl.is_default && attribute.name != "system.posix_acl_access") return std::nullopt;
    const ByteView bytes = as_bytes(attribute.value);
    if (bytes.size() < kHeader || (bytes.size() - kHeader) % kEntry != 0 ||
        load_le<std::uint32_t>(bytes.data()) != kVersion)
        return std::nullopt;
    for (std::size_t at = kHeader; at < bytes.size(); at += kEntry) {
        const auto tag = load_le<std::uint16_t>(bytes.data() + at);
        if (!is_tag(tag)) return std::nullopt;
        AclEntry entry;
        entry.tag = static_cast<AclTag>(tag);
        entry.permissions = load_le<std::uint16_t>(bytes.data() + at + 2) & 7;
        if (entry.tag == AclTag::User || entry.tag == AclTag::Group)
            entry.id = static_cast<int>(load_le<std::uint32_t>(bytes.data() + at + 4));
        acl.entries.push_back(entry);
    }
    return acl;
}

ExtendedAttribute encode_posix_acl(PosixAcl acl) {
    constexpr std::uint32_t kNoId = 0xffffffff;
    std::sort(acl.entries.begin(), acl.entries.end(), [](const AclEntry& a, const AclEntry& b) {
        return std::pair(a.tag, static_cast<std::uint32_t>(a.id)) <
               std::pair(b.tag, static_cast<std::uint32_t>(b.id));
    });
    Buffer bytes(kHeader + acl.entries.size() * kEntry);
    store_le<std::uint32_t>(bytes.data(), kVersion);
    std::byte* at = bytes.data() + kHeader;
    for (const AclEntry& entry : acl.entries) {
        const bool has_id = entry.tag == AclTag::User || entry.tag == AclTag::Group;
        store_le(at, static_cast<std::uint16_t>(entry.tag));
        store_le(at + 2, static_cast<std::uint16_t>(entry.permissions));
        store_le(at + 4, has_id ? static_cast<std::uint32_t>(entry.id) : kNoId);
        at += kEntry;
    }
    return {acl.is_default ? "system.posix_acl_default" : "system.posix_acl_access",
            std::string(as_text(bytes))};
}

}  // namespace perdure
