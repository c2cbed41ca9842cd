// perdure-cloudsim in this process, on a loopback port, for as long as this lives: an S3 server
// with conditions, versions, Object Lock, policies and faults, whose clock the test can hand in.
//
// Whoever destroys it after a request for what it does not have has failed: unknown_calls() says
// what that was, and the destructor makes it a failure of the running GoogleTest case.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "cloudsim/cloud_sim.h"
#include "net/sigv4.h"

namespace perdure {

class CloudSimServer {
public:
    static constexpr const char* kAccessKey = "test";
    static constexpr const char* kSecretKey = "test";
    static constexpr const char* kRegion = "us-east-1";

    /// State in memory. `clock`: the system's if there is none; it outlives the server.
    explicit CloudSimServer(Clock* clock = nullptr);
    ~CloudSimServer();
    CloudSimServer(const CloudSimServer&) = delete;
    CloudSimServer& operator=(const CloudSimServer&) = delete;

    /// "" if it serves, else why not.
    const std::string& problem() const { return problem_; }
    std::uint16_t port() const { return server_->port(); }
    std::string origin() const { return server_->origin(); }
    /// Of the account's root, which no policy binds.
    AwsCredentials credentials() const;

    /// Through S3 itself, signed. "" or what was wrong.
    std::string make_bucket(const std::string& name, bool versioned = false,
                            bool object_lock = false);
    /// The admin API (docs/cloudsim.md): PUT faults {"fault": "lose", "operation": "PutObject"}.
    std::string admin(const std::string& method, const std::string& what,
                      const std::string& body = "") {
        return server_->admin(method, what, body);
    }
    std::vector<cloudsim::LoggedCall> calls() const { return server_->calls(); }
    /// For a test that asks for what is not there on purpose.
    void forgive_unknown_calls() { forgives_ = true; }

private:
    std::string send(const std::string& path_and_query, const std::string& body,
                     const std::vector<HttpHeader>& headers);

    Clock& clock_;
    std::unique_ptr<cloudsim::CloudSim> server_;
    std::string problem_;
    bool forgives_ = false;
};

}  // namespace perdure
