#include "target/directory/resolver.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "support/files.h"
#include "support/temp_dir.h"

namespace perdure {
namespace {

class ResolverMethod : public testing::TestWithParam<Resolver::Method> {
protected:
    Resolver resolver(const std::string& path) {
        return Resolver(Fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY)), GetParam());
    }
};

ino_t inode_of(int fd) {
    struct stat info {};
    EXPECT_EQ(::fstat(fd, &info), 0);
    return info.st_ino;
}

ino_t inode_of(const std::string& path) {
    struct stat info {};
    EXPECT_EQ(::stat(path.c_str(), &info), 0);
    return info.st_ino;
}

TEST_P(ResolverMethod, FindsDirectoriesBeneath) {
    TempDir dir;
    std::filesystem::create_directories(dir / "a/b/c");
    const auto r = resolver(dir.path());
    EXPECT_EQ(inode_of(r.directory("").value().get()), inode_of(dir.path()));
    EXPECT_EQ(inode_of(r.directory("a").value().get()), inode_of(dir / "a"));
    EXPECT_EQ(inode_of(r.directory("a/b/c").value().get()), inode_of(dir / "a/b/c"));
}

TEST_P(ResolverMethod, WhatIsNotThereIsNotFound) {
    TempDir dir;
    EXPECT_EQ(resolver(dir.path()).directory("a/b").error().kind(), ErrorKind::NotFound);
}

TEST_P(ResolverMethod, LinksAndFilesInTheWayAreDenied) {
    TempDir dir;
    TempDir outside;
    std::filesystem::create_directories(dir / "real/below");
    std::filesystem::create_directories(outside / "below");
    write_file(dir / "file", "");
    std::filesystem::create_symlink(outside.path(), dir / "out");
    std::filesystem::create_symlink("real", dir / "in");
    std::filesystem::create_symlink("in", dir / "real/loop");
    const auto r = resolver(dir.path());
    for (const char* path : {"out", "out/below", "in", "in/below", "real/loop", "file", "file/x"})
        EXPECT_EQ(r.directory(path).error().kind(), ErrorKind::Denied) << path;
}

TEST_P(ResolverMethod, PathsBeyondPathMaxWork) {
    TempDir dir;
    const std::string name(200, 'n');
    Fd at(::open(dir.path().c_str(), O_RDONLY | O_DIRECTORY));
    std::string path;
    for (int i = 0; i < 60; ++i) {
        ASSERT_EQ(::mkdirat(at.get(), name.c_str(), 0700), 0);
        at = Fd(::openat(at.get(), name.c_str(), O_RDONLY | O_DIRECTORY));
        path += (i == 0 ? "" : "/") + name;
    }
    const auto found = resolver(dir.path()).directory(path);
    ASSERT_TRUE(found);
    EXPECT_EQ(inode_of(found->get()), inode_of(at.get()));
}

INSTANTIATE_TEST_SUITE_P(All, ResolverMethod,
                         testing::Values(Resolver::Method::Openat2, Resolver::Method::Components),
                         [](const auto& parameter) {
                             return parameter.param == Resolver::Method::Openat2 ? "Openat2"
                                                                                 : "Components";
                         });

TEST(Resolver, MakesAMissingTargetAndItsParentsForTheOwnerAlone) {
    TempDir dir;
    ASSERT_TRUE(Resolver::open(dir / "a/b/c/"));
    struct stat info {};
    ASSERT_EQ(::stat((dir / "a/b/c").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777, 0700u);
}

TEST(Resolver, ATargetThatIsAFileIsRefused) {
    TempDir dir;
    write_file(dir / "f", "");
    EXPECT_FALSE(Resolver::open(dir / "f"));
    EXPECT_FALSE(Resolver::open(dir / "f/x"));
    EXPECT_EQ(Resolver::open("").error().kind(), ErrorKind::InvalidInput);
}

TEST(Resolver, NamesAndParentsOfPaths) {
    EXPECT_EQ(parent_of("a"), "");
    EXPECT_EQ(name_of("a"), "a");
    EXPECT_EQ(parent_of("a/b/c"), "a/b");
    EXPECT_EQ(name_of("a/b/c"), "c");
}

}  // namespace
}  // namespace perdure
