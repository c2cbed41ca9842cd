// A decorator for names that are created once and decide: on a store that keeps versions, the
// oldest one is the object, whatever was written or deleted over it later.
//
// Whoever may write to a bucket may overwrite and delete there, or place a marker over a name and
// so free it; on a bucket that keeps versions none of this changes what such a name says. create()
// of a name that has any older version answers AlreadyExists, so G2 holds in the presence of
// markers. A listing shows names whose newest version is a deletion.
//
// A store without versions, and a credential that may not list them, are passed through.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/guarded.h"
#include "store/store.h"

namespace perdure {

class FirstVersionStore final : public Store {
public:
    /// `inner` must outlive this. `prefixes`: what names that decide begin with. `read_whole`:
    /// those among them whose names are all read, one after the other: one listing tells what is
    /// there.
    /// `looked_for`: what names begin with that may be deleted, but whose content is loaded all the
    /// same if somebody has laid a deletion over it; listings do not show them.
    FirstVersionStore(Store& inner, std::vector<std::string> prefixes,
                      std::vector<std::string> read_whole = {},
                      std::vector<std::string> looked_for = {})
        : inner_(inner),
          prefixes_(std::move(prefixes)),
          read_whole_(std::move(read_whole)),
          looked_for_(std::move(looked_for)) {}

    StoreProperties properties() const override { return inner_.properties(); }
    Result<void> create(const ObjectName& name, ByteView bytes, std::stop_token stop) override;
    Result<Buffer> load(const ObjectName& name, ByteRange range, std::stop_token stop) override;
    Result<ObjectStat> stat(const ObjectName& name, std::stop_token stop) override;
    Result<void> list(std::string_view prefix, const ListFn& fn, std::stop_token stop) override;
    Result<void> remove(const ObjectName& name, std::stop_token stop) override;
    ObjectVersions* versions() override { return inner_.versions(); }
    ObjectLocks* locks() override { return inner_.locks(); }
    std::optional<StoreTraffic> traffic() const override { return inner_.traffic(); }

private:
    bool decides(std::string_view name) const;
    bool is_looked_for(std::string_view name) const;
    Result<Buffer> load_deleted(const ObjectName& name, ByteRange range, Result<Buffer> missing,
                                std::stop_token stop);
    /// The oldest content of a name; nothing if it has none. Denied is for the caller.
    Result<std::optional<ObjectVersion>> first_of(const ObjectName& name, std::stop_token stop);
    std::optional<ObjectVersion> known(const ObjectName& name) const;
    /// What one listing says of all that is read together with `name`.
    Result<void> learn_around(const ObjectName& name, std::stop_token stop);
    Result<void> learn(std::string_view prefix, const ObjectName* only, std::stop_token stop);

    Store& inner_;
    const std::vector<std::string> prefixes_, read_whole_, looked_for_;
    Guarded<std::map<std::string, ObjectVersion, std::less<>>> first_;  // oldest stays oldest
    Guarded<std::set<std::string, std::less<>>> learnt_;                // of read_whole_
};

}  // namespace perdure
