// One directory opened, listed, and its entries' metadata read: what a walk needs to go on in it.
#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <vector>

#include "base/fd.h"
#include "source/files/names.h"

namespace perdure {

/// What lstat said of a name.
struct NameStat {
    int failed = 0;  // errno
    struct stat info {};
};

struct Listing {
    Fd fd;
    struct stat info {};          // of the directory
    bool listed = false;          // else what follows is empty
    DirectoryNames names;         // sorted
    int failed = 0;               // errno of the listing; `names` has what it gave before
    std::vector<NameStat> stats;  // of the first names; the rest was not asked for
};

/// Opens a directory to list it, following no link and without touching its access time where that
/// is allowed. Not open: errno says why.
Fd open_directory(int parent, const char* name);

}  // namespace perdure
