#include "source/archive/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <map>

#include "base/fd.h"
#include "base/posix_acl.h"
#include "source/archive/tar_entry.h"

namespace perdure {
namespace {

TEST(ArchivePath, IsCleanOrRefused) {
    const std::map<std::string, std::string> clean{{"a", "a"},
                                                   {"./a/b/", "a/b"},
                                                   {"/etc/hosts", "etc/hosts"},
                                                   {"a//b/./c", "a/b/c"},
                                                   {".", ""},
                                                   {"./", ""},
                                                   {"/", ""},
                                                   {"..a/b..", "..a/b.."},
                                                   {"\xff", "\xff"}};
    for (const auto& [name, path] : clean) EXPECT_EQ(clean_archive_path(name), path) << name;
    for (const std::string& name :
         {std::string(".."), std::string("a/../b"), std::string("../a"), std::string("a/.."),
          std::string(256, 'x'), std::string("a\0b", 3)})
        EXPECT_FALSE(clean_archive_path(name)) << name;
    std::string deep;
    while (deep.size() < 70000) deep += "/directory";
    EXPECT_FALSE(clean_archive_path(deep));
}

/// An archive by libarchive, in memory.
class TestArchive {
public:
    TestArchive() : fd_(::memfd_create("archive", MFD_CLOEXEC)), out_(archive_write_new()) {
        archive_write_set_format_pax(out_);
        archive_write_set_bytes_per_block(out_, 0);  // nothing is held back
        archive_write_open_fd(out_, fd_.get());
    }
    ~TestArchive() { archive_write_free(out_); }
    TestArchive(const TestArchive&) = delete;
    TestArchive& operator=(const TestArchive&) = delete;

