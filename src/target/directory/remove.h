// Removing what must give way, without ever following a link or leaving the filesystem.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace perdure {

struct NotRemoved {
    std::string path;  // relative to what was to be removed, "" for itself
    int code = 0;
};

/// Removes `name` in `directory` with all below it. What is left, and why: a directory that is not
/// on filesystem `device` stays (EXDEV), as does everything that the system refuses to remove.
std::vector<NotRemoved> remove_tree(int directory, const std::string& name, std::uint64_t device);

/// The names in an open directory that can be read. The errno of a failure, else 0.
int list_names(int directory, std::vector<std::string>& names);

}  // namespace perdure
