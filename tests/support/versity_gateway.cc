#include "support/versity_gateway.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "base/fd.h"

namespace perdure {

namespace {

sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    return address;
}

/// One that was free a moment ago.
std::uint16_t free_port() {
    const Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address = loopback(0);
    socklen_t length = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (::bind(fd.get(), generic, length) != 0 || ::getsockname(fd.get(), generic, &length) != 0)
        return 0;
    return ntohs(address.sin_port);
}

std::string program() {
    if (const char* named = std::getenv("PERDURE_VERSITYGW")) return named;
    return std::string(PERDURE_SERVERS) + "/bin/versitygw";
}

}  // namespace

VersityGateway::VersityGateway() {
    const std::string path = program();
    if (::access(path.c_str(), X_OK) != 0) {
        problem_ = path + " is not there: run scripts/setup";
        return;
    }
    const std::string root = directory_ / "";
    for (const char* name : {"data", "iam", "versions"})
        std::filesystem::create_directory(root + name);
    port_ = free_port();
    const std::string address = "127.0.0.1:" + std::to_string(port_);
    const std::string log = root + "log";
    const std::string iam = root + "iam", versions = root + "versions", data = root + "data";
    process_ = ::fork();
    if (process_ == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        ::dup2(out, STDOUT_FILENO);
        ::dup2(out, STDERR_FILENO);
        ::setenv("ROOT_ACCESS_KEY", kAccessKey, 1);
        ::setenv("ROOT_SECRET_KEY", kSecretKey, 1);
        ::execl(path.c_str(), path.c_str(), "--port", address.c_str(), "--iam-dir", iam.c_str(),
                "--keep-alive", "-q", "posix", "--versioning-dir", versions.c_str(), data.c_str(),
                static_cast<char*>(nullptr));
        ::_exit(127);
    }
    for (int tries = 0; tries < 300; ++tries) {
        if (serves()) return;
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    problem_ = path + " does not serve; its log is " + log;
}

VersityGateway::~VersityGateway() {
    if (process_ <= 0) return;
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
}

bool VersityGateway::serves() const {
    const Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_in address = loopback(port_);
    return ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

void VersityGateway::make_bucket(const std::string& name) const {
    std::filesystem::create_directory(directory_ / ("data/" + name));
}

}  // namespace perdure
