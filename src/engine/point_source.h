// A root of a point as what a backup reads: how a point of one repository becomes one of another.
#pragma once

#include <memory>

#include "engine/point_reader.h"
#include "source/file_source.h"

namespace perdure {

/// `reader` and `root` must outlive it. Entries come complete, from any thread's point of view
/// unchanging; what cannot be read is an issue. Memory: the recipes of the last 2^15 files walked.
std::unique_ptr<FileSource> open_point_source(PointReader& reader, const Root& root,
                                              std::stop_token);

}  // namespace perdure
