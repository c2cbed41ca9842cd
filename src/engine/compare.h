// Compares a part of a point with a tree that is there: byte for byte, not by times.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "engine/point_reader.h"
#include "source/file_source.h"

namespace perdure {

struct Difference {
    std::string path;
    std::string text;
};

/// What of the point's tree at `from` is missing or different in `tree` (whose root stands for
/// `from`). What the tree has beyond it is not looked at.
Result<std::vector<Difference>> compare_with_source(PointReader&, const PointPath& from,
                                                    FileSource& tree, std::stop_token);

}  // namespace perdure
