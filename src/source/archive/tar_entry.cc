#include "source/archive/tar_entry.h"

#include <archive.h>
#include <archive_entry.h>
#include <sys/stat.h>

#include <algorithm>
#include <limits>

#include "base/posix_acl.h"

namespace perdure {

namespace {

constexpr std::size_t kLongestName = 255;
constexpr std::size_t kLongestPath = 65535;

std::string text_of(const char* text) { return text == nullptr ? "" : text; }

std::int64_t nanoseconds(std::int64_t seconds, long below) {
    constexpr std::int64_t kSecond = 1'000'000'000;
    constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max() / kSecond - 1;
    return std::clamp(seconds, -kMost, kMost) * kSecond + below;
}

std::optional<EntryType> type_of(archive_entry* from) {
    switch (archive_entry_filetype(from)) {
        case AE_IFREG: return EntryType::File;
        case AE_IFDIR: return EntryType::Directory;
        case AE_IFLNK: return EntryType::Symlink;
        case AE_IFIFO: return EntryType::Fifo;
        case AE_IFCHR: return EntryType::CharDevice;
        case AE_IFBLK: return EntryType::BlockDevice;
        default: return std::nullopt;
    }
}

std::optional<AclTag> tag_of(int tag) {
    switch (tag) {
        case ARCHIVE_ENTRY_ACL_USER_OBJ: return AclTag::UserObject;
        case ARCHIVE_ENTRY_ACL_USER: return AclTag::User;
        case ARCHIVE_ENTRY_ACL_GROUP_OBJ: return AclTag::GroupObject;
        case ARCHIVE_ENTRY_ACL_GROUP: return AclTag::Group;
        case ARCHIVE_ENTRY_ACL_MASK: return AclTag::Mask;
        case ARCHIVE_ENTRY_ACL_OTHER: return AclTag::Other;
        default: return std::nullopt;
    }
}

void read_acl(archive_entry* from, int type, TarEntry& out) {
    if (archive_entry_acl_reset(from, type) == 0) return;
    PosixAcl acl;
    acl.is_default = type == ARCHIVE_ENTRY_ACL_TYPE_DEFAULT;
    bool lost = false;
    int permissions = 0, tag = 0, id = 0, found_type = 0;
    const char* name = nullptr;
    while (archive_entry_acl_next(from, type, &found_type, &permissions, &tag, &id, &name) ==
           ARCHIVE_OK) {
        const auto known = tag_of(tag);
        const bool named = known == AclTag::User || known == AclTag::Group;
        if (!known || (named && id < 0)) {
            lost = true;
            continue;
        }
        // libarchive's permissions have the bits of the kernel's: execute 1, write 2, read 4.
        acl.entries.push_back({*known, permissions & 7, named ? id : -1});
    }
    if (lost)
        out.issues.push_back({IssueKind::MetadataLost, out.entry.path,
                              "its access list names somebody without a number"});
    const bool extended =
        std::any_of(acl.entries.begin(), acl.entries.end(), [](const AclEntry& e) {
            return e.tag == AclTag::User || e.tag == AclTag::Group || e.tag == AclTag::Mask;
        });
    if (acl.entries.empty() || (!acl.is_default && !extended)) return;
    // The group's bits of a mode are the mask; libarchive puts the owning group's there.
    for (const AclEntry& e : acl.entries)
        if (!acl.is_default && e.tag == AclTag::Mask)
            out.entry.mode = (out.entry.mode & ~070U) | static_cast<unsigned>(e.permissions) << 3;
    out.entry.xattrs.push_back(encode_posix_acl(std::move(acl)));
}

void read_attributes(archive_entry* from, TarEntry& out) {
    archive_entry_xattr_reset(from);
    const char* name = nullptr;
    const void* value = nullptr;
    std::size_t size = 0;
    while (archive_entry_xattr_next(from, &name, &value, &size) == ARCHIVE_OK) {
        const std::string full = text_of(name);
        if (full.starts_with("system.posix_acl_")) continue;  // spelt out, where they are
        out.entry.xattrs.push_back({full, std::string(static_cast<const char*>(value), size)});
    }
    read_acl(from, ARCHIVE_ENTRY_ACL_TYPE_ACCESS, out);
    read_acl(from, ARCHIVE_ENTRY_ACL_TYPE_DEFAULT, out);
    auto& all = out.entry.xattrs;
    std::stable_sort(all.begin(), all.end(),
                     [](const auto& a, const auto& b) { return a.name < b.name; });
    all.erase(std::unique(all.begin(), all.end(),
                          [](const auto& a, const auto& b) { return a.name == b.name; }),
              all.end());
    unsigned long set = 0, clear = 0;
    archive_entry_fflags(from, &set, &clear);
    out.entry.inode_flags = static_cast<std::uint32_t>(set) & kSettableInodeFlags;
}

void read_extents(archive_entry* from, Entry& entry) {
    if (archive_entry_sparse_reset(from) == 0) return;
    entry.sparse = true;
    la_int64_t offset = 0, length = 0;
    while (archive_entry_sparse_next(from, &offset, &length) == ARCHIVE_OK) {
        const auto& before = entry.data_extents;
        const std::uint64_t least =
            before.empty() ? 0 : before.back().offset + before.back().length;
        const std::uint64_t begin = std::max(least, static_cast<std::uint64_t>(offset));
        const std::uint64_t end = std::min(
            entry.size, static_cast<std::uint64_t>(offset) + static_cast<std::uint64_t>(length));
        if (begin < end) entry.data_extents.push_back({begin, end - begin});
    }
}

}  // namespace

std::optional<std::string> clean_archive_path(std::string_view name) {
    std::string path;
    if (name.find('\0') != std::string_view::npos) return std::nullopt;
    for (std::size_t start = 0; start <= name.size();) {
        const std::size_t end = std::min(name.find('/', start), name.size());
        const auto part = name.substr(start, end - start);
        start = end + 1;
        if (part.empty() || part == ".") continue;
        if (part == ".." || part.size() > kLongestName) return std::nullopt;
        if (!path.empty()) path += '/';
        path += part;
    }
    if (path.size() > kLongestPath) return std::nullopt;
    return path;
}

std::optional<TarEntry> tar_entry(archive_entry* from, Issue& refused) {
    const std::string name = text_of(archive_entry_pathname(from));
    const auto refuse = [&](std::string why) {
        refused = {IssueKind::Unsupported, name, std::move(why)};
        return std::nullopt;
    };
    auto path = clean_archive_path(name);
    if (!path) return refuse("its name has \"..\" in it, or is too long; not stored");
    TarEntry out;
    Entry& e = out.entry;
    e.path = std::move(*path);
    if (const char* target = archive_entry_hardlink(from)) {
        auto clean = clean_archive_path(target);
        if (!clean || clean->empty() || e.path.empty())
            return refuse("is a hard link to \"" + text_of(target) + "\"; not stored");
        out.link_to = std::move(*clean);
        if (out.link_to == e.path) return refuse("is a hard link to itself; not stored");
        return out;
    }
    const auto type = type_of(from);
    if (!type) return refuse("is of a type that cannot be stored");
    e.type = *type;
    if (e.path.empty() && e.type != EntryType::Directory)
        return refuse("has the name of the root and is no directory; not stored");
    e.mode = archive_entry_perm(from) & 07777U;
    e.uid = static_cast<std::uint32_t>(archive_entry_uid(from));
    e.gid = static_cast<std::uint32_t>(archive_entry_gid(from));
    e.user = text_of(archive_entry_uname(from));
    e.group = text_of(archive_entry_gname(from));
    e.mtime_ns = nanoseconds(archive_entry_mtime(from), archive_entry_mtime_nsec(from));
    e.ctime_ns = archive_entry_ctime_is_set(from)
                     ? nanoseconds(archive_entry_ctime(from), archive_entry_ctime_nsec(from))
                     : e.mtime_ns;
    if (e.type == EntryType::Symlink) {
        e.link_target = text_of(archive_entry_symlink(from));
        e.size = e.link_target.size();
    } else if (e.type == EntryType::File) {
        e.size = static_cast<std::uint64_t>(std::max<la_int64_t>(0, archive_entry_size(from)));
        read_extents(from, e);
    } else if (e.type != EntryType::Directory && e.type != EntryType::Fifo) {
        e.device_major = static_cast<std::uint32_t>(archive_entry_rdevmajor(from));
        e.device_minor = static_cast<std::uint32_t>(archive_entry_rdevminor(from));
    }
    read_attributes(from, out);
    return out;
}

}  // namespace perdure
