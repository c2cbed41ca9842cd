// What decorators have in common: whatever one does not change goes to the store inside, what only
// some stores can do included, so that no decorator hides it by not knowing of it.
//
// put_back() is not passed on: by store.h it is a remove() and a create() of the decorator.
#pragma once

#include <utility>

#include "store/store.h"

namespace perdure {

class StoreDecorator : public Store {
public:
    /// `inner` must outlive this.
    explicit StoreDecorator(Store& inner) : inner_(inner) {}
    /// Of a decorator around a decorator: that it wraps is meant, never a copy.
    StoreDecorator(const StoreDecorator&) = delete;
    StoreDecorator& operator=(const StoreDecorator&) = delete;

    StoreProperties properties() const override { return inner_.properties(); }
    Result<void> create(const ObjectName& name, ByteView bytes, std::stop_token stop) override {
        return inner_.create(name, bytes, std::move(stop));
    }
    Result<Buffer> load(const ObjectName& name, ByteRange range, std::stop_token stop) override {
        return inner_.load(name, range, std::move(stop));
    }
    Result<ObjectStat> stat(const ObjectName& name, std::stop_token stop) override {
        return inner_.stat(name, std::move(stop));
    }
    Result<void> list(std::string_view prefix, const ListFn& fn, std::stop_token stop) override {
        return inner_.list(prefix, fn, std::move(stop));
    }
    Result<void> remove(const ObjectName& name, std::stop_token stop) override {
        return inner_.remove(name, std::move(stop));
    }
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

protected:
    Store& inner_;
};

}  // namespace perdure
