// versitygw, a real S3 server, on a loopback port and a directory of its own, for as long as this
// lives. The program is $PERDURE_VERSITYGW or build/servers/bin/versitygw (scripts/setup makes it);
// where it is missing, a test that wants it fails.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "support/temp_dir.h"

namespace perdure {

class VersityGateway {
public:
    static constexpr const char* kAccessKey = "root";
    static constexpr const char* kSecretKey = "secret";

    VersityGateway();
    ~VersityGateway();
    VersityGateway(const VersityGateway&) = delete;
    VersityGateway& operator=(const VersityGateway&) = delete;

    /// "" if it serves, else why not.
    const std::string& problem() const { return problem_; }
    std::uint16_t port() const { return port_; }
    std::string origin() const { return "http://127.0.0.1:" + std::to_string(port_); }
    /// A bucket is a directory here.
    void make_bucket(const std::string& name) const;

private:
    bool serves() const;

    TempDir directory_;  // on a disk: the server keeps extended attributes
    std::uint16_t port_ = 0;
    pid_t process_ = -1;
    std::string problem_;
};

}  // namespace perdure
