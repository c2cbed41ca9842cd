#include "repo/local_cache.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <filesystem>

#include "base/fd.h"
#include "base/hex.h"
#include "base/random.h"
#include "crypto/aead.h"
#include "crypto/kdf.h"
#include "repo/record.h"

namespace perdure {

namespace {

// Magic, cipher, nonce, and the size of the whole file: one that was made longer is found out
// before memory is taken for it.
constexpr std::string_view kMagic = "PCH2";
constexpr std::size_t kNonceAt = 4 + 1;
constexpr std::size_t kSizeAt = kNonceAt + 12;
constexpr std::size_t kHeaderSize = kSizeAt + 8;
// A file being written, left by a process that died. Far longer ago than any write takes.
constexpr std::string_view kDraftSuffix = ".tmp";
constexpr auto kStaleAfter = std::chrono::hours(24);

struct CacheKeys {
    Key256 seal;
    Key256 nonce;
};

CacheKeys keys_of(const Key256& key, const RepositoryId& repository, std::string_view name) {
    const auto grow = [&](std::string_view purpose) {
        return derive_key(key, repository.view(),
                          Transcript("perdure cache v1").add(purpose).add(name).view());
    };
    return {grow("seal"), grow("nonce")};
}

bool read_exactly(int fd, MutableByteView out) {
    while (!out.empty()) {
        const ssize_t got = ::read(fd, out.data(), out.size());
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        out = out.subspan(static_cast<std::size_t>(got));
    }
    return true;
}

/// The whole file at `path` if it is one of ours, by its header.
std::optional<Buffer> read_file(const std::string& path) {
    // O_NONBLOCK: a FIFO at that name must not hang us.
    const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    struct stat status {};
    if (!fd || ::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
    Buffer file(kHeaderSize);
    if (!read_exactly(fd.get(), file) || as_text(ByteView(file).first(4)) != kMagic)
        return std::nullopt;
    const auto size = load_le<std::uint64_t>(file.data() + kSizeAt);
    if (size != static_cast<std::uint64_t>(status.st_size) || size < kHeaderSize + kTagSize)
        return std::nullopt;
    file.resize(size);
    if (!read_exactly(fd.get(), MutableByteView(file).subspan(kHeaderSize))) return std::nullopt;
    return file;
}

/// Removes drafts beside `fresh`, a file written a moment ago, that nobody writes any more.
void remove_stale_drafts(const std::filesystem::path& fresh) {
    std::error_code failed;
    const auto now = std::filesystem::last_write_time(fresh, failed);
    if (failed) return;
    for (auto at = std::filesystem::directory_iterator(fresh.parent_path(), failed);
         !failed && at != std::filesystem::directory_iterator(); at.increment(failed)) {
        std::error_code ignored;
        if (!at->path().native().ends_with(kDraftSuffix)) continue;
        const auto written = at->last_write_time(ignored);
        if (!ignored && written < now - kStaleAfter) std::filesystem::remove(at->path(), ignored);
    }
}

bool write_all(int fd, ByteView bytes) {
    while (!bytes.empty()) {
        const ssize_t put = ::write(fd, bytes.data(), bytes.size());
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) return false;
        bytes = bytes.subspan(static_cast<std::size_t>(put));
    }
    return true;
}

}  // namespace

LocalCache::LocalCache(const std::string& directory, const RepositoryId& repository,
                       const Key256& key)
    : repository_(repository), key_(key) {
    const std::string mine = directory + "/" + repository.hex();
    struct stat status {};
    for (const std::string& path : {directory, mine}) {
        if (::lstat(path.c_str(), &status) != 0) continue;
        if (!S_ISDIR(status.st_mode) || status.st_uid != ::geteuid()) {
            problem_ =
                "the cache " + path + " is not a directory of this user; running without a cache";
            return;
        }
    }
    directory_ = mine;
}

std::optional<Buffer> LocalCache::load(std::string_view name) const {
    if (directory_.empty()) return std::nullopt;
    const auto read = read_file(path_of(name));
    if (!read) return std::nullopt;
    const Buffer& file = *read;
    const auto cipher = static_cast<Cipher>(file[4]);
    if (cipher != Cipher::Aes256Gcm && cipher != Cipher::ChaCha20Poly1305) return std::nullopt;
    Nonce nonce;
    std::memcpy(nonce.data(), file.data() + kNonceAt, nonce.size());
    const ByteView sealed = ByteView(file).subspan(kHeaderSize);
    Buffer content(sealed.size() - kTagSize);
    Aead aead(cipher, keys_of(key_, repository_, name).seal);
    if (!aead.open(nonce, as_bytes(name), sealed, content)) return std::nullopt;
    return content;
}

void LocalCache::save(std::string_view name, ByteView content) const {
    if (directory_.empty()) return;
    const CacheKeys keys = keys_of(key_, repository_, name);
    const Cipher cipher = preferred_cipher();
    const Nonce nonce = synthetic_nonce(keys.nonce, as_bytes(name), content);
    Buffer file(kHeaderSize + content.size() + kTagSize);
    std::memcpy(file.data(), kMagic.data(), 4);
    file[4] = static_cast<std::byte>(cipher);
    std::memcpy(file.data() + kNonceAt, nonce.data(), nonce.size());
    store_le<std::uint64_t>(file.data() + kSizeAt, file.size());
    Aead(cipher, keys.seal)
        .seal(nonce, as_bytes(name), content, MutableByteView(file).subspan(kHeaderSize));

    std::array<std::byte, 8> random;
    system_random().fill(random);
    const std::string path = path_of(name);
    const std::string temporary = path + "." + to_hex(ByteView(random)) + std::string(kDraftSuffix);
    std::error_code ignored;
    const auto parent = std::filesystem::path(path).parent_path();
    if (!std::filesystem::exists(parent, ignored)) {
        std::filesystem::create_directories(parent, ignored);
        ::chmod(directory_.c_str(), 0700);
    }
    Fd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    const bool written = fd && write_all(fd.get(), file);
    fd.reset();
    if (written) remove_stale_drafts(temporary);
    if (!written || ::rename(temporary.c_str(), path.c_str()) != 0) ::unlink(temporary.c_str());
}

void LocalCache::remove(std::string_view name) const {
    if (!directory_.empty()) ::unlink(path_of(name).c_str());
}

}  // namespace perdure
