// A Disk that passes everything on: to be derived from by those that misbehave in one call.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "store/local/disk.h"

namespace perdure {

class DiskWrapper : public Disk {
public:
    explicit DiskWrapper(std::shared_ptr<Disk> inner) : inner_(std::move(inner)) {}

    Result<std::unique_ptr<DiskFile>> create_unnamed(const std::string& directory) override {
        return inner_->create_unnamed(directory);
    }
    Result<std::unique_ptr<DiskFile>> create_named(const std::string& path) override {
        return inner_->create_named(path);
    }
    Result<void> write(DiskFile& file, ByteView bytes) override {
        return inner_->write(file, bytes);
    }
    Result<void> sync(DiskFile& file) override { return inner_->sync(file); }
    Result<FileStatus> status(const DiskFile& file) override { return inner_->status(file); }
    Result<void> link_unnamed(DiskFile& file, const std::string& path) override {
        return inner_->link_unnamed(file, path);
    }
    Result<void> link(const std::string& from, const std::string& to) override {
        return inner_->link(from, to);
    }
    Result<void> rename_new(const std::string& from, const std::string& to) override {
        return inner_->rename_new(from, to);
    }
    Result<void> unlink(const std::string& path) override { return inner_->unlink(path); }
    Result<void> make_directory(const std::string& path) override {
        return inner_->make_directory(path);
    }
    Result<void> sync_directory(const std::string& path) override {
        return inner_->sync_directory(path);
    }
    Result<Buffer> read(const std::string& path, std::uint64_t offset,
                        std::uint64_t length) override {
        return inner_->read(path, offset, length);
    }
    Result<FileStatus> stat(const std::string& path) override { return inner_->stat(path); }
    Result<std::vector<DirectoryEntry>> list(const std::string& path) override {
        return inner_->list(path);
    }

protected:
    Disk& inner() { return *inner_; }

private:
    const std::shared_ptr<Disk> inner_;
};

}  // namespace perdure
