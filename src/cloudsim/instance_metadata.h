// What a machine asks about itself: the instance metadata service (/latest/…), of version 2, 1,
// both or none, and the credentials that a container's agent gives.
#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "base/guarded.h"
#include "cloudsim/api_result.h"
#include "cloudsim/message.h"
#include "cloudsim/world.h"

namespace perdure::cloudsim {

class InstanceMetadata {
public:
    explicit InstanceMetadata(World& world) : world_(world) {}

    /// {"mode": "v2|v1|both|absent|hang", "role": NAME, "instance_id", "region", "zone",
    /// "credential_seconds"}.
    ApiResult<void> set(const nlohmann::json& document);
    /// {"role": NAME, "token": what Authorization must say, "credential_seconds"}.
    ApiResult<void> set_container(const nlohmann::json& document);

    static bool is_metadata(const Request& request);
    static bool is_container(const Request& request);
    Delivered handle(const Request& request);
    Answer handle_container(const Request& request);

private:
    struct State {
        std::string mode = "absent", role, instance_id = "i-0123456789abcdef0",
                    region = "us-east-1", zone = "us-east-1a";
        std::uint64_t seconds = 6 * 3600;
        std::string container_role, container_token;
        std::uint64_t container_seconds = 6 * 3600;
        std::map<std::string, Time> tokens;
        std::map<std::string, Key> keys;  // by role: the same until it nears its end
    };
    Answer give_token(const Request& request, State& state) const;
    bool is_token_good(const Request& request, State& state) const;
    Answer read(const std::string& path, State& state);
    std::optional<Key> key_of(const std::string& role, std::uint64_t seconds, State& state);

    World& world_;
    Guarded<State> state_;
};

}  // namespace perdure::cloudsim
