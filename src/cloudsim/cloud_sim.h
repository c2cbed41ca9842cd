// perdure-cloudsim: a stand-in for AWS on a loopback port, in a process of its own or in a test's.
//
// One endpoint is all services. Which one a request is for is told by the scope of its signature,
// or else by its host or its path; another service is a Protocol more (issue 6: EC2, EBS direct,
// SSM, Route 53). Nothing of the product may depend on it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "cloudsim/call_log.h"

namespace perdure::cloudsim {

constexpr const char* kTestKey = "test";

struct CloudSimOptions {
    std::string host = "127.0.0.1";
    std::uint16_t port = 0;  // 0: any that is free
    std::string state;       // a directory; "": memory
    Clock* clock = nullptr;  // nothing: the system's. Outlives the server
    unsigned most_connections = 128;
};

class CloudSim {
public:
    static Result<std::unique_ptr<CloudSim>> start(CloudSimOptions options);
    ~CloudSim();
    CloudSim(const CloudSim&) = delete;
    CloudSim& operator=(const CloudSim&) = delete;

    std::uint16_t port() const;
    std::string origin() const { return "http://127.0.0.1:" + std::to_string(port()); }

    /// What the admin API does, without HTTP: its answer, a JSON text. "PUT", "faults", "{…}".
    std::string admin(const std::string& method, const std::string& what,
                      const std::string& body = "");
    std::vector<LoggedCall> calls() const;
    /// Requests for what is not there; a test that made one fails.
    std::vector<std::string> unknown_calls() const;

private:
    class Services;
    explicit CloudSim(std::unique_ptr<Services> services);
    std::unique_ptr<Services> services_;
};

}  // namespace perdure::cloudsim
