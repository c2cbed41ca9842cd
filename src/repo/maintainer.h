// Who acts for the owner: the owner, by the password, or an enrolled maintainer. What both may sign
// is lists, barriers, verdicts, fences and fates; neither reads content for it.
#pragma once

#include <optional>

#include "repo/repository.h"

namespace perdure {

class Maintainer {
public:
    /// Denied without the owner's keys or a maintainer's identity; Unsupported if the newest epoch
    /// asks collectors for a feature this program does not know.
    static Result<Maintainer> from(const Repository&, const WriterIdentity*);

    /// Signed, and sealed under the index key in use.
    Buffer seal(ObjectType, const ObjectName&, ByteView body) const;
    DomainName domain() const { return domain_.name; }
    const Repository& repository() const { return *repository_; }

private:
    Maintainer(const Repository& repository, Signer signer, SigningKey key, DomainKeys domain)
        : repository_(&repository),
          signer_(signer),
          key_(std::move(key)),
          domain_(std::move(domain)) {}

    const Repository* repository_;
    Signer signer_;
    SigningKey key_;
    DomainKeys domain_;
};

}  // namespace perdure
