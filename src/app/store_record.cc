#include "app/store_record.h"

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "app/machine.h"

namespace perdure {

namespace {

struct Field {
    const char* name;
    std::optional<bool> StoreCapabilities::*member;
};
constexpr Field kFields[] = {{"conditional_create", &StoreCapabilities::conditional_create},
                             {"overwrites", &StoreCapabilities::overwrites},
                             {"deletes", &StoreCapabilities::deletes},
                             {"destroys_versions", &StoreCapabilities::destroys_versions},
                             {"checks_sums", &StoreCapabilities::checks_sums},
                             {"keeps_versions", &StoreCapabilities::keeps_versions},
                             {"object_lock", &StoreCapabilities::object_lock}};

std::string path_of(const RepositoryId& repository) {
    return config_directory() + "/stores/" + repository.hex() + ".json";
}

}  // namespace

Result<void> save_store_record(const RepositoryId& repository, const StoreRecord& record) {
    nlohmann::json json{{"probed_ns", record.probed.nanoseconds}};
    for (const Field& field : kFields)
        if (const auto& value = record.found.*field.member) json[field.name] = *value;
    json["dangers"] = record.found.dangers;
    const std::filesystem::path path = path_of(repository);
    std::error_code failed;
    std::filesystem::create_directories(path.parent_path(), failed);
    const std::filesystem::path draft = path.string() + ".draft";
    std::ofstream file(draft, std::ios::trunc);
    file << json.dump(2) << '\n';
    file.close();
    if (file) std::filesystem::rename(draft, path, failed);
    if (!file || failed)
        return Error(ErrorKind::Io, "keeping what the probe saw in " + path.string());
    return {};
}

std::optional<StoreRecord> load_store_record(const RepositoryId& repository) {
    std::ifstream file(path_of(repository));
    std::ostringstream text;
    text << file.rdbuf();
    const auto json = nlohmann::json::parse(text.str(), nullptr, false);
    if (!file || !json.is_object()) return std::nullopt;
    StoreRecord record;
    const auto probed = json.find("probed_ns");
    if (probed == json.end() || !probed->is_number_integer()) return std::nullopt;
    record.probed.nanoseconds = probed->get<std::int64_t>();
    for (const Field& field : kFields)
        if (const auto at = json.find(field.name); at != json.end() && at->is_boolean())
            record.found.*field.member = at->get<bool>();
    if (const auto dangers = json.find("dangers"); dangers != json.end() && dangers->is_array())
        for (const auto& danger : *dangers)
            if (danger.is_string()) record.found.dangers.push_back(danger.get<std::string>());
    return record;
}

}  // namespace perdure
