// A point named on the command line, opened for reading.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "cli/command.h"
#include "cli/selector.h"
#include "engine/point_reader.h"

namespace perdure {

struct OpenedPoint {
    OpenedRepository opened;
    std::unique_ptr<PointReader> reader;  // before `opened` in destruction
    std::optional<std::string> path;      // what the selector names behind the point
};

/// `selector`: POINT or POINT:PATH. Asks for the password.
Result<OpenedPoint> open_point(const Context&, const std::string& selector, const PointFilter&);
/// The same in a repository that is open.
Result<std::unique_ptr<PointReader>> open_reader(const Context&, const OpenedRepository&,
                                                 const Point&);

/// "/root/inside" of a root's name and a path in it.
std::string absolute_path(const Root&, std::string_view inside);
/// Where an issue is, whose path lies within its root, or is absolute where that could not be read.
std::string issue_path(std::string_view root, std::string_view path);

}  // namespace perdure
