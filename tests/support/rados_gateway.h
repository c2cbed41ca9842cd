// Ceph's S3 gateway with a cluster of its own, made new for as long as a test program lives. Takes
// about a quarter of a minute to start.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/fd.h"

namespace perdure {

class RadosGateway {
public:
    static constexpr const char* kAccessKey = "root";
    static constexpr const char* kSecretKey = "secret";

    RadosGateway();
    ~RadosGateway();
    RadosGateway(const RadosGateway&) = delete;
    RadosGateway& operator=(const RadosGateway&) = delete;

    /// "" if it serves, else why not.
    const std::string& problem() const { return problem_; }
    const std::string& origin() const { return origin_; }

private:
    pid_t process_ = -1;
    Fd until_;  // it serves until this is closed
    std::string origin_, problem_;
};

}  // namespace perdure
