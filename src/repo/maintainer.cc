#include "repo/maintainer.h"

#include "base/try.h"
#include "repo/record.h"

namespace perdure {

Result<Maintainer> Maintainer::from(const Repository& repository, const WriterIdentity* identity) {
    PERDURE_TRY(repository.may_write());
    if (const auto unknown = unknown_feature(repository.epoch().features.collect))
        return Error(ErrorKind::Unsupported,
                     "the repository uses the feature \"" + *unknown +
                         "\", which this program does not know; it may delete nothing here")
            .with_hint("use a newer perdure");
    const DomainKeys domain = PERDURE_TRY(repository.domain_keys());
    const EpochNumber epoch = repository.epoch().number;
    if (repository.is_owner()) {
        const OwnerKeys& owner = repository.keyring().owner();
        return Maintainer(repository, {Role::Owner, WriterNumber{0}, epoch}, owner.signing, domain);
    }
    if (identity == nullptr || identity->role != Role::Maintainer)
        return Error(ErrorKind::Denied, "this takes the owner's keys, or a maintainer's")
            .with_hint("give the repository's password or its recovery key");
    return Maintainer(repository, {Role::Maintainer, identity->enrolment, epoch},
                      SigningKey(identity->signing_seed), domain);
}

Buffer Maintainer::seal(ObjectType type, const ObjectName& name, ByteView body) const {
    return seal_record(
        {repository_->id(), type, name.text()}, body, {signer_, &key_, nullptr},
        {Sealing::IndexKey, domain_.index_key, domain_.name.domain, domain_.name.generation});
}

}  // namespace perdure
