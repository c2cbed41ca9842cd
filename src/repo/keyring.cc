#include "repo/keyring.h"

#include "base/try.h"

namespace perdure {

Result<DomainKeys> Keyring::domain(DomainName name) const {
    for (const DomainKeys& keys : domains_)
        if (keys.name == name) return keys;
    return Error(ErrorKind::Denied, "no key at hand for dedup domain " +
                                        std::to_string(name.domain) + ", generation " +
                                        std::to_string(name.generation));
}

Result<Key256> Keyring::index_key(DomainName name) const {
    return PERDURE_TRY(domain(name)).index_key;
}

Result<SessionSecret> Keyring::open_secret(const RepositoryId& repository, SessionName session,
                                           ByteView box) const {
    if (owners_.empty())
        return Error(ErrorKind::Denied, "a writer's key cannot read backups, not even its own")
            .with_hint("give the repository's password or its recovery key");
    Result<SessionSecret> last = Error(ErrorKind::Internal, "no key was tried");
    for (const OwnerKeys& keys : owners_) {
        last = open_session_secret(keys.opening, repository, session, box);
        if (last) return last;
    }
    return last;
}

}  // namespace perdure
