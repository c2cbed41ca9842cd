// What stat does not tell of an entry: extended attributes (ACLs and capabilities among them), link
// targets, inode flags and project ids.
//
// Nothing is reached by a path from the root: either through a descriptor of the entry itself, or
// through its parent's descriptor without following a link.
#pragma once

#include <vector>

#include "source/file_source.h"
#include "source/files/open_file.h"

namespace perdure {

/// As FileSource::read_details. Thread-safe.
std::vector<Issue> read_entry_details(WalkedEntry& walked, const ReadFile* file);

}  // namespace perdure
