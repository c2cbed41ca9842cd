// A file that is written into an object of S3 instead, in parts, while its content comes.
#pragma once

#include <memory>
#include <stop_token>
#include <string>

#include "app/store_options.h"
#include "base/bytes.h"
#include "base/result.h"

namespace perdure {

/// Nothing is there before finish() returned success; without it nothing stays.
class ArchiveUpload {
public:
    virtual ~ArchiveUpload() = default;
    virtual Result<void> write(ByteView bytes) = 0;
    virtual Result<void> finish() = 0;
};

/// `location`: s3://BUCKET/OBJECT. InvalidInput if it is none; AlreadyExists if the object is
/// there: nothing is overwritten.
Result<std::unique_ptr<ArchiveUpload>> begin_archive_upload(const std::string& location,
                                                            const StoreOptions& options,
                                                            std::stop_token stop);
/// Whether text names a place in S3 and not a file.
bool is_archive_location(const std::string& text);

}  // namespace perdure
