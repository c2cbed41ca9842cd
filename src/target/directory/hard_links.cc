#include "target/directory/hard_links.h"

#include <utility>

namespace perdure {

HardLinks::Claim HardLinks::claim(const Entry& entry) {
    return inodes_.with([&](auto& inodes) -> Claim {
        const auto [at, is_new] = inodes.try_emplace(key_of(entry));
        if (is_new) return First{};
        if (at->second.ready) return at->second.made;
        at->second.waiting.push_back(entry.path);
        return Waiting{};
    });
}

std::vector<std::string> HardLinks::made(const Entry& entry, std::uint64_t device,
                                         std::uint64_t inode) {
    return inodes_.with([&](auto& inodes) {
        Inode& known = inodes[key_of(entry)];
        known.ready = true;
        known.made = {entry.path, device, inode};
        return std::exchange(known.waiting, {});
    });
}

std::vector<std::string> HardLinks::failed(const Entry& entry) {
    return inodes_.with([&](auto& inodes) {
        auto node = inodes.extract(key_of(entry));
        return node.empty() ? std::vector<std::string>() : std::move(node.mapped().waiting);
    });
}

void HardLinks::restart(const Entry& entry) {
    inodes_.with([&](auto& inodes) { inodes[key_of(entry)].ready = false; });
}

}  // namespace perdure
