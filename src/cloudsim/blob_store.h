// Bodies of objects: immutable bytes in files of a directory, or in memory where the state is.
//
// A blob is either named by the state or garbage: what a crash left unnamed is removed at the next
// start. One that is discarded while an answer still reads it goes when that answer is done.
// Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <set>
#include <string>

#include "base/bytes.h"
#include "base/result.h"

namespace perdure::cloudsim {

class Blob {
public:
    Blob(std::string name, std::string path, Buffer bytes, std::uint64_t size)
        : name_(std::move(name)), path_(std::move(path)), bytes_(std::move(bytes)), size_(size) {}
    ~Blob();
    Blob(const Blob&) = delete;
    Blob& operator=(const Blob&) = delete;

    const std::string& name() const { return name_; }
    std::uint64_t size() const { return size_; }
    /// Fills `out` from `offset`; Corrupt if the blob is shorter.
    Result<void> read(std::uint64_t offset, MutableByteView out) const;
    Result<Buffer> read_all() const;
    /// The file goes with the last user of this.
    void discard() const { discarded_ = true; }

private:
    const std::string name_;
    const std::string path_;  // "": in memory
    const Buffer bytes_;
    const std::uint64_t size_;
    mutable std::atomic<bool> discarded_{false};
};

using BlobPtr = std::shared_ptr<const Blob>;

class BlobStore {
public:
    /// `directory`: "" for memory. It is made if it is not there.
    explicit BlobStore(std::string directory) : directory_(std::move(directory)) {}

    Result<BlobPtr> put(Buffer bytes);
    /// One of an earlier run, of a directory.
    Result<BlobPtr> open(const std::string& name);
    void remove_all_but(const std::set<std::string>& names) const;

private:
    std::string path_of(const std::string& name) const { return directory_ + "/" + name; }

    const std::string directory_;
};

}  // namespace perdure::cloudsim
