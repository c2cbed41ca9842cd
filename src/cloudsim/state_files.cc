#include "cloudsim/state_files.h"

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/try.h"

namespace perdure::cloudsim {

Result<void> StateFiles::save(const std::string& name, const nlohmann::json& value) const {
    if (!are_kept()) return {};
    const std::filesystem::path path = directory_ + "/" + name;
    const std::string fresh = path.string() + ".new";
    std::error_code failed;
    std::filesystem::create_directories(path.parent_path(), failed);
    std::ofstream out(fresh, std::ios::binary | std::ios::trunc);
    out << value.dump();
    out.close();
    if (!out) return Error(ErrorKind::Io, "writing " + fresh);
    if (std::rename(fresh.c_str(), path.c_str()) != 0)
        return system_error(errno, "renaming " + fresh);
    return {};
}

void StateFiles::remove(const std::string& name) const {
    if (are_kept()) std::remove((directory_ + "/" + name).c_str());
}

void StateFiles::remove_folder(const std::string& name) const {
    std::error_code ignored;
    if (are_kept()) std::filesystem::remove_all(directory_ + "/" + name, ignored);
}

std::vector<std::string> StateFiles::list(const std::string& folder) const {
    std::vector<std::string> names;
    std::error_code failed;
    if (!are_kept()) return names;
    for (const auto& entry : std::filesystem::directory_iterator(directory_ + "/" + folder, failed))
        if (entry.path().extension() != ".new") names.push_back(entry.path().filename().string());
    return names;
}

Result<nlohmann::json> StateFiles::load(const std::string& name) const {
    std::ifstream in(directory_ + "/" + name, std::ios::binary);
    if (!in) return Error(ErrorKind::NotFound, directory_ + "/" + name + " is not there");
    nlohmann::json value = nlohmann::json::parse(in, nullptr, false);
    if (value.is_discarded())
        return Error(ErrorKind::Corrupt, directory_ + "/" + name + " is no JSON");
    return value;
}

}  // namespace perdure::cloudsim
