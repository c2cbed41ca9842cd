#include "source/archive/tar_stream.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

#include "base/try.h"

namespace perdure {

namespace {

constexpr std::size_t kReadBytes = 256U << 10;
constexpr int kLookForStopMs = 100;

/// In any other locale libarchive would convert names, and compose letters with their accents.
class BytesLocale {
public:
    explicit BytesLocale(locale_t locale) : before_(locale ? ::uselocale(locale) : locale_t{}) {}
    ~BytesLocale() {
        if (before_) ::uselocale(before_);
    }
    BytesLocale(const BytesLocale&) = delete;
    BytesLocale& operator=(const BytesLocale&) = delete;

private:
    locale_t before_;
};

}  // namespace

TarStream::TarStream(Fd fd, std::string name, std::stop_token stop)
    : fd_(std::move(fd)),
      name_(std::move(name)),
      stop_(std::move(stop)),
      bytes_locale_(::newlocale(LC_ALL_MASK, "C", locale_t{})),
      buffer_(kReadBytes) {}

TarStream::~TarStream() {
    if (archive_ != nullptr) archive_read_free(archive_);
    if (bytes_locale_) ::freelocale(bytes_locale_);
}

long TarStream::read_bytes(archive* a, void* self, const void** buffer) {
    auto& stream = *static_cast<TarStream*>(self);
    while (!stream.stop_.stop_requested()) {
        pollfd waiting{stream.fd_.get(), POLLIN, 0};
        const int ready = ::poll(&waiting, 1, kLookForStopMs);
        if (ready == 0 || (ready < 0 && errno == EINTR)) continue;
        const ssize_t got = ::read(stream.fd_.get(), stream.buffer_.data(), stream.buffer_.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) {
            archive_set_error(a, errno, "reading it failed");
            return ARCHIVE_FATAL;
        }
        *buffer = stream.buffer_.data();
        return got;
    }
    archive_set_error(a, ECANCELED, "interrupted");
    return ARCHIVE_FATAL;
}

Error TarStream::damaged() {
    if (stop_.stop_requested()) return Error(ErrorKind::Cancelled, "interrupted");
    const char* text = archive_error_string(archive_);
    return Error(ErrorKind::Corrupt,
                 name_ + ": " + (text != nullptr ? text : "the archive is damaged") + " (at byte " +
                     std::to_string(archive_filter_bytes(archive_, 0)) + " of the archive)");
}

Error TarStream::no_archive() const {
    return Error(ErrorKind::Corrupt, name_ + ": holds no tar archive")
        .with_hint("perdure backup takes other files");
}

Result<std::unique_ptr<TarStream>> TarStream::open(int descriptor, std::string name,
                                                   std::stop_token stop) {
    Fd fd(::fcntl(descriptor, F_DUPFD_CLOEXEC, 0));
    if (!fd) return system_error(errno, "opening " + name);
    std::unique_ptr<TarStream> stream(
        new TarStream(std::move(fd), std::move(name), std::move(stop)));
    archive* a = stream->archive_ = archive_read_new();
    if (a == nullptr) return Error(ErrorKind::Internal, "tar: no memory");
    const BytesLocale locale(stream->bytes_locale_);
    archive_read_support_format_tar(a);
    archive_read_support_format_empty(a);
    archive_read_support_filter_gzip(a);
    archive_read_support_filter_bzip2(a);
    archive_read_support_filter_xz(a);
    archive_read_support_filter_lz4(a);
    archive_read_support_filter_zstd(a);
    if (archive_read_open(a, stream.get(), nullptr, &TarStream::read_bytes, nullptr) !=
        ARCHIVE_OK) {
        // EILSEQ is libarchive's number for bytes that are of no format it was told of.
        const bool unknown = archive_errno(a) == EILSEQ && !stream->stop_.stop_requested();
        return unknown ? stream->no_archive() : stream->damaged();
    }
    return stream;
}

Result<void> TarStream::skip_rest() {
    if (!has_entry_) return {};
    has_entry_ = false;
    return archive_read_data_skip(archive_) >= ARCHIVE_WARN ? Result<void>() : damaged();
}

Result<archive_entry*> TarStream::next(std::string& lost) {
    const BytesLocale locale(bytes_locale_);
    PERDURE_TRY(skip_rest());
    const auto before = archive_filter_bytes(archive_, 0);
    archive_entry* entry = nullptr;
    const int code = archive_read_next_header(archive_, &entry);
    if (code == ARCHIVE_EOF) {
        // The end mark is what tells a whole archive from one whose writer died between entries.
        if (!first_ && archive_filter_bytes(archive_, 0) > before)
            return static_cast<archive_entry*>(nullptr);
        if (first_) return no_archive();
        return Error(ErrorKind::Corrupt, name_ + ": ends without an end mark")
            .with_hint(
                "whoever wrote it may not have finished; if you know that it is whole, append 1024 "
                "zero bytes");
    }
    if (code < ARCHIVE_WARN) return damaged();
    first_ = false;
    has_entry_ = true;
    if (code == ARCHIVE_WARN && archive_error_string(archive_) != nullptr) {
        const std::string_view text = archive_error_string(archive_);
        // Of names that are kept as bytes.
        if (text.find("can't be converted") == std::string_view::npos) lost = text;
    }
    return entry;
}

Result<TarStream::Piece> TarStream::read() {
    while (true) {
        const void* bytes = nullptr;
        std::size_t size = 0;
        la_int64_t offset = 0;
        const int code = archive_read_data_block(archive_, &bytes, &size, &offset);
        if (code == ARCHIVE_EOF) return Piece{static_cast<std::uint64_t>(offset), {}};
        if (code < ARCHIVE_WARN) return damaged();
        if (size > 0)
            return Piece{static_cast<std::uint64_t>(offset),
                         ByteView(static_cast<const std::byte*>(bytes), size)};
    }
}

}  // namespace perdure
