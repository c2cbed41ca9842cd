// A point that stands for one which lost its index, or the content of some of its files: the same
// entries but for those, in a tree of its own where that has to change, with a new index.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "repo/local_cache.h"
#include "repo/recipe.h"
#include "repo/session.h"
#include "source/file_source.h"

namespace perdure {

/// Opens the file at an absolute path, if it is still the one that the entry was made of; else
/// null.
using OpenLive =
    std::function<std::unique_ptr<OpenFile>(const std::string& path, const Entry& was)>;

struct RepairedPoint {
    Committed committed;
    std::vector<std::string> lost;  // absolute paths that were left out
    std::uint64_t read_again = 0;   // files whose content came from the live source
};

/// What cannot be read of `point`, as absolute paths; of a lost page, the first path it held. Reads
/// all content.
Result<std::vector<std::string>> find_lost_paths(const Repository&, const Point&, std::stop_token);

/// Content that is lost is read from the live files where `open_live` (may be empty) gives them.
/// Blocks of sessions whose index is not the one their end binds are moved too: nothing else would
/// say where they lie.
Result<RepairedPoint> make_repaired_point(const Repository&, const Point&, const WriterIdentity&,
                                          const LocalCache&, const OpenLive& open_live,
                                          std::stop_token);

}  // namespace perdure
