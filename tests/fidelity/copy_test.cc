// The fidelity corpus, copied by source and target on every filesystem there is, and compared by
// tools that are not ours. Needs root, loop devices, and the packages of scripts/setup.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "fidelity/copy_tree.h"
#include "support/as_user.h"
#include "support/files.h"
#include "support/temp_dir.h"

namespace perdure {
namespace {

struct Output {
    int status = -1;
    std::string text;
};

// Runs a shell command; its output is shown when a test that asks for it fails.
Output run(const std::string& command) {
    Output output;
    FILE* pipe = ::popen(("{ " + command + "; } 2>&1").c_str(), "re");
    if (pipe == nullptr) return output;
    char buffer[4096];
    while (const auto got = std::fread(buffer, 1, sizeof buffer, pipe))
        output.text.append(buffer, got);
    const int status = ::pclose(pipe);
    output.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return output;
}

std::string tool(const std::string& name) { return PERDURE_FIDELITY_DIR "/" + name; }

Output compare(const std::string& a, const std::string& b) {
    return run(tool("compare.sh") + " " + a + " " + b);
}

// A filesystem of its own on a loop device, or in memory.
class Filesystem {
public:
    explicit Filesystem(const std::string& type) : at_(dir_ / "mount") {
        std::filesystem::create_directory(at_);
        const std::string image = dir_ / "image";
        const std::string make = type == "xfs" || type == "btrfs" ? "mkfs." + type + " -q -f "
                                                                  : "mkfs." + type + " -q -F ";
        const std::string mount = type == "tmpfs"
                                      ? "mount -t tmpfs -o size=2g tmpfs " + at_
                                      : "truncate -s 3G " + image + " && " + make + image +
                                            " && mount -o loop " + image + " " + at_;
        output_ = run(mount);
    }
    ~Filesystem() {
        if (mounted()) run("umount " + at_);
    }
    bool mounted() const { return output_.status == 0; }
    const std::string& why() const { return output_.text; }
    std::string operator/(const std::string& name) const { return at_ + "/" + name; }

private:
    // In memory if there is one: finish() waits for the disk, and for everybody else's writes to
    // it.
    TempDir dir_{TempDir::memory()};
    std::string at_;
    Output output_;
};

class Fidelity : public testing::TestWithParam<std::string> {
protected:
    void SetUp() override {
        if (::geteuid() != 0) GTEST_SKIP() << "needs root";
        fs_.emplace(GetParam());
        if (!fs_->mounted()) GTEST_SKIP() << fs_->why();
        const auto made = run(tool("make_corpus.py") + " " + *fs_ / "a");
        ASSERT_EQ(made.status, 0) << made.text;
        std::printf("%s", made.text.c_str());
    }

    void copy_and_compare(Overwrite overwrite) {
        DirectoryTargetOptions options;
        options.overwrite = overwrite;
        const auto report = copy_tree(*fs_ / "a", *fs_ / "b", options);
        ASSERT_TRUE(report) << report.error().describe();
        for (const auto& issue : report->issues) ADD_FAILURE() << issue;
        const auto compared = compare(*fs_ / "a", *fs_ / "b");
        EXPECT_EQ(compared.status, 0) << compared.text;
    }

