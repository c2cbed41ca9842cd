// perdure-cloudsim --listen 127.0.0.1:PORT --state DIR|memory
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <csignal>

#include "base/outcome.h"
#include "cloudsim/cloud_sim.h"
#include "cloudsim/text.h"

namespace perdure::cloudsim {
namespace {

int serve(const std::string& listen, const std::string& state) {
    const std::size_t colon = listen.rfind(':');
    const auto port =
        colon == std::string::npos ? std::nullopt : parse_number(listen.substr(colon + 1));
    if (!port || *port > 65535 || !listen.starts_with("127.")) {
        fmt::print(stderr,
                   "perdure-cloudsim: --listen {}: needs a loopback address and a port, as "
                   "127.0.0.1:5566\n",
                   listen);
        return kExitFailed;
    }
    // Before the server's threads, which inherit it.
    sigset_t ends;
    sigemptyset(&ends);
    for (const int signal : {SIGINT, SIGTERM}) sigaddset(&ends, signal);
    pthread_sigmask(SIG_BLOCK, &ends, nullptr);
    CloudSimOptions options;
    options.host = listen.substr(0, colon);
    options.port = static_cast<std::uint16_t>(*port);
    options.state = state == "memory" ? "" : state;
    auto server = CloudSim::start(options);
    if (!server) {
        fmt::print(stderr, "perdure-cloudsim: {}\n", server.error().describe());
        return kExitFailed;
    }
    fmt::print("listening on http://{}:{}, state in {}\n", options.host, (*server)->port(), state);
    std::fflush(stdout);
    int signal = 0;
    sigwait(&ends, &signal);
    return kExitSuccess;
}

}  // namespace
}  // namespace perdure::cloudsim

int main(int argc, char** argv) {
    CLI::App app(
        "A stand-in for AWS on this machine: S3, STS and instance metadata, for trying Perdure "
        "and for its tests.\nAccess key \"test\", secret \"test\". The manual: docs/cloudsim.md",
        "perdure-cloudsim");
    std::string listen = "127.0.0.1:5566", state = "memory";
    app.add_option("--listen", listen, "Loopback address and port; port 0 takes a free one")
        ->capture_default_str();
    app.add_option("--state", state, "A directory that outlives the program, or \"memory\"")
        ->capture_default_str();
    app.set_version_flag("--version", PERDURE_VERSION);
    CLI11_PARSE(app, argc, argv);
    return perdure::cloudsim::serve(listen, state);
}
