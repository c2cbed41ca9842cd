// Files that change while they are read: what was read is stored, nothing that never was, and an
// issue says so. The files are real; the change happens at the moment a worker first reads them.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>

#include "source/files/files.h"
#include "support/small_repository.h"
#include "support/temp_dir.h"

namespace perdure {
namespace {

namespace fs = std::filesystem;
using Change = std::function<void()>;

/// Runs `change` before the first read.
class ChangingFile final : public OpenFile {
public:
    ChangingFile(std::unique_ptr<OpenFile> inner, Change change)
        : inner_(std::move(inner)), change_(std::move(change)) {}
    void read_ahead(std::uint64_t bytes) override { inner_->read_ahead(bytes); }
    Result<std::size_t> read(std::uint64_t offset, MutableByteView out) override {
        if (change_) std::exchange(change_, {})();
        return inner_->read(offset, out);
    }
    Result<std::vector<DataExtent>> data_extents() override { return inner_->data_extents(); }
    bool may_be_sparse() const override { return inner_->may_be_sparse(); }
    std::uint64_t size() const override { return inner_->size(); }
    Result<bool> changed_since_open() override { return inner_->changed_since_open(); }

private:
    std::unique_ptr<OpenFile> inner_;
    Change change_;
};

class ChangingSource final : public FileSource {
public:
    ChangingSource(std::unique_ptr<FileSource> inner, Change change)
        : inner_(std::move(inner)), change_(std::move(change)) {}
    std::unique_ptr<FileWalk> walk() override { return inner_->walk(); }
    std::variant<std::unique_ptr<OpenFile>, Issue> open(WalkedEntry& walked) override {
        auto opened = inner_->open(walked);
        if (auto* file = std::get_if<std::unique_ptr<OpenFile>>(&opened))
            *file = std::make_unique<ChangingFile>(std::move(*file), change_);
        return opened;
    }
    std::vector<Issue> read_details(WalkedEntry& walked, const OpenFile*) override {
        return inner_->read_details(walked, nullptr);
    }

private:
    std::unique_ptr<FileSource> inner_;
    Change change_;
};

class ChangingFiles : public ::testing::Test {
protected:
    /// The stored content of a file of `before` to which `change` happens as it is read.
    std::string stored(const std::string& before, const Change& change) {
        std::ofstream(file_, std::ios::binary | std::ios::trunc) << before;
        const auto repository = std::move(*small_.open(SmallRepository::kPassword));
        std::vector<BackupRoot> roots;
        roots.push_back({"/tree",
                         std::make_unique<ChangingSource>(
                             std::move(*open_files(file_.parent_path(), {})), change),
                         EndKind::Files});
        Reporter reporter;
        const LocalCache no_cache;
        BackupOptions options;
        options.host = "a";
        auto done =
            run_backup(*repository, small_.one, no_cache, std::move(roots), options, reporter, {});
        EXPECT_TRUE(done);
        EXPECT_EQ(done->outcome, Outcome::Partial);
        EXPECT_EQ(done->issues.size(), 1U);
        EXPECT_EQ(done->issues.at(0).kind, IssueKind::Changed);
        EXPECT_EQ(done->issues.at(0).path, "file");
        const auto point = repository->load_point(done->point->session(), {});
        const auto reader = PointReader::open(*repository, *point, 16U << 20, {});
        const auto entry = (*reader)->find({&(*reader)->body().roots[0], "file"});
        EXPECT_TRUE(entry);
        std::string content;
        EXPECT_TRUE((*reader)->read(entry->recipe, false,
                                    [&](std::uint64_t, ByteView part) -> Result<void> {
                                        content += as_text(part);
                                        return {};
                                    },
                                    {}));
        EXPECT_EQ(entry->entry.size, content.size());
        EXPECT_EQ(small_.check(*repository).outcome, Outcome::Success);
        return content;
    }

    TempDir dir_{TempDir::memory()};
    const fs::path file_ = dir_ / "file";
    SmallRepository small_;
};

TEST_F(ChangingFiles, OneThatGrowsIsStoredAsFarAsItWasRead) {
    const std::string before = noise(1, 100'000);
    const std::string content = stored(
        before, [&] { std::ofstream(file_, std::ios::app | std::ios::binary) << "appended"; });
    EXPECT_EQ(content.substr(0, before.size()), before);
    EXPECT_TRUE(content.size() == before.size() || content == before + "appended");
}

TEST_F(ChangingFiles, OneThatShrinksIsStoredWithoutAnythingInItsPlace) {
    const std::string before = noise(1, 100'000);
    EXPECT_EQ(stored(before, [&] { fs::resize_file(file_, 40'000); }), before.substr(0, 40'000));
    EXPECT_EQ(stored(before, [&] { fs::resize_file(file_, 0); }), "");
}

TEST_F(ChangingFiles, OneThatIsWrittenToIsStoredAsItWasRead) {
    const std::string before = noise(1, 100'000);
    const std::string content = stored(before, [&] {
        std::fstream(file_, std::ios::in | std::ios::out | std::ios::binary) << "overwritten";
    });
    EXPECT_EQ(content, "overwritten" + before.substr(11));
}

}  // namespace
}  // namespace perdure
