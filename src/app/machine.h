// What this machine keeps for a repository, outside it: its identity as a writer, and the cache.
#pragma once

#include <optional>
#include <string>

#include "repo/enrolment.h"
#include "repo/local_cache.h"
#include "repo/repository.h"

namespace perdure {

/// The host's name as points carry it.
std::string host_name();

/// `explicit_directory`, or $PERDURE_CACHE_DIR, $XDG_CACHE_HOME/perdure, ~/.cache/perdure.
std::string cache_directory(const std::string& explicit_directory);

/// What this machine keeps for good: $PERDURE_CONFIG_DIR, $XDG_CONFIG_HOME/perdure or
/// ~/.config/perdure.
std::string config_directory();

/// Reads a writer's key file. Denied if others than its owner may read it.
Result<WriterIdentity> read_writer_key(const std::string& path);
/// Writes one, 0600, never over an existing file; whole or not at all, durable on return.
Result<void> write_writer_key(const std::string& path, const WriterIdentity&);

/// What an identity is for.
struct IdentityPlace {
    RepositoryId repository;
    Role role = Role::Writer;  // or Maintainer, who copies, repairs and collects
    WriterNumber first{1};     // of its enrolments: replicas of a repository have its id
};

/// This machine's identity: $XDG_CONFIG_HOME/perdure/writers/<repository>.key (or ~/.config, or
/// PERDURE_CONFIG_DIR); others have names that say what they are for.
std::string identity_path(const IdentityPlace&);
/// Nothing if there is none that is whole. It may be revoked by now.
Result<std::optional<WriterIdentity>> find_identity(const IdentityPlace&);
/// Nothing also if it was revoked.
Result<std::optional<WriterIdentity>> load_identity(const Repository&, Role, std::stop_token);
/// Keeps one that was just made, in place of any before.
Result<void> keep_identity(const IdentityPlace&, const WriterIdentity&);
/// Enrols this machine and keeps its identity. Owner only.
Result<WriterIdentity> enrol_this_machine(Repository&, const std::string& host, Role,
                                          std::stop_token);

/// This machine's identity as a maintainer, which repacks for the owner; it is enrolled if it has
/// none. Owner only.
Result<WriterIdentity> maintainer_of_this_machine(Repository&, const std::string& host,
                                                  std::stop_token);

}  // namespace perdure
