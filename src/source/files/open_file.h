// A regular file being read.
#pragma once

#include <sys/stat.h>

#include <memory>
#include <variant>

#include "base/fd.h"
#include "source/file_source.h"

namespace perdure {

class ReadFile final : public OpenFile {
public:
    ReadFile(Fd fd, const struct stat& info) : fd_(std::move(fd)), info_(info) {}

    void read_ahead(std::uint64_t bytes) override;
    Result<std::size_t> read(std::uint64_t offset, MutableByteView out) override;
    Result<std::vector<DataExtent>> data_extents() override;
    bool may_be_sparse() const override;
    std::uint64_t size() const override;
    Result<bool> changed_since_open() override;

    int fd() const { return fd_.get(); }

private:
    Result<std::vector<DataExtent>> seek_extents(std::uint64_t end);

    Fd fd_;
    struct stat info_;  // when opened
};

/// As FileSource::open.
std::variant<std::unique_ptr<OpenFile>, Issue> open_walked_file(WalkedEntry& walked);

/// True if one of the places read in what `extents` calls holes (up to 16 of them, their first and
/// last 4 KiB) holds data: the filesystem was wrong about its holes.
Result<bool> data_in_holes(OpenFile& file, const std::vector<DataExtent>& extents,
                           std::uint64_t size);

}  // namespace perdure
