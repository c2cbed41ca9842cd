#include "support/rados_gateway.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

namespace perdure {

namespace {

std::string first_line(int fd) {
    std::string line;
    char c = 0;
    while (::read(fd, &c, 1) == 1 && c != '\n') line.push_back(c);
    return line;
}

}  // namespace

RadosGateway::RadosGateway() {
    int in[2], out[2];
    if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0) {
        problem_ = "no pipes";
        return;
    }
    const Fd his_in(in[0]), out_end(out[0]);
    Fd his_out(out[1]);
    until_ = Fd(in[1]);
    process_ = ::fork();
    if (process_ == 0) {
        ::dup2(his_in.get(), STDIN_FILENO);
        ::dup2(his_out.get(), STDOUT_FILENO);
        ::execlp("python3", "python3", PERDURE_RADOSGW, static_cast<char*>(nullptr));
        ::_exit(127);
    }
    his_out.reset();
    constexpr std::string_view kListening = "listening on ";
    const std::string line = first_line(out_end.get());
    if (line.starts_with(kListening))
        origin_ = line.substr(kListening.size());
    else
        problem_ = "no Ceph gateway: run scripts/setup --long; what is wrong stands above";
}

RadosGateway::~RadosGateway() {
    until_.reset();
    if (process_ > 0) ::waitpid(process_, nullptr, 0);
}

}  // namespace perdure
