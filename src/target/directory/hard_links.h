// Which names of this restore are names of the same inode.
//
// The first name to come is made; the others become links to it. Names that come while the first is
// still being written are kept and linked when it is committed, so nobody waits.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <variant>
#include <vector>

#include "base/entry.h"
#include "base/guarded.h"

namespace perdure {

/// Thread-safe.
class HardLinks {
public:
    struct First {};    // make it, then call made() or failed()
    struct Waiting {};  // will be handed out by made() or failed()
    struct Made {       // link to this, which is (device, inode) in the target
        std::string path;
        std::uint64_t device = 0;
        std::uint64_t inode = 0;
    };
    using Claim = std::variant<First, Waiting, Made>;

    /// True if `entry` may have other names: who has none needs no claim.
    static bool concerns(const Entry& entry) {
        return entry.links > 1 && entry.type != EntryType::Directory;
    }

    Claim claim(const Entry& entry);
    /// `entry`, which was First, is there. The names that waited.
    std::vector<std::string> made(const Entry& entry, std::uint64_t device, std::uint64_t inode);
    /// It could not be made: the names that waited, and the next one to come is First.
    std::vector<std::string> failed(const Entry& entry);
    /// The filesystem makes no (more) links to what was made: `entry` is First again.
    void restart(const Entry& entry);

private:
    // The type is part of the key: a hostile tree may give one inode to a link and a file.
    using Key = std::tuple<std::uint64_t, std::uint64_t, EntryType>;
    struct Inode {
        bool ready = false;
        Made made;
        std::vector<std::string> waiting;
    };
    static Key key_of(const Entry& entry) { return {entry.device, entry.inode, entry.type}; }

    Guarded<std::map<Key, Inode>> inodes_;
};

}  // namespace perdure
