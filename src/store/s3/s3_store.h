// A repository's objects in a bucket: object a/b/c is the key PREFIX a/b/c.
//
// create() is one PUT with If-None-Match: *, so G2 holds between hosts wherever the server knows
// that condition; one that ignores it is found out by every session's second creation of its own
// log entry, and by the probe. A 412 says that the name is taken, perhaps by an earlier attempt of
// this very call: whoever must know compares bytes (G5). Nothing is retried here.
//
// The body's CRC32C goes with each object, and the server checks it: it costs neither side
// anything, where a SHA-256 took a third of the time of a server on the same machine.
// A lock goes with the request that creates the object: there is no moment at which it lies there
// without.
#pragma once

#include <memory>
#include <set>
#include <string>

#include "store/s3/s3_bucket.h"
#include "store/store.h"

namespace perdure {

/// How objects are stored; "" leaves it to the bucket.
struct S3Storage {
    std::string data_class;   // x-amz-storage-class of data packs
    std::string other_class;  // of everything else: one that is readable at once
    std::string encryption;   // x-amz-server-side-encryption
    std::string kms_key;
    std::string acl;
    std::uint32_t connections = 8;
};

class S3Store final : public Store, private ObjectVersions, private ObjectLocks {
public:
    S3Store(std::unique_ptr<S3Bucket> bucket, S3Storage storage);

    StoreProperties properties() const override;
    Result<void> create(const ObjectName& name, ByteView bytes, std::stop_token stop) override;
    Result<Buffer> load(const ObjectName& name, ByteRange range, std::stop_token stop) override;
    Result<ObjectStat> stat(const ObjectName& name, std::stop_token stop) override;
    Result<void> list(std::string_view prefix, const Store::ListFn& fn,
                      std::stop_token stop) override;
    Result<void> remove(const ObjectName& name, std::stop_token stop) override;
    Result<void> put_back(const ObjectName& name, ByteView bytes, std::stop_token stop) override;
    ObjectVersions* versions() override { return bucket_->has_shown_versions() ? this : nullptr; }
    ObjectLocks* locks() override { return this; }
    /// Falls back to nothing itself, but finds out whether versions are kept: not every server says
    /// so of a name that was deleted.
    Result<bool> fall_back_to_first(const ObjectName& name, std::stop_token stop) override;
    std::optional<StoreTraffic> traffic() const override { return bucket_->traffic(); }

private:
    Result<void> list(std::string_view prefix, const ObjectVersions::ListFn& fn,
                      std::stop_token stop) override;
    Result<Buffer> load(const ObjectName& name, const std::string& version, ByteRange range,
                        std::stop_token stop) override;
    Result<bool> can_lock(std::stop_token stop) override;
    void lock_new(Rule rule) override { lock_rule_ = std::move(rule); }
    Result<std::int64_t> now_ns(std::stop_token stop) override;
    Result<void> extend_lock(const ObjectName& name, const std::string& version,
                             const ObjectLock& lock, std::stop_token stop) override;
    Result<std::optional<ObjectLock>> lock_of(const ObjectName& name, const std::string& version,
                                              std::stop_token stop) override;
    Result<bool> add_lock(const ObjectName& name, S3Request& put, std::stop_token stop);
    Result<Buffer> get(S3Request get, const ObjectName& name, ByteRange range,
                       std::stop_token stop);

    Result<void> put(const ObjectName& name, ByteView bytes, bool only_if_absent,
                     std::stop_token stop);
    Result<HttpResponse> ask(S3Request request, std::string_view action, std::stop_token stop);
    Error too_short(const std::string& key) const;
    Error no_listing(const std::string& prefix) const;
    bool is_missing(const std::string& key, std::stop_token stop);
    Result<void> goes_on(const std::string& prefix, const std::string& next,
                         std::set<std::string>& seen) const;
    Result<ObjectStat> stat_with_reason(const ObjectName& name, std::stop_token stop);

    const std::unique_ptr<S3Bucket> bucket_;
    const S3Storage storage_;
    Rule lock_rule_;
};

}  // namespace perdure
