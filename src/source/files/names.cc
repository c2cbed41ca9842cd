#include "source/files/names.h"

#include <dirent.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>

namespace perdure {

namespace {

std::uint64_t prefix_of(std::string_view name) {
    std::uint64_t prefix = 0;
    std::memcpy(&prefix, name.data(), std::min<std::size_t>(name.size(), sizeof prefix));
    return std::endian::native == std::endian::little ? __builtin_bswap64(prefix) : prefix;
}

}  // namespace

void DirectoryNames::clear() {
    text_.clear();
    names_.clear();
}

void DirectoryNames::add(std::string_view name, bool directory) {
    const std::uint64_t offset = text_.size();
    text_.insert(text_.end(), name.begin(), name.end());
    text_.push_back('\0');
    names_.push_back(
        {prefix_of(name), offset & 0xffffffffffff, name.size() & 0x7fff, directory ? 1U : 0U});
}

int DirectoryNames::read(int fd, std::vector<char>& buffer) {
    int failed = 0;
    for (;;) {
        const long bytes = ::syscall(SYS_getdents64, fd, buffer.data(), buffer.size());
        if (bytes < 0 && errno == EINTR) continue;
        if (bytes < 0) failed = errno;
        if (bytes <= 0) break;
        for (long at = 0; at < bytes;) {
            const auto* found = reinterpret_cast<const dirent64*>(buffer.data() + at);
            const std::string_view name = found->d_name;
            if (name != "." && name != "..") add(name, found->d_type == DT_DIR);
            at += found->d_reclen;
        }
    }
    sort();
    return failed;
}

void DirectoryNames::sort() {
    const auto text = [this](const Name& name) {
        return std::string_view(text_.data() + name.offset, name.length);
    };
    std::sort(names_.begin(), names_.end(), [&](const Name& a, const Name& b) {
        return a.prefix != b.prefix ? a.prefix < b.prefix : text(a) < text(b);
    });
    const auto doubles = std::unique(
        names_.begin(), names_.end(),
        [&](const Name& a, const Name& b) { return a.prefix == b.prefix && text(a) == text(b); });
    names_.erase(doubles, names_.end());
}

}  // namespace perdure
