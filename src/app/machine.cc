#include "app/machine.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include "base/fd.h"
#include "base/try.h"

namespace perdure {

namespace {

std::string environment(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
}

std::string home_below(const char* variable, const std::string& otherwise) {
    if (const std::string set = environment(variable); !set.empty()) return set;
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

}  // namespace

std::string host_name() {
    char name[256] = {};
    return ::gethostname(name, sizeof name - 1) == 0 && name[0] != '\0' ? name : "localhost";
}

std::string cache_directory(const std::string& explicit_directory) {
    if (!explicit_directory.empty()) return explicit_directory;
    if (const std::string set = environment("PERDURE_CACHE_DIR"); !set.empty()) return set;
    return home_below("XDG_CACHE_HOME", ".cache") + "/perdure";
}

Argon2Cost cost_of_new_slots() {
    return environment("PERDURE_TEST_FAST_KDF").empty() ? Argon2Cost{} : Argon2Cost{1, 8 * 1024};
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
    Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!fd) return system_error(errno, "creating the writer key " + path);
    std::string text = encode_writer_key_file(identity);
    auto written = write_file(fd.get(), as_bytes(text), path);
    wipe({reinterpret_cast<std::byte*>(text.data()), text.size()});
    if (!written) ::unlink(path.c_str());
    return written;
}

std::string identity_path(const RepositoryId& repository) {
    const std::string directory = environment("PERDURE_CONFIG_DIR");
    return (directory.empty() ? home_below("XDG_CONFIG_HOME", ".config") + "/perdure" : directory) +
           "/writers/" + repository.hex() + ".key";
}

Result<std::optional<WriterIdentity>> load_identity(const Repository& repository) {
    const std::string path = identity_path(repository.id());
    auto identity = read_writer_key(path);
    if (!identity && identity.error().kind() == ErrorKind::NotFound)
        return std::optional<WriterIdentity>();
    if (!identity) return std::move(identity).error();
    if (identity->repository != repository.id() ||
        repository.epoch().revocation_of(identity->enrolment) != nullptr)
        return std::optional<WriterIdentity>();
    return std::optional(std::move(*identity));
}

Result<WriterIdentity> enrol_this_machine(Repository& repository, const std::string& host,
                                          std::stop_token stop) {
    const std::string path = identity_path(repository.id());
    std::error_code failed;
    const auto directory = std::filesystem::path(path).parent_path();
    std::filesystem::create_directories(directory, failed);
    if (failed)
        return Error(ErrorKind::Io, "making " + directory.string() + ": " + failed.message());
    ::chmod(directory.c_str(), 0700);
    Certificate certificate;
    certificate.name = host;
    WriterIdentity identity = PERDURE_TRY(repository.enrol(certificate, stop));
    // A lost or revoked identity is replaced by a new writer; the old one stays enrolled until it
    // is retired.
    ::unlink(path.c_str());
    PERDURE_TRY(write_writer_key(path, identity));
    return identity;
}

}  // namespace perdure
