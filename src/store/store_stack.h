// A store and its decorators as one store that owns them all.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "store/store.h"

namespace perdure {

class StoreStack final : public Store {
public:
    explicit StoreStack(std::unique_ptr<Store> bottom) { layers_.push_back(std::move(bottom)); }
    ~StoreStack() override {
        while (!layers_.empty()) layers_.pop_back();  // each refers to the one below it
    }

    /// Puts a decorator, built from the store below it and `args`, on top.
    template <class Decorator, class... Args>
    void add(Args&&... args) {
        layers_.push_back(std::make_unique<Decorator>(top(), std::forward<Args>(args)...));
    }
    /// Kept as long as the stores: what they refer to besides.
    void keep(std::shared_ptr<void> part) { parts_.push_back(std::move(part)); }

    StoreProperties properties() const override { return layers_.back()->properties(); }
    Result<void> create(const ObjectName& name, ByteView bytes, std::stop_token stop) override {
        return top().create(name, bytes, std::move(stop));
    }
    Result<Buffer> load(const ObjectName& name, ByteRange range, std::stop_token stop) override {
        return top().load(name, range, std::move(stop));
    }
    Result<ObjectStat> stat(const ObjectName& name, std::stop_token stop) override {
        return top().stat(name, std::move(stop));
    }
    Result<void> list(std::string_view prefix, const ListFn& fn, std::stop_token stop) override {
        return top().list(prefix, fn, std::move(stop));
    }
    Result<void> remove(const ObjectName& name, std::stop_token stop) override {
        return top().remove(name, std::move(stop));
    }
    Result<void> put_back(const ObjectName& name, ByteView bytes, std::stop_token stop) override {
        return top().put_back(name, bytes, std::move(stop));
    }
    ObjectVersions* versions() override { return top().versions(); }
    ObjectLocks* locks() override { return top().locks(); }
    Result<bool> fall_back_to_first(const ObjectName& name, std::stop_token stop) override {
        return top().fall_back_to_first(name, std::move(stop));
    }
    Result<bool> is_covered(const ObjectName& name, std::stop_token stop) override {
        return top().is_covered(name, std::move(stop));
    }
    void judge_by(Judge judge) override { top().judge_by(std::move(judge)); }
    std::optional<StoreTraffic> traffic() const override { return layers_.back()->traffic(); }

private:
    Store& top() { return *layers_.back(); }

    std::vector<std::shared_ptr<void>> parts_;  // outlive the layers
    std::vector<std::unique_ptr<Store>> layers_;
};

}  // namespace perdure
