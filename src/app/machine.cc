#include "app/machine.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "base/fd.h"
#include "base/hex.h"
#include "base/try.h"

namespace perdure {

namespace {

std::string environment(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
}

std::string home_below(const char* variable, const std::string& otherwise) {
    if (std::string set = environment(variable); !set.empty()) return set;
    const std::string home = environment("HOME");
    return (home.empty() ? std::string("/root") : home) + "/" + otherwise;
}

Result<void> write_file(int fd, ByteView bytes, const std::string& path) {
    while (!bytes.empty()) {
        const ssize_t put = ::write(fd, bytes.data(), bytes.size());
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return system_error(errno, "writing " + path);
        bytes = bytes.subspan(static_cast<std::size_t>(put));
    }
    if (::fsync(fd) != 0) return system_error(errno, "syncing " + path);
    return {};
}

Result<void> sync_directory_of(const std::string& path) {
    const auto slash = path.rfind('/');
    const std::string directory =
        slash == std::string::npos ? "." : path.substr(0, slash == 0 ? 1 : slash);
    const Fd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd || ::fsync(fd.get()) != 0) return system_error(errno, "syncing " + directory);
    return {};
}

/// Gives a draft its name as renameat2 does, also where only link() can refuse to replace.
bool rename_draft(const std::string& draft, const std::string& path, unsigned flags) {
    if (::renameat2(AT_FDCWD, draft.c_str(), AT_FDCWD, path.c_str(), flags) == 0) return true;
    if (flags == 0 || errno != EINVAL || ::link(draft.c_str(), path.c_str()) != 0) return false;
    ::unlink(draft.c_str());
    return true;
}

/// There is no key file, or none that is whole.
bool is_lost(const Error& error) {
    return error.kind() == ErrorKind::NotFound || error.kind() == ErrorKind::InvalidInput ||
           error.kind() == ErrorKind::Corrupt;
}

/// Whole or not at all, whenever the process or the machine stops: half a key under the final name
/// would keep this machine from the repository.
Result<void> publish_key(const std::string& path, const WriterIdentity& identity, unsigned flags) {
    std::string draft = path + ".draft-XXXXXX";
    const Fd fd(::mkostemp(draft.data(), O_CLOEXEC));  // 0600
    if (!fd) return system_error(errno, "creating the writer key " + path);
    std::string text = encode_writer_key_file(identity);
    auto written = write_file(fd.get(), as_bytes(text), draft);
    wipe({reinterpret_cast<std::byte*>(text.data()), text.size()});
    if (written && !rename_draft(draft, path, flags))
        written = system_error(errno, "creating the writer key " + path);
    if (!written) {
        ::unlink(draft.c_str());
        return written;
    }
    return sync_directory_of(path);
}

}  // namespace

std::string host_name() {
    char name[256] = {};
    return ::gethostname(name, sizeof name - 1) == 0 && name[0] != '\0' ? name : "localhost";
}

std::string cache_directory(const std::string& explicit_directory) {
    if (!explicit_directory.empty()) return explicit_directory;
    if (std::string set = environment("PERDURE_CACHE_DIR"); !set.empty()) return set;
    return home_below("XDG_CACHE_HOME", ".cache") + "/perdure";
}

Result<WriterIdentity> read_writer_key(const std::string& path) {
    const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) return system_error(errno, "opening the writer key " + path);
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0)
        return system_error(errno, "reading the writer key " + path);
    if ((status.st_mode & 077) != 0)
        return Error(ErrorKind::Denied, "the writer key " + path + " may be read by others")
            .with_hint("chmod 600 " + path);
    std::string text(static_cast<std::size_t>(std::min<off_t>(status.st_size, 1 << 20)), '\0');
    const ssize_t got = ::read(fd.get(), text.data(), text.size());
    if (got < 0) return system_error(errno, "reading the writer key " + path);
    text.resize(static_cast<std::size_t>(got));
    auto identity = decode_writer_key_file(text).context(path);
    wipe({reinterpret_cast<std::byte*>(text.data()), text.size()});
    return identity;
}

Result<void> write_writer_key(const std::string& path, const WriterIdentity& identity) {
    return publish_key(path, identity, RENAME_NOREPLACE);
}

std::string config_directory() {
    const std::string set = environment("PERDURE_CONFIG_DIR");
    return set.empty() ? home_below("XDG_CONFIG_HOME", ".config") + "/perdure" : set;
}

std::string identity_path(const IdentityPlace& place) {
    std::string name = place.repository.hex();
    if (number(place.first) != 1) name += "-replica-" + to_hex(number(place.first) >> 16, 4);
    if (place.role == Role::Maintainer) name += "-maintainer";
    return config_directory() + "/writers/" + name + ".key";
}

Result<std::optional<WriterIdentity>> find_identity(const IdentityPlace& place) {
    auto identity = read_writer_key(identity_path(place));
    // A damaged one is as good as lost: it must not keep the owner from reading.
    if (!identity && is_lost(identity.error())) return std::optional<WriterIdentity>();
    if (!identity) return std::move(identity).error();
    if (identity->repository != place.repository || identity->role != place.role)
        return std::optional<WriterIdentity>();
    return std::optional(std::move(*identity));
}

namespace {

Result<IdentityPlace> place_of(const Repository& repository, Role role, std::stop_token stop) {
    return IdentityPlace{repository.id(), role, PERDURE_TRY(repository.enrolments(stop)).first};
}

}  // namespace

Result<std::optional<WriterIdentity>> load_identity(const Repository& repository, Role role,
                                                    std::stop_token stop) {
    const IdentityPlace place = PERDURE_TRY(place_of(repository, role, stop));
    auto identity = PERDURE_TRY(find_identity(place));
    if (identity && repository.epoch().revocation_of(identity->enrolment) != nullptr)
        identity.reset();
    return identity;
}

Result<void> keep_identity(const IdentityPlace& place, const WriterIdentity& identity) {
    const std::string path = identity_path(place);
    std::error_code failed;
    const auto directory = std::filesystem::path(path).parent_path();
    std::filesystem::create_directories(directory, failed);
    if (failed)
        return Error(ErrorKind::Io, "making " + directory.string() + ": " + failed.message());
    ::chmod(directory.c_str(), 0700);
    return publish_key(path, identity, 0);
}

Result<WriterIdentity> enrol_this_machine(Repository& repository, const std::string& host,
                                          Role role, std::stop_token stop) {
    const IdentityPlace place = PERDURE_TRY(place_of(repository, role, stop));
    Certificate certificate;
    certificate.role = role;
    certificate.name = host;
    WriterIdentity identity = PERDURE_TRY(repository.enrol(certificate, stop));
    // A maintainer cuts no leaves of its own and is to hold nothing that would tell of content.
    if (role == Role::Maintainer)
        for (DomainKeys& keys : identity.domains) keys.dedup_secret = Key256();
    // A lost, damaged or revoked identity is replaced by a new writer; the old one stays enrolled
    // until it is retired.
    PERDURE_TRY(keep_identity(place, identity));
    return identity;
}

Result<WriterIdentity> maintainer_of_this_machine(Repository& repository, const std::string& host,
                                                  std::stop_token stop) {
    auto known = PERDURE_TRY(load_identity(repository, Role::Maintainer, stop));
    if (known && repository.is_enrolled(known->enrolment, stop)) return std::move(*known);
    return enrol_this_machine(repository, host, Role::Maintainer, stop);
}

}  // namespace perdure
