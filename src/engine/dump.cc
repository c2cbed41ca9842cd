#include "engine/dump.h"

#include <archive.h>
#include <archive_entry.h>
#include <langinfo.h>
#include <locale.h>
#include <sys/stat.h>

#include <cerrno>
#include <map>

#include "base/posix_acl.h"
#include "base/try.h"

namespace perdure {

namespace {

constexpr int kBytesAWrite = 256 << 10;

/// libarchive asks the locale how names are encoded; in UTF-8 it writes what is UTF-8 as such and
/// all else as bytes.
class Utf8Locale {
public:
    Utf8Locale()
        : locale_(::newlocale(LC_CTYPE_MASK, "C.UTF-8", locale_t{})),
          before_(locale_ ? ::uselocale(locale_) : locale_t{}) {}
    ~Utf8Locale() {
        if (!locale_) return;
        ::uselocale(before_);
        ::freelocale(locale_);
    }
    Utf8Locale(const Utf8Locale&) = delete;
    Utf8Locale& operator=(const Utf8Locale&) = delete;

private:
    locale_t locale_, before_;
};

mode_t type_bits(EntryType type) {
    switch (type) {
        case EntryType::File: return S_IFREG;
        case EntryType::Directory: return S_IFDIR;
        case EntryType::Symlink: return S_IFLNK;
        case EntryType::Fifo: return S_IFIFO;
        case EntryType::Socket: return S_IFSOCK;
        case EntryType::CharDevice: return S_IFCHR;
        case EntryType::BlockDevice: return S_IFBLK;
    }
    return 0;
}

struct FreeEntry {
    void operator()(archive_entry* entry) const { archive_entry_free(entry); }
};
using ArchiveEntry = std::unique_ptr<archive_entry, FreeEntry>;

void set_owner_and_times(archive_entry* out, const Entry& entry) {
    constexpr std::int64_t kSecond = 1'000'000'000;
    const std::int64_t below = entry.mtime_ns % kSecond < 0 ? 1 : 0;
    const std::int64_t seconds = entry.mtime_ns / kSecond - below;
    archive_entry_set_mtime(out, seconds, static_cast<long>(entry.mtime_ns - seconds * kSecond));
    archive_entry_set_uid(out, entry.uid);
    archive_entry_set_gid(out, entry.gid);
    if (!entry.user.empty()) archive_entry_set_uname(out, entry.user.c_str());
    if (!entry.group.empty()) archive_entry_set_gname(out, entry.group.c_str());
}

/// Where the data lies, if the recipe has holes.
void set_extents(archive_entry* out, const Recipe& recipe) {
    bool holes = false;
    for (const Run& run : recipe) holes = holes || run.is_hole();
    if (!holes) return;
    std::uint64_t offset = 0, begin = 0;
    const auto end_extent = [&] {
        if (offset > begin)
            archive_entry_sparse_add_entry(out, static_cast<la_int64_t>(begin),
                                           static_cast<la_int64_t>(offset - begin));
    };
    for (const Run& run : recipe) {
        if (run.is_hole()) {
            end_extent();
            begin = offset + run.length;
        }
        offset += run.length;
    }
    end_extent();
    // A file that is one hole: tar marks its end with an empty extent.
    if (archive_entry_sparse_count(out) == 0)
        archive_entry_sparse_add_entry(out, static_cast<la_int64_t>(offset), 0);
}

void set_attributes(archive_entry* out, const Entry& entry) {
    for (const ExtendedAttribute& x : entry.xattrs) {
        const auto acl = parse_posix_acl(x);
        if (!acl) {
            archive_entry_xattr_add_entry(out, x.name.c_str(), x.value.data(), x.value.size());
            continue;
        }
        const int type =
            acl->is_default ? ARCHIVE_ENTRY_ACL_TYPE_DEFAULT : ARCHIVE_ENTRY_ACL_TYPE_ACCESS;
        for (const AclEntry& rule : acl->entries) {
            int tag = 0;
            switch (rule.tag) {
                case AclTag::UserObject: tag = ARCHIVE_ENTRY_ACL_USER_OBJ; break;
                case AclTag::User: tag = ARCHIVE_ENTRY_ACL_USER; break;
                case AclTag::GroupObject: tag = ARCHIVE_ENTRY_ACL_GROUP_OBJ; break;
                case AclTag::Group: tag = ARCHIVE_ENTRY_ACL_GROUP; break;
                case AclTag::Mask: tag = ARCHIVE_ENTRY_ACL_MASK; break;
                case AclTag::Other: tag = ARCHIVE_ENTRY_ACL_OTHER; break;
            }
            // libarchive's permissions have the bits of the kernel's: execute 1, write 2, read 4.
            archive_entry_acl_add_entry(out, type, rule.permissions, tag, rule.id, nullptr);
        }
    }
}

class TarDump {
public:
    TarDump(PointReader& reader, const ByteSink& sink, std::stop_token stop)
        : reader_(reader), sink_(sink), stop_(std::move(stop)) {}
    ~TarDump() {
        if (archive_ == nullptr) return;
        archive_write_fail(archive_);  // no end mark
        archive_write_free(archive_);
    }
    TarDump(const TarDump&) = delete;
    TarDump& operator=(const TarDump&) = delete;

