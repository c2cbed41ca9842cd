// Memory that answers as a store over a network: reached by many connections at once. Counts.
#pragma once

#include "store/counting_store.h"
#include "store/memory_store.h"

namespace perdure {

class FarStore final : public StoreDecorator {
public:
    explicit FarStore(MemoryStore& memory)
        : StoreDecorator(static_cast<Store&>(counted)), counted(memory) {}
    StoreProperties properties() const override {
        StoreProperties properties;
        properties.connections = connections;
        return properties;
    }

    std::uint32_t connections = 8;
    CountingStore counted;
};

}  // namespace perdure
