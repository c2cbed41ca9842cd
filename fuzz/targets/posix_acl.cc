// POSIX ACLs as the kernel keeps them: a byte for which, then the value.
#include "base/posix_acl.h"
#include "support/fuzz.h"

using namespace perdure;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    constexpr const char* kNames[] = {"system.posix_acl_access", "system.posix_acl_default",
                                      "user.other"};
    const std::size_t which = input.u8() % 3;
    const ExtendedAttribute attribute{kNames[which], std::string(as_text(input.rest()))};
    const auto acl = parse_posix_acl(attribute);
    if (!acl) return 0;
    fuzz::expect(which < 2 && acl->is_default == (which == 1), "an ACL comes from one of the two");
    fuzz::expect(acl->entries.size() == (attribute.value.size() - 4) / 8, "no entry is lost");
    for (const AclEntry& entry : acl->entries)
        fuzz::expect(entry.permissions >= 0 && entry.permissions <= 7,
                     "permissions are three bits");
    const auto again = parse_posix_acl(encode_posix_acl(*acl));
    fuzz::expect(again && again->entries.size() == acl->entries.size(), "an ACL is written again");
    return 0;
}
