// A decorator for names that are created once and decide: on a store that keeps versions, the
// oldest one that authenticates is the object, whatever was written or deleted over it later. That
// matters once a repair put the object back over what covered it, and the store let go of the
// oldest.
//
// Whoever may write to a bucket may overwrite and delete there, or place a marker over a name and
// so free it; on a bucket that keeps versions none of this changes what such a name says. create()
// of a name that has any older version answers AlreadyExists, so G2 holds in the presence of
// markers. A listing shows names whose newest version is a deletion.
//
// Of other names, packs above all, the newest version is taken until a reader says that it is not
// what was stored: reading all of them by version would cost a listing each.
//
// A store without versions, and a credential that may not list them, are passed through.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/guarded.h"
#include "store/store_decorator.h"

namespace perdure {

class FirstVersionStore final : public StoreDecorator {
public:
    /// `inner` must outlive this. `prefixes`: what names that decide begin with. `read_whole`:
    /// those among them whose names are all read, one after the other: one listing tells what is
    /// there.
    FirstVersionStore(Store& inner, std::vector<std::string> prefixes,
                      std::vector<std::string> read_whole = {})
        : StoreDecorator(inner),
          prefixes_(std::move(prefixes)),
          read_whole_(std::move(read_whole)) {}

    Result<void> create(const ObjectName& name, ByteView bytes, std::stop_token stop) override;
    Result<Buffer> load(const ObjectName& name, ByteRange range, std::stop_token stop) override;
    Result<ObjectStat> stat(const ObjectName& name, std::stop_token stop) override;
    Result<void> list(std::string_view prefix, const ListFn& fn, std::stop_token stop) override;
    Result<void> remove(const ObjectName& name, std::stop_token stop) override;
    /// InvalidInput where an older version would still count.
    Result<void> put_back(const ObjectName& name, ByteView bytes, std::stop_token stop) override;
    /// Of names that do not decide, as those that do give their oldest version anyway.
    Result<bool> fall_back_to_first(const ObjectName& name, std::stop_token stop) override;
    Result<bool> is_covered(const ObjectName& name, std::stop_token stop) override;
    void judge_by(Judge judge) override {
        judge_.with(
            [&](auto& current) { current = std::make_shared<const Judge>(std::move(judge)); });
    }

private:
    bool decides(std::string_view name) const;
    void remember_first(const std::string& name, const std::vector<ObjectVersion>& contents);
    void remember_cover(const std::string& name, bool deleted, ObjectVersion newest);
    /// Whether load() and stat() give its oldest version.
    bool reads_first(const ObjectName& name) const;
    /// The oldest content of a name; nothing if it has none. Denied is for the caller.
    Result<std::optional<ObjectVersion>> first_of(const ObjectName& name, std::stop_token stop);
    std::optional<ObjectVersion> known(const ObjectName& name) const;
    /// What one listing says of all that is read together with `name`.
    Result<void> learn_around(const ObjectName& name, std::stop_token stop);
    Result<void> learn(std::string_view prefix, const ObjectName* only, std::stop_token stop);
    /// Of a name with several contents, the one that counts.
    Result<void> settle(const ObjectName& name, std::stop_token stop);

    const std::vector<std::string> prefixes_, read_whole_;
    Guarded<std::map<std::string, ObjectVersion, std::less<>>> first_;  // oldest stays oldest
    Guarded<std::set<std::string, std::less<>>> learnt_;                // of read_whole_
    Guarded<std::set<std::string, std::less<>>> fallen_back_;
    Guarded<std::map<std::string, ObjectVersion, std::less<>>> covered_by_;  // by their newest
    /// Of names that decide and had several: all, the oldest first, until one was chosen.
    Guarded<std::map<std::string, std::vector<ObjectVersion>, std::less<>>> contents_;
    Guarded<std::shared_ptr<const Judge>> judge_;
};

}  // namespace perdure
