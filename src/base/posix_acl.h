// POSIX ACLs as the kernel keeps them in extended attributes: what an archive format must spell
// out, and what is made of its words.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/entry.h"

namespace perdure {

enum class AclTag : std::uint16_t {  // the kernel's numbers (linux/posix_acl_xattr.h)
    UserObject = 0x01,
    User = 0x02,
    GroupObject = 0x04,
    Group = 0x08,
    Mask = 0x10,
    Other = 0x20,
};

struct AclEntry {
    AclTag tag = AclTag::Other;
    int permissions = 0;  // read 4, write 2, execute 1
    int id = -1;          // of User and Group
};

struct PosixAcl {
    bool is_default = false;
    std::vector<AclEntry> entries;
};

/// Nothing if the attribute is no ACL, or not one in the form of version 2.
std::optional<PosixAcl> parse_posix_acl(const ExtendedAttribute&);
/// The attribute of an ACL, its entries in the order the kernel wants.
ExtendedAttribute encode_posix_acl(PosixAcl);

}  // namespace perdure
