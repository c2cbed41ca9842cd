// The admin API, below /_cloudsim/: what a test sets up and asks (docs/cloudsim.md). It is not
// signed: the server listens on a loopback address only.
#pragma once

#include "cloudsim/call_log.h"
#include "cloudsim/faults.h"
#include "cloudsim/http_server.h"
#include "cloudsim/instance_metadata.h"
#include "cloudsim/message.h"
#include "cloudsim/s3/s3.h"

namespace perdure::cloudsim {

constexpr std::string_view kAdminPrefix = "/_cloudsim/";

class Admin {
public:
    Admin(World& world, S3& s3, InstanceMetadata& metadata, FaultPlan& faults, CallLog& calls)
        : world_(world), s3_(s3), metadata_(metadata), faults_(faults), calls_(calls) {}

    /// `counts`: of the server that was asked.
    Answer handle(const Request& request, ServerCounts counts);

private:
    ApiResult<nlohmann::json> run(const Request& request, ServerCounts counts);
    ApiResult<nlohmann::json> change(const std::string& what, const Request& request);
    ApiResult<nlohmann::json> move_clock(const nlohmann::json& document);
    ApiResult<nlohmann::json> set_settings(const nlohmann::json& document);

    World& world_;
    S3& s3_;
    InstanceMetadata& metadata_;
    FaultPlan& faults_;
    CallLog& calls_;
};

}  // namespace perdure::cloudsim
