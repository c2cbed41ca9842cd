// A cache on the local disk: hints to be fast with, never needed and never trusted.
//
// Every file is sealed under a key that this machine's identity (or the owner's seed) gives, under
// its own name, and written whole through a rename. So a file that was deleted, truncated, damaged,
// swapped, left by an older program or made by someone else is simply not there; and a thief of the
// disk reads nothing without that identity. No method fails a run: what cannot be read is absent,
// what cannot be written is not cached.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/secret.h"
#include "repo/ids.h"

namespace perdure {

class LocalCache {
public:
    /// A cache that holds nothing.
    LocalCache() = default;
    /// Beneath `directory`/<repository id>; made on the first write. A directory that belongs to
    /// another user is not used (problem() says so).
    LocalCache(const std::string& directory, const RepositoryId&, const Key256& key);

    std::optional<Buffer> load(std::string_view name) const;
    void save(std::string_view name, ByteView content) const;
    void remove(std::string_view name) const;

    /// Why nothing is cached, "" if all is well.
    const std::string& problem() const { return problem_; }
    const std::string& directory() const { return directory_; }

private:
    std::string path_of(std::string_view name) const {
        return directory_ + "/" + std::string(name);
    }

    std::string directory_;  // "" if off
    std::string problem_;
    RepositoryId repository_;
    Key256 key_;
};

}  // namespace perdure
