// libarchive, told what to read and asked for it piece by piece: one tar archive from a descriptor.
// One thread at a time.
#pragma once

#include <locale.h>

#include <memory>
#include <stop_token>
#include <string>

#include "base/bytes.h"
#include "base/fd.h"
#include "base/result.h"

struct archive;
struct archive_entry;

namespace perdure {

class TarStream {
public:
    /// Corrupt if what comes first is no tar archive (in a compression that is known).
    static Result<std::unique_ptr<TarStream>> open(int descriptor, std::string name,
                                                   std::stop_token stop);
    ~TarStream();
    TarStream(const TarStream&) = delete;
    TarStream& operator=(const TarStream&) = delete;

    /// The next header; null at the end of the archive. Corrupt: damaged, cut short, or without an
    /// end mark. What of the entry could not be read goes to `lost`.
    Result<archive_entry*> next(std::string& lost);
    /// Content of the entry: the next bytes, at `offset`; an empty view at its end. Between what is
    /// given lie holes. Valid until the next call.
    struct Piece {
        std::uint64_t offset = 0;
        ByteView bytes;
    };
    Result<Piece> read();

    const std::string& name() const { return name_; }

private:
    TarStream(Fd fd, std::string name, std::stop_token stop);

    static long read_bytes(archive*, void* self, const void** buffer);
    Error damaged();
    Error no_archive() const;
    Result<void> skip_rest();

    Fd fd_;
    std::string name_;
    std::stop_token stop_;
    archive* archive_ = nullptr;
    locale_t bytes_locale_{};
    Buffer buffer_;
    bool has_entry_ = false;
    bool first_ = true;
};

}  // namespace perdure
