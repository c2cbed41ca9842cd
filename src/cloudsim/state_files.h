// The state's small records, each a JSON file that is replaced as a whole; or nothing at all, where
// the state is in memory. A killed server finds each record as it was before or after a change.
// Nothing is synced: this is a stand-in. The caller keeps two threads from one record.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/result.h"

namespace perdure::cloudsim {

class StateFiles {
public:
    /// `directory`: "" for memory.
    explicit StateFiles(std::string directory) : directory_(std::move(directory)) {}

    bool are_kept() const { return !directory_.empty(); }
    Result<void> save(const std::string& name, const nlohmann::json& value) const;
    void remove(const std::string& name) const;
    void remove_folder(const std::string& name) const;
    /// Names of what a folder holds; empty if it is not there.
    std::vector<std::string> list(const std::string& folder) const;
    Result<nlohmann::json> load(const std::string& name) const;

private:
    const std::string directory_;
};

}  // namespace perdure::cloudsim
