// A tar archive as a source: what `tar`, `restic dump`, `borg export-tar` and `docker save` write,
// plain or compressed with gzip, zstd, bzip2, xz or lz4.
//
// The walk is not in path order: entries come as they stand in the archive, which is read once,
// front to back, also from a pipe. Files below kStreamedFrom are read into memory with their
// header and may be captured by any thread at any time; the content of a larger one is read from
// the archive itself and has to be read before next() is called again (FileSource::is_ordered()).
// So memory is bounded by what the engine keeps walked at a time.
//
// Names are bytes, as they stand in the archive. A leading "/" and "./" are dropped; an entry whose
// path holds ".." is an issue and left out. An archive that is damaged, cut short or without its
// end mark is an Error of the run (ended()): no point is made of it.
#pragma once

#include <memory>
#include <stop_token>
#include <string>

#include "base/result.h"
#include "source/file_source.h"

namespace perdure {

/// Reads `descriptor` (which is duplicated) to its end. `name` is for messages. Reads fail as
/// Cancelled once `stop` is requested. Corrupt if it is no tar archive.
Result<std::unique_ptr<FileSource>> open_archive(int descriptor, std::string name,
                                                 std::stop_token stop);

}  // namespace perdure
