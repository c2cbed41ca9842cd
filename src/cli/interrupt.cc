#include "cli/interrupt.h"

#include <unistd.h>
#include <csignal>

#include <atomic>
#include <thread>

#include "base/outcome.h"

namespace perdure {

namespace {

std::stop_source& source() {
    static std::stop_source stop;
    return stop;
}

std::atomic<bool> asked{false};

void wait_for_signals(sigset_t set) {
    while (true) {
        int signal = 0;
        if (sigwait(&set, &signal) != 0) continue;
        if (signal == SIGUSR1) {
            asked = true;
            continue;
        }
        if (source().stop_requested()) _exit(kExitInterrupted);
        source().request_stop();
    }
}

}  // namespace

void install_interrupts() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &set, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
    // Lives as long as the process: it only ever waits, and owns nothing.
    std::thread(wait_for_signals, set).detach();
}

std::stop_token interrupt_token() { return source().get_token(); }

bool progress_was_asked_for() { return asked.exchange(false); }

}  // namespace perdure
