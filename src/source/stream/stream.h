// A stream as a source: standard input, or what a command prints. It is a tree of one file.
#pragma once

#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "source/file_source.h"

namespace perdure {

/// Reads `descriptor` to its end, once. Once `stop` is requested every read fails as Cancelled,
/// also one that waits for more, and also at the end: whoever was to write the rest may have been
/// interrupted by the same key, and what is there need not be all.
Result<std::unique_ptr<FileSource>> open_input_stream(int descriptor, std::stop_token stop);

/// Starts `words` (looked up in PATH, no shell) and reads what it prints. The stream's last read
/// fails, which makes the entry unreadable and with it the run FAILED, if the command does not end
/// with status 0. `stop` as above.
Result<std::unique_ptr<FileSource>> open_command_stream(const std::vector<std::string>& words,
                                                        std::stop_token stop);

}  // namespace perdure
