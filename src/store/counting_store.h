// A decorator that counts: requests, and bytes of object content, per verb. For tests and benches
// that bound what an operation may ask of a store. Failed calls count as requests.
#pragma once

#include "base/guarded.h"
#include "store/store.h"

namespace perdure {

struct VerbCount {
    std::uint64_t requests = 0;
    std::uint64_t bytes =
        0;  // create: offered; load: answered; list: none, see StoreCounts::listed
    friend bool operator==(const VerbCount&, const VerbCount&) = default;
};

struct StoreCounts {
    VerbCount create, load, stat, list, remove;
    std::uint64_t listed = 0;  // names that list() handed out

    std::uint64_t requests() const {
        return create.requests + load.requests + stat.requests + list.requests + remove.requests;
    }
    friend bool operator==(const StoreCounts&, const StoreCounts&) = default;
};

class CountingStore final : public Store {
public:
    /// `inner` must outlive this.
    explicit CountingStore(Store& inner) : inner_(inner) {}

    StoreProperties properties() const override { return inner_.properties(); }
    Result<void> create(const ObjectName& name, ByteView bytes, std::stop_token stop) override;
    Result<Buffer> load(const ObjectName& name, ByteRange range, std::stop_token stop) override;
    Result<ObjectStat> stat(const ObjectName& name, std::stop_token stop) override;
    Result<void> list(std::string_view prefix, const ListFn& fn, std::stop_token stop) override;
    Result<void> remove(const ObjectName& name, std::stop_token stop) override;
    ObjectVersions* versions() override { return inner_.versions(); }
    ObjectLocks* locks() override { return inner_.locks(); }
    Result<bool> fall_back_to_first(const ObjectName& name, std::stop_token stop) override {
        return inner_.fall_back_to_first(name, std::move(stop));
    }
    Result<bool> is_covered(const ObjectName& name, std::stop_token stop) override {
        return inner_.is_covered(name, std::move(stop));
    }
    void judge_by(Judge judge) override { inner_.judge_by(std::move(judge)); }
    std::optional<StoreTraffic> traffic() const override { return inner_.traffic(); }

    StoreCounts counts() const {
        return counts_.with([](const StoreCounts& counts) { return counts; });
    }
    void reset() {
        counts_.with([](StoreCounts& counts) { counts = {}; });
    }

private:
    void add(VerbCount StoreCounts::*verb, std::uint64_t bytes);

    Store& inner_;
    Guarded<StoreCounts> counts_;
};

}  // namespace perdure
