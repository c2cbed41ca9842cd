// A repository's objects as files below one directory: object a/b/c is the file a/b/c.
//
// How objects appear is publisher.h. Beside them lie `tmp/` (drafts) and `reserve`; these, and
// every name with a part that begins with '.', can not be objects here (NFS calls removed files
// ".nfs…", filers show ".snapshot"), and what else people put below the root is left out of
// listings and left alone. An object cannot be named like a directory that holds others: "a" and
// "a/b" exclude each other. No symbolic link below the root is followed.
//
// The reserve is a file of real blocks that exists to be given up. When the disk is full, an object
// of at most kSmallObject bytes (points, log entries, end records: what ends a session in order,
// and what a collector must write before it may delete) takes its space; a larger one is refused,
// and stays refused until there is space for the reserve too. Listing, loading and removing need no
// space.
//
// Opening changes nothing on disk, so a repository can be read on a read-only file system.
#pragma once

#include "base/random.h"
#include "store/local/disk.h"
#include "store/local/publisher.h"
#include "store/store.h"

namespace perdure {

struct LocalOptions {
    std::uint64_t reserve_bytes = 4u << 20;  // 16 small objects; 0: none
    Random* random = &system_random();       // for names of drafts and the reserve's content
};

class LocalStore final : public Store {
public:
    static constexpr std::size_t kSmallObject = 256u << 10;

    /// NotFound if `path` is not a directory. Whether it holds a repository is for the caller to
    /// find.
    static Result<std::unique_ptr<LocalStore>> open(const std::string& path);

    /// Makes the directory, where missing, and the reserve. Whether it may hold something already
    /// is for the caller to say. Unsupported if the file system cannot create without replacing.
    static Result<std::unique_ptr<LocalStore>> initialize(const std::string& path);

    /// The same on any disk. It is shared because tests go on with a disk after its store.
    static Result<std::unique_ptr<LocalStore>> open_on(std::shared_ptr<Disk> disk,
                                                       std::string description,
                                                       LocalOptions options = {});
    static Result<std::unique_ptr<LocalStore>> initialize_on(std::shared_ptr<Disk> disk,
                                                             std::string description,
                                                             LocalOptions options = {});

    /// conditional_create is true until this file system turned out to have no call for it;
    /// create() then answers Unsupported.
    StoreProperties properties() const override;
    /// Also InvalidInput for a name that cannot be an object here, and Unsupported.
    Result<void> create(const ObjectName& name, ByteView bytes, std::stop_token stop) override;
    Result<Buffer> load(const ObjectName& name, ByteRange range, std::stop_token stop) override;
    Result<ObjectStat> stat(const ObjectName& name, std::stop_token stop) override;
    Result<void> list(std::string_view prefix, const ListFn& fn, std::stop_token stop) override;
    /// Not synced: after a crash the object may be back.
    Result<void> remove(const ObjectName& name, std::stop_token stop) override;
    /// In one step where the disk can: the name is never free in between.
    Result<void> put_back(const ObjectName& name, ByteView bytes, std::stop_token stop) override;

private:
    struct Listing;

    LocalStore(std::shared_ptr<Disk> disk, std::string description, LocalOptions options)
        : disk_(std::move(disk)),
          description_(std::move(description)),
          reserve_bytes_(options.reserve_bytes),
          publisher_(*disk_, *options.random) {}

    Result<void> create_large(const ObjectName& name, ByteView bytes);
    Result<void> create_small(const ObjectName& name, ByteView bytes);
    Buffer reserve_content();
    Result<void> ensure_reserve();
    void release_reserve();
    Result<bool> list_directory(const std::string& directory, const Listing& listing);

    const std::shared_ptr<Disk> disk_;
    const std::string description_;
    const std::uint64_t reserve_bytes_;
    Publisher publisher_;
};

}  // namespace perdure
