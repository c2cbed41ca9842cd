// A decorator that holds bytes back: what is created and what is loaded passes at most so fast. For
// stores that are not reached through net, whose client does the same within a transfer.
#pragma once

#include "base/rate_limiter.h"
#include "store/store_decorator.h"

namespace perdure {

class LimitedStore final : public StoreDecorator {
public:
    /// `inner` must outlive this. Bytes a second; 0: no limit.
    LimitedStore(Store& inner, std::uint64_t upload, std::uint64_t download, Clock& clock)
        : StoreDecorator(inner), upload_(upload, clock), download_(download, clock) {}

    Result<void> create(const ObjectName& name, ByteView bytes, std::stop_token stop) override;
    Result<Buffer> load(const ObjectName& name, ByteRange range, std::stop_token stop) override;
    Result<ObjectStat> stat(const ObjectName& name, std::stop_token stop) override;
    Result<void> list(std::string_view prefix, const ListFn& fn, std::stop_token stop) override;
    Result<void> remove(const ObjectName& name, std::stop_token stop) override;

private:
    RateLimiter upload_, download_;
};

}  // namespace perdure