    struct Free {
        void operator()(archive_entry* entry) const { archive_entry_free(entry); }
    };
    using Made = std::unique_ptr<archive_entry, Free>;
    static Made file(const char* path, std::size_t size) {
        Made entry(archive_entry_new());
        archive_entry_set_pathname(entry.get(), path);
        archive_entry_set_filetype(entry.get(), AE_IFREG);
        archive_entry_set_perm(entry.get(), 0640);
        archive_entry_set_size(entry.get(), static_cast<la_int64_t>(size));
        return entry;
    }
    void add(const Made& entry, const std::string& content = "") {
        EXPECT_EQ(archive_write_header(out_, entry.get()), ARCHIVE_OK);
        EXPECT_EQ(archive_write_data(out_, content.data(), content.size()),
                  static_cast<la_ssize_t>(content.size()));
        EXPECT_EQ(archive_write_finish_entry(out_), ARCHIVE_OK);
    }
    Result<std::unique_ptr<FileSource>> open(bool with_end = true) {
        const off_t end = ::lseek(fd_.get(), 0, SEEK_CUR);
        archive_write_close(out_);
        if (!with_end) {
            EXPECT_EQ(::ftruncate(fd_.get(), end), 0);
        }
        ::lseek(fd_.get(), 0, SEEK_SET);
        return open_archive(fd_.get(), "test", {});
    }

private:
    Fd fd_;
    archive* out_;
};

struct Walked {
    std::vector<WalkedEntry> entries;
    std::vector<Issue> issues;
};

Walked walk(FileSource& source, std::map<std::string, std::string>* contents = nullptr) {
    Walked found;
    const auto walk = source.walk();
    while (auto event = walk->next()) {
        if (auto* issue = std::get_if<Issue>(&*event)) {
            found.issues.push_back(std::move(*issue));
            continue;
        }
        auto& entry = std::get<WalkedEntry>(*event);
        if (contents != nullptr && entry.entry.type == EntryType::File) {
            auto opened = source.open(entry);
            auto& file = *std::get<std::unique_ptr<OpenFile>>(opened);
            std::string& content = (*contents)[entry.entry.path];
            content.resize(file.size());
            for (std::size_t at = 0; at < content.size();) {
                const auto got =
                    file.read(at, {reinterpret_cast<std::byte*>(content.data()) + at,
                                   std::min<std::size_t>(70'000, content.size() - at)});
                if (!got || *got == 0) break;
                at += *got;
            }
        }
        found.entries.push_back(std::move(entry));
    }
    return found;
}

TEST(Archive, ContentIsReadSmallAndLarge) {
    TestArchive archive;
    std::map<std::string, std::string> wanted;
    for (const std::size_t size : {0UL, 1UL, 511UL, 512UL, 100'000UL, 1UL << 20, 3'000'001UL}) {
        const std::string name = "f" + std::to_string(size);
        std::string content(size, '\0');
        for (std::size_t i = 0; i < size; ++i) content[i] = static_cast<char>(i * 31 + i / 251);
        archive.add(TestArchive::file(name.c_str(), size), content);
        wanted[name] = content;
    }
    auto source = archive.open();
    ASSERT_TRUE(source);
    EXPECT_FALSE((*source)->is_ordered());
    std::map<std::string, std::string> contents;
    EXPECT_TRUE(walk(**source, &contents).issues.empty());
    EXPECT_TRUE((*source)->ended());
    EXPECT_EQ(contents, wanted);
}

TEST(Archive, AListOfAccessIsTheKernelsAndTheModeHasItsMask) {
    TestArchive archive;
    const auto file = TestArchive::file("f", 0);
    archive_entry_set_perm(file.get(), 0640);
    constexpr int kAccess = ARCHIVE_ENTRY_ACL_TYPE_ACCESS;
    archive_entry_acl_add_entry(file.get(), kAccess, 6, ARCHIVE_ENTRY_ACL_USER_OBJ, -1, nullptr);
    archive_entry_acl_add_entry(file.get(), kAccess, 7, ARCHIVE_ENTRY_ACL_USER, 1234, nullptr);
    archive_entry_acl_add_entry(file.get(), kAccess, 4, ARCHIVE_ENTRY_ACL_GROUP_OBJ, -1, nullptr);
    archive_entry_acl_add_entry(file.get(), kAccess, 6, ARCHIVE_ENTRY_ACL_MASK, -1, nullptr);
    archive_entry_acl_add_entry(file.get(), kAccess, 0, ARCHIVE_ENTRY_ACL_OTHER, -1, nullptr);
    archive.add(file);
    auto source = archive.open();
    ASSERT_TRUE(source);
    const Walked found = walk(**source);
    ASSERT_EQ(found.entries.size(), 1U);
    const Entry& entry = found.entries[0].entry;
    EXPECT_EQ(entry.mode, 0660U);
    ASSERT_EQ(entry.xattrs.size(), 1U);
    const auto acl = parse_posix_acl(entry.xattrs[0]);
    ASSERT_TRUE(acl);
    ASSERT_EQ(acl->entries.size(), 5U);
    EXPECT_EQ(acl->entries[1].tag, AclTag::User);
    EXPECT_EQ(acl->entries[1].id, 1234);
    EXPECT_EQ(acl->entries[2].permissions, 4);
}

TEST(Archive, WithoutItsEndMarkItIsAnError) {
    TestArchive archive;
    archive.add(TestArchive::file("f", 3), "abc");
    auto source = archive.open(false);
    ASSERT_TRUE(source);
    EXPECT_EQ(walk(**source).entries.size(), 1U);
    const auto ended = (*source)->ended();
    ASSERT_FALSE(ended);
    EXPECT_EQ(ended.error().kind(), ErrorKind::Corrupt);
}

TEST(Archive, OnceStoppedItsReadsFailAsCancelled) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const Fd reading(ends[0]), writing(ends[1]);
    std::stop_source stop;
    stop.request_stop();
    auto source = open_archive(reading.get(), "pipe", stop.get_token());
    if (source) {
        walk(**source);
        EXPECT_EQ((*source)->ended().error().kind(), ErrorKind::Cancelled);
    } else {
        EXPECT_EQ(source.error().kind(), ErrorKind::Cancelled);
    }
}

}  // namespace
}  // namespace perdure