    Result<DumpResult> run(const std::vector<DumpItem>& items, ArchiveFormat format) {
        archive_ = archive_write_new();
        if (archive_ == nullptr) return Error(ErrorKind::Internal, "tar: no memory");
        PERDURE_TRY(check(archive_write_set_format_pax(archive_)));
        PERDURE_TRY(
            check(archive_write_set_format_option(archive_, "pax", "xattrheader", "SCHILY")));
        if (format == ArchiveFormat::TarZstd)
            PERDURE_TRY(check(archive_write_add_filter_zstd(archive_)));
        PERDURE_TRY(check(archive_write_set_bytes_per_block(archive_, kBytesAWrite)));
        // A tar archive ends at a whole block of its own; zeros behind a zstd frame are no frame.
        PERDURE_TRY(check(archive_write_set_bytes_in_last_block(
            archive_, format == ArchiveFormat::TarZstd ? 1 : 512)));
        PERDURE_TRY(check(archive_write_open(archive_, this, nullptr, &TarDump::write, nullptr)));
        for (const DumpItem& item : items) PERDURE_TRY(dump(item));
        PERDURE_TRY(check(archive_write_close(archive_)));
        archive_write_free(archive_);
        archive_ = nullptr;
        return std::move(result_);
    }

private:
    static la_ssize_t write(archive* a, void* self, const void* bytes, std::size_t size) {
        auto& dump = *static_cast<TarDump*>(self);
        auto done = dump.sink_(ByteView(static_cast<const std::byte*>(bytes), size));
        if (done) return static_cast<la_ssize_t>(size);
        dump.sink_error_ = std::move(done).error();
        archive_set_error(a, EIO, "output failed");
        return -1;
    }

    Result<void> check(int code) {
        if (code >= ARCHIVE_WARN) return {};
        if (sink_error_) return *std::exchange(sink_error_, std::nullopt);
        const char* text = archive_error_string(archive_);
        return Error(ErrorKind::Io,
                     std::string("tar: ") + (text != nullptr ? text : "unknown error"));
    }

    Result<void> dump(const DumpItem& item) {
        TreeCursor cursor = reader_.cursor(*item.from.root);
        PERDURE_TRY(cursor.seek(item.from.path));
        while (auto entry = PERDURE_TRY(cursor.next())) {
            if (stop_.stop_requested()) return Error(ErrorKind::Cancelled, "interrupted");
            const std::string& path = entry->entry.path;
            if (path != item.from.path && !is_beneath(path, item.from.path)) return {};
            std::string_view rest = std::string_view(path).substr(item.from.path.size());
            if (rest.starts_with('/')) rest.remove_prefix(1);
            std::string name = item.to;
            if (!name.empty() && !rest.empty()) name += '/';
            name += rest;
            PERDURE_TRY(cursor.complete(*entry));
            PERDURE_TRY(
                add(*entry, name).context(item.from.root->name + (path.empty() ? "" : "/") + path));
        }
        return {};
    }

