// A stream as a source: standard input, or what a command prints. It is a tree of one file.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "source/file_source.h"

namespace perdure {

/// Reads `descriptor` to its end, once.
Result<std::unique_ptr<FileSource>> open_input_stream(int descriptor);

/// Starts `words` (looked up in PATH, no shell) and reads what it prints. The stream's last read
/// fails, which makes the entry unreadable and with it the run FAILED, if the command does not end
/// with status 0.
Result<std::unique_ptr<FileSource>> open_command_stream(const std::vector<std::string>& words);

}  // namespace perdure
