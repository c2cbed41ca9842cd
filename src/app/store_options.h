// How a repository's store is reached, besides where it lies: what the command line says for all
// commands.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace perdure {

struct StoreOptions {
    std::vector<std::string> settings;  // "s3.region=eu-west-1": see s3_settings.h
    std::string ca_file;                // of certificate authorities; "": AWS_CA_BUNDLE, the system
    std::uint64_t upload_kib = 0;       // a second; 0: no limit
    std::uint64_t download_kib = 0;     // "
};

}  // namespace perdure
