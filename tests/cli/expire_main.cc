// expire DIRECTORY W-N…: lets points of a local repository expire, by the protocol's own step and
// the password in PERDURE_PASSWORD. For tests of what comes after.

#include <cstdio>
#include <cstdlib>
#include <string>

#include "base/try.h"
#include "repo/protocol/upkeep.h"
#include "repo/repository.h"
#include "store/local/local_store.h"

namespace perdure {
namespace {

Result<void> expire(Repository& repository, SessionName session) {
    protocol::ExpireStep step(number(session.writer), number(session.session));
    while (true) {
        const protocol::Action action = step.next();
        if (action.verb == protocol::Verb::Done) return {};
        if (action.verb == protocol::Verb::Failed)
            return Error(ErrorKind::NotFound, "no point " + short_text(session));
        const Point point = PERDURE_TRY(repository.load_point(session, {}));
        if (action.verb == protocol::Verb::Load) {
            const bool is_checkpoint = point.header.kind == EndKind::Checkpoint;
            const auto kind =
                is_checkpoint ? protocol::EndKind::Checkpoint : protocol::EndKind::Point;
            step.on_answer(protocol::Answer::found(protocol::EndRecord{kind, 1, 0}, 1, false));
            continue;
        }
        Fate fate;
        fate.kind = FateKind::Expired;
        PERDURE_TRY(repository.add_fate(point, fate, {}));
        step.on_answer(protocol::Answer::done());
    }
}

Result<void> run(int argc, char** argv) {
    const auto store = PERDURE_TRY(LocalStore::open(argv[1]));
    Credentials credentials;
    const char* password = std::getenv("PERDURE_PASSWORD");
    credentials.passphrase = Passphrase(password == nullptr ? "" : password);
    const auto repository =
        PERDURE_TRY(Repository::open(*store, credentials, system_clock(), system_random(), {}));
    for (int i = 2; i < argc; ++i) {
        const std::string point = argv[i];
        const auto dash = point.find('-');
        const SessionName session{
            WriterNumber{static_cast<std::uint32_t>(std::stoul(point, nullptr, 16))},
            SessionNumber{std::stoull(point.substr(dash + 1), nullptr, 16)}};
        PERDURE_TRY(expire(*repository, session));
    }
    return {};
}

}  // namespace
}  // namespace perdure

int main(int argc, char** argv) {
    if (argc < 3) return 2;
    const auto done = perdure::run(argc, argv);
    if (done) return 0;
    std::fprintf(stderr, "%s\n", done.error().describe().c_str());
    return 1;
}