    std::optional<Filesystem> fs_;
};

TEST_P(Fidelity, ACopyIsIdenticalAndSoIsOneOverIt) {
    copy_and_compare(Overwrite::Always);
    if (HasFailure()) return;
    copy_and_compare(Overwrite::IfChanged);
    copy_and_compare(Overwrite::Always);
}

INSTANTIATE_TEST_SUITE_P(Filesystems, Fidelity, testing::Values("ext4", "xfs", "btrfs", "tmpfs"),
                         [](const auto& parameter) { return parameter.param; });

// What compare.sh is worth: each of these, done to an identical copy, must be seen.
struct Change {
    const char* name;
    const char* command;
};
const Change kChanges[] = {
    {"a byte of content", "printf X | dd of=content_sizes/4096 bs=1 seek=100 conv=notrunc"},
    {"a byte of content, same time",
     "t=$(stat -c %y content_sizes/4096); printf X | dd of=content_sizes/4096 bs=1 seek=100 "
     "conv=notrunc; touch -d \"$t\" content_sizes/4096"},
    {"a byte of a huge file",
     "t=$(stat -c %y over_4_gib/file); printf X | dd of=over_4_gib/file bs=1 seek=100 "
     "conv=notrunc; "
     "touch -d \"$t\" over_4_gib/file"},
    {"a nanosecond of mtime", "touch -d @1000000000.000000002 content_sizes/one"},
    {"a directory's time", "touch hard_links/a"},
    {"a mode", "chmod 6710 modes/file-6711"},
    {"an owner", "chown 12 content_sizes/one"},
    {"a link's owner", "chown -h 12 symlinks/dot"},
    {"a link's target", "ln -sfn elsewhere symlinks/dot; touch -h -d @5 symlinks/dot"},
    {"a missing file", "rm content_sizes/empty"},
    {"another file", "touch content_sizes/new"},
    {"a hard link made a copy", "cp -p hard_links/second x; mv x hard_links/second"},
    {"a hole filled",
     "fallocate -z -o 0 -l 1M holes/start; cp --sparse=never -p holes/start x; mv x "
     "holes/start"},
    {"a user attribute", "setfattr -n user.text -v other xattr_user/file"},
    {"an empty attribute", "setfattr -x user.empty xattr_user/file"},
    {"a trusted attribute", "setfattr -n trusted.a -v other xattr_trusted/file"},
    {"an attribute of a link", "setfattr -h -x trusted.link symlink_xattr/link"},
    {"an ACL", "setfacl -m u:4242:rw acls/file"},
    {"a default ACL", "setfacl -k acls/dir"},
    {"a capability", "setcap cap_net_admin+ep capabilities/v2"},
    {"an inode flag", "chattr -d flag_nodump/file"},
    {"a device number", "rm devices/char; mknod devices/char c 1 6"},
    {"a file far below", "chmod 600 deep/deep_beyond_path_max/n*/n*/z"},
    {"content far below",
     "f=$(echo deep/deep_beyond_path_max/n*/n*/z); t=$(stat -c %y $f); printf x "
     "> $f; touch -d \"$t\" $f"},
};

TEST(Comparison, SeesEachDifference) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    Filesystem fs("ext4");
    if (!fs.mounted()) GTEST_SKIP() << fs.why();
    ASSERT_EQ(run(tool("make_corpus.py") + " --small " + fs / "a").status, 0);
    for (const auto& change : kChanges) {
        ASSERT_TRUE(copy_tree(fs / "a", fs / "b", {}));
        if (&change == kChanges) {
            const auto same = compare(fs / "a", fs / "b");
            ASSERT_EQ(same.status, 0) << same.text;
        }
        const auto done = run("cd " + fs / "b" + " && " + change.command);
        ASSERT_EQ(done.status, 0) << change.name << ": " << done.text;
        EXPECT_NE(compare(fs / "a", fs / "b").status, 0) << change.name << " was not seen";
        run(tool("make_corpus.py") + " --unprotect " + fs / "b" + "; rm -rf " + fs / "b");
    }
}

// True if an issue is about `path` or a directory that leads to it.
bool is_told(const std::string& issues, std::string path) {
    for (;;) {
        if (issues.find(": " + path + ": ") != std::string::npos) return true;
        const auto slash = path.rfind('/');
        if (slash == std::string::npos) return false;
        path.resize(slash);
    }
}

// What a user may not have is told; the rest is there, and nothing is left out without a word.
TEST(FidelityOfAUser, WhatIsLostIsAnIssue) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to make the corpus";
    Filesystem fs("ext4");
    if (!fs.mounted()) GTEST_SKIP() << fs.why();
    ASSERT_EQ(run(tool("make_corpus.py") + " --small " + fs / "a").status, 0);
    ASSERT_EQ(run("mkdir -m 777 " + fs / "u" + "; chmod 755 " + fs / "a" + " " + fs / "..").status,
              0);
    EXPECT_TRUE(succeeds_as_user([&] {
        const auto report = copy_tree(fs / "a", fs / "u/b", {});
        ASSERT_TRUE(report) << report.error().describe();
        std::ofstream out(fs / "u/issues");
        for (const auto& issue : report->issues) out << issue << "\n";
    }));
    const auto issues = read_file(fs / "u/issues");
    for (const char* expected :
         {"source: modes/file-0: opening it: Permission denied",
          "source: modes/dir-0: opening the directory: Permission denied",
          "target: devices/char: not restored without root: the device node",
          "target: capabilities/v2: not restored without root: security.capability",
          "setuid and setgid bits not restored", "owner not restored without root"})
        EXPECT_NE(issues.find(expected), std::string::npos) << expected << " is not in\n" << issues;

    const auto paths = [&](const std::string& root) {
        const auto found =
            run("cd " + fs / root + " && find . -path './deep/*' -prune -o -printf '%P\\n' | sort");
        std::set<std::string> lines;
        std::istringstream in(found.text);
        for (std::string line; std::getline(in, line);) lines.insert(line);
        return lines;
    };
    const auto copied = paths("u/b");
    EXPECT_GT(copied.size(), 300u);
    for (const auto& path : paths("a"))
        EXPECT_TRUE(copied.contains(path) || is_told(issues, path)) << path << " is just not there";
}

}  // namespace
}  // namespace perdure
