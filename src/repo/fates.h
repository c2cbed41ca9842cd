// Fates: what was decided about a point after it was made (FORMAT.md, Fates): protected and no
// longer protected, other tags, expired. Reading them for a list of points is
// Repository::apply_fates().
//
// Invariants
//  - The fates of a point are a sequence. Whoever adds one has read all those below it and takes
//    the next number; who loses a race for it reads what won and decides anew. So of a protection
//    and an expiry at the same moment one is first, and the other sees it.
//  - Expired is final, and no expiry is added while a point is protected.
//  - A fate that is damaged may be a protection: until a later one protects the point or takes a
//    protection back, no expiry is added. One that cannot be read now stops whoever decides.
//  - What neither the owner nor a maintainer signed, or what is about another point, decides
//    nothing; it only takes its number.
#pragma once

#include <memory>
#include <stop_token>
#include <string>

#include "base/result.h"
#include "repo/repository.h"

namespace perdure {

/// Decides about points, as the owner or as a maintainer. Thread-safe.
class FateWriter {
public:
    /// Signs as the owner where the repository was opened by one, else as `identity`. Denied if
    /// that is no maintainer's; Unsupported or Corrupt where nothing may be written. The repository
    /// must outlive this.
    static Result<FateWriter> open(const Repository&, const WriterIdentity* identity);

    /// Adds a fate that is not an expiry; it is durable on return. Denied if the point has expired.
    Result<void> add(const Point&, Fate, std::stop_token) const;
    /// Expires the point, or a checkpoint, for ever (protocol::ExpireStep); durable on return.
    /// What it stands for after a repair expires with it.
    /// False if it had expired before. Denied if it is protected, also since a moment ago, or may
    /// be. Timeout: it may have happened.
    Result<bool> expire(const Point&, std::string reason, std::stop_token) const;

private:
    FateWriter(const Repository& repository, Signer signer, DomainKeys domain)
        : repository_(&repository), signer_(signer), domain_(std::move(domain)) {}

    /// By the fates below the next one.
    struct Known {
        Point point;
        std::uint32_t next = 1;
        std::uint32_t unread = 0;  // damaged, and may protect the point; 0: none
    };

    Buffer seal(const Fate&) const;
    Result<Fate> read(const Point&, std::uint32_t number, ByteView object, std::stop_token) const;
    static Result<void> learn(Known&, const Result<Fate>&);
    static Result<void> may_expire(const Known&);
    Result<bool> append(const Point&, Fate&, std::stop_token) const;
    Result<bool> expire_one(const Point&, const std::string& reason, std::stop_token) const;

    const Repository* repository_;
    Signer signer_;
    DomainKeys domain_;
    const SigningKey* key_ = nullptr;            // the owner's, or
    std::shared_ptr<const SigningKey> own_key_;  // a maintainer's; shared by copies of this
};

}  // namespace perdure
