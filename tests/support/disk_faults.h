// Disks that misbehave: as network file systems do, as failing hardware does, and as bugs that the
// crash harness must find would make them.
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <string>

#include "support/disk_wrapper.h"

namespace perdure {

/// The planted bug of kopia#5150 (F12): content is not synced.
class NoFileSyncDisk final : public DiskWrapper {
public:
    using DiskWrapper::DiskWrapper;
    Result<void> sync(DiskFile&) override { return {}; }
};

/// A planted bug: the directories for which `skip` is true are not synced.
class NoDirectorySyncDisk final : public DiskWrapper {
public:
    NoDirectorySyncDisk(std::shared_ptr<Disk> inner, std::function<bool(const std::string&)> skip)
        : DiskWrapper(std::move(inner)), skip_(std::move(skip)) {}
    Result<void> sync_directory(const std::string& path) override {
        if (skip_(path)) return {};
        return inner().sync_directory(path);
    }

private:
    const std::function<bool(const std::string&)> skip_;
};

/// Carries out a call that names a file, then answers `code` all the same: EEXIST as NFS does when
/// it repeats a call whose answer was lost, or any other error of a network file system.
class LostNamingDisk final : public DiskWrapper {
public:
    LostNamingDisk(std::shared_ptr<Disk> inner, int code)
        : DiskWrapper(std::move(inner)), code_(code) {}

    Result<void> link_unnamed(DiskFile& file, const std::string& path) override {
        return lose(inner().link_unnamed(file, path), path);
    }
    Result<void> link(const std::string& from, const std::string& to) override {
        return lose(inner().link(from, to), to);
    }
    Result<void> rename_new(const std::string& from, const std::string& to) override {
        return lose(inner().rename_new(from, to), to);
    }

private:
    Result<void> lose(Result<void> done, const std::string& path) const {
        if (!done) return done;
        return system_error(code_, "naming " + path);
    }
    const int code_;
};

/// A file system that has no unnamed files, and perhaps no links.
class LimitedDisk final : public DiskWrapper {
public:
    LimitedDisk(std::shared_ptr<Disk> inner, bool links)
        : DiskWrapper(std::move(inner)), links_(links) {}

    Result<std::unique_ptr<DiskFile>> create_unnamed(const std::string&) override {
        return Error(ErrorKind::Unsupported, "no unnamed files");
    }
    Result<void> link(const std::string& from, const std::string& to) override {
        if (!links_) return Error(ErrorKind::Unsupported, "no links");
        return inner().link(from, to);
    }

private:
    const bool links_;
};

/// Answers every DiskFile and path with the same inode number, as file systems that invent them
/// might.
class NoIdentityDisk final : public DiskWrapper {
public:
    using DiskWrapper::DiskWrapper;
    Result<FileStatus> status(const DiskFile& file) override { return hide(inner().status(file)); }
    Result<FileStatus> stat(const std::string& path) override { return hide(inner().stat(path)); }

private:
    static Result<FileStatus> hide(Result<FileStatus> status) {
        if (status) status->id = {};
        return status;
    }
};

/// Fails the n-th call (from 0) that changes or syncs something, once, before doing it.
class FailNthDisk : public DiskWrapper {
public:
    FailNthDisk(std::shared_ptr<Disk> inner, std::uint64_t n, int code)
        : DiskWrapper(std::move(inner)), left_(static_cast<std::int64_t>(n)), code_(code) {}

    /// Whether the n-th call came.
    bool failed() const { return left_ < 0; }

    Result<std::unique_ptr<DiskFile>> create_unnamed(const std::string& directory) override {
        if (auto error = turn()) return *error;
        return inner().create_unnamed(directory);
    }
    Result<std::unique_ptr<DiskFile>> create_named(const std::string& path) override {
        if (auto error = turn()) return *error;
        return inner().create_named(path);
    }
    Result<void> write(DiskFile& file, ByteView bytes) override {
        if (auto error = turn()) return *error;
        return inner().write(file, bytes);
    }
    Result<void> sync(DiskFile& file) override {
        if (auto error = turn()) return *error;
        return inner().sync(file);
    }
    Result<void> link_unnamed(DiskFile& file, const std::string& path) override {
        if (auto error = turn()) return *error;
        return inner().link_unnamed(file, path);
    }
    Result<void> link(const std::string& from, const std::string& to) override {
        if (auto error = turn()) return *error;
        return inner().link(from, to);
    }
    Result<void> rename_new(const std::string& from, const std::string& to) override {
        if (auto error = turn()) return *error;
        return inner().rename_new(from, to);
    }
    Result<void> unlink(const std::string& path) override {
        if (auto error = turn()) return *error;
        return inner().unlink(path);
    }
    Result<void> make_directory(const std::string& path) override {
        if (auto error = turn()) return *error;
        return inner().make_directory(path);
    }
    Result<void> sync_directory(const std::string& path) override {
        if (auto error = turn()) return *error;
        return inner().sync_directory(path);
    }

protected:
    std::optional<Error> turn() {
        if (left_-- != 0) return std::nullopt;
        return system_error(code_, "injected fault");
    }

private:
    std::atomic<std::int64_t> left_;
    const int code_;
};

/// The same, counting calls that only read as well.
class FailNthCallDisk final : public FailNthDisk {
public:
    using FailNthDisk::FailNthDisk;

    Result<FileStatus> status(const DiskFile& file) override {
        if (auto error = turn()) return *error;
        return inner().status(file);
    }
    Result<Buffer> read(const std::string& path, std::uint64_t offset,
                        std::uint64_t length) override {
        if (auto error = turn()) return *error;
        return inner().read(path, offset, length);
    }
    Result<FileStatus> stat(const std::string& path) override {
        if (auto error = turn()) return *error;
        return inner().stat(path);
    }
    Result<std::vector<DirectoryEntry>> list(const std::string& path) override {
        if (auto error = turn()) return *error;
        return inner().list(path);
    }
};

}  // namespace perdure
