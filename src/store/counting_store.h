// A decorator that counts: requests, and bytes of object content, per verb. For tests and benches
// that bound what an operation may ask of a store. Failed calls count as requests.
#pragma once

#include "base/guarded.h"
#include "store/store_decorator.h"

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

class CountingStore final : public StoreDecorator {
public:
    /// `inner` must outlive this.
    using StoreDecorator::StoreDecorator;

    Result<void> create(const ObjectName& name, ByteView bytes, std::stop_token stop) override;
    Result<Buffer> load(const ObjectName& name, ByteRange range, std::stop_token stop) override;
    Result<ObjectStat> stat(const ObjectName& name, std::stop_token stop) override;
    Result<void> list(std::string_view prefix, const ListFn& fn, std::stop_token stop) override;
    Result<void> remove(const ObjectName& name, std::stop_token stop) override;

    StoreCounts counts() const {
        return counts_.with([](const StoreCounts& counts) { return counts; });
    }
    void reset() {
        counts_.with([](StoreCounts& counts) { counts = {}; });
    }

private:
    void add(VerbCount StoreCounts::*verb, std::uint64_t bytes);

    Guarded<StoreCounts> counts_;
};

}  // namespace perdure
