// An entry of a tree as people and programs see it.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "base/entry.h"

namespace perdure {

/// "file", "directory", "symlink", "fifo", "socket", "character-device", "block-device".
std::string_view to_string(EntryType);
/// "drwxr-sr-x", as ls writes it.
std::string mode_text(const Entry&);
/// Mode, links, owner, size, time and path on one line; link targets behind an arrow.
std::string long_line(const Entry&, std::string_view path);
/// path, kind, mode, permissions, uid, gid, user, group, size, mtime, mtime_ns, and what only some
/// entries have: links, target, device.
nlohmann::json to_json(const Entry&, std::string_view path);

}  // namespace perdure