    Result<void> add(const TreeEntry& entry, const std::string& name) {
        const Entry& e = entry.entry;
        if (e.type == EntryType::Socket) {
            result_.issues.push_back({name, "tar cannot hold a socket"});
            return {};
        }
        const ArchiveEntry out(archive_entry_new2(archive_));
        archive_entry_set_pathname(out.get(), name.empty() ? "./" : name.c_str());
        archive_entry_set_mode(out.get(), type_bits(e.type) | e.mode);
        set_owner_and_times(out.get(), e);
        set_attributes(out.get(), e);
        if (e.inode_flags != 0) archive_entry_set_fflags(out.get(), e.inode_flags, 0);
        bool content = false;
        if (const std::string* first = first_name(e, name)) {
            archive_entry_set_hardlink(out.get(), first->c_str());
        } else if (e.type == EntryType::Symlink) {
            archive_entry_set_symlink(out.get(), e.link_target.c_str());
        } else if (e.type == EntryType::File) {
            archive_entry_set_size(out.get(), static_cast<la_int64_t>(e.size));
            set_extents(out.get(), entry.recipe);
            content = true;
        } else if (e.type == EntryType::CharDevice || e.type == EntryType::BlockDevice) {
            archive_entry_set_rdevmajor(out.get(), e.device_major);
            archive_entry_set_rdevminor(out.get(), e.device_minor);
        }
        PERDURE_TRY(check(archive_write_header(archive_, out.get())));
        if (content) PERDURE_TRY(add_content(entry));
        PERDURE_TRY(check(archive_write_finish_entry(archive_)));
        ++result_.entries;
        return {};
    }

    Result<void> add_content(const TreeEntry& entry) {
        return reader_.read(
            entry.recipe, false,
            [&](std::uint64_t, ByteView bytes) -> Result<void> {
                result_.bytes += bytes.size();
                while (!bytes.empty()) {
                    const auto put = archive_write_data(archive_, bytes.data(), bytes.size());
                    if (put <= 0) return check(put < 0 ? static_cast<int>(put) : ARCHIVE_FATAL);
                    bytes = bytes.subspan(static_cast<std::size_t>(put));
                }
                return {};
            },
            stop_);
    }

    /// The name the inode already has in the archive, if it has one.
    const std::string* first_name(const Entry& entry, const std::string& name) {
        if (entry.links < 2 || entry.type == EntryType::Directory) return nullptr;
        const auto [at, is_new] = names_.try_emplace({entry.device, entry.inode}, name);
        return is_new ? nullptr : &at->second;
    }

    const Utf8Locale locale_;
    PointReader& reader_;
    const ByteSink& sink_;
    std::stop_token stop_;
    archive* archive_ = nullptr;
    std::optional<Error> sink_error_;
    std::map<std::pair<std::uint64_t, std::uint64_t>, std::string> names_;
    DumpResult result_;
};

}  // namespace

Result<DumpResult> dump_file(PointReader& reader, const TreeEntry& entry, const ByteSink& sink,
                             std::stop_token stop) {
    if (entry.entry.type != EntryType::File)
        return Error(ErrorKind::InvalidInput, "is no regular file");
    DumpResult result;
    result.entries = 1;
    PERDURE_TRY(reader.read(
        entry.recipe, false,
        [&](std::uint64_t, ByteView bytes) {
            result.bytes += bytes.size();
            return sink(bytes);
        },
        std::move(stop)));
    return result;
}

Result<DumpResult> dump_tar(PointReader& reader, const std::vector<DumpItem>& items,
                            ArchiveFormat format, const ByteSink& sink, std::stop_token stop) {
    return TarDump(reader, sink, std::move(stop)).run(items, format);
}

}  // namespace perdure
