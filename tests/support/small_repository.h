// A small repository in memory with every kind of object this version makes, and what each of its
// points must give back: what the tests of damage and of the key matrix start from.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "engine/backup.h"
#include "engine/check.h"
#include "store/memory_store.h"
#include "support/memory_tree.h"
#include "support/repo_fixture.h"

namespace perdure {

/// A root by its name, with the tree it held.
using Roots = std::map<std::string, MemoryTree>;

/// Backs `roots` up as one point; a failure fails the test.
Committed back_up(const Repository&, const WriterIdentity&, const std::string& host,
                  const Roots& roots, BackupOptions options = {});

/// "" if `point` gives back exactly `roots`, else the first difference.
std::string difference(const Repository&, const Point& point, const Roots& roots);

class SmallRepository {
public:
    SmallRepository();

    Result<std::unique_ptr<Repository>> open(const std::string& password);
    CheckResult check(const Repository&, CheckLevel level = CheckLevel::Deep);

    /// Opens slot 1 of the newest epoch.
    static constexpr const char* kPassword = "third";
    static constexpr const char* kOtherPassword = "fourth";

    MemoryStore store;
    FixedClock clock;
    std::string recovery_key;
    WriterIdentity one;  // any host
    WriterIdentity two;  // host "b" only
    std::map<SessionName, Roots> points;
    /// Begun by `one`, with a pack, and never ended.
    SessionName open_session;
    /// Begun by `two`, with a pack, and fenced.
    SessionName fenced_session;

private:
    void make_first_epoch_points(Repository&);
    SessionName begin_and_abandon(const Repository&, const WriterIdentity&);
};

}  // namespace perdure
