// What the tests of the store contract (store_contract.h) are given: a store to be tested, and
// words to speak of it.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/random.h"
#include "store/store.h"

namespace perdure {

class StoreUnderTest {
public:
    virtual ~StoreUnderTest() = default;
    /// Empty at first.
    virtual Store& store() = 0;
    /// The same objects, opened anew. Called in forked children too.
    virtual std::unique_ptr<Store> open_again() { return nullptr; }
    /// What would be left had the power failed now.
    virtual std::unique_ptr<Store> after_power_loss() { return nullptr; }
    /// Leaves less space than an object of 256 KiB needs.
    virtual void fill() {}
};

struct StoreFactory {
    std::string name;
    std::function<std::unique_ptr<StoreUnderTest>()> make;
    friend void PrintTo(const StoreFactory& factory, std::ostream* out) { *out << factory.name; }
};

inline std::string store_factory_name(const testing::TestParamInfo<StoreFactory>& info) {
    return info.param.name;
}

inline ObjectName object(std::string_view text) { return ObjectName::parse(text).value(); }

inline Buffer noise(std::size_t size, std::uint64_t seed) {
    Buffer bytes(size);
    SeededRandom(seed).fill(bytes);
    return bytes;
}

class StoreContract : public testing::TestWithParam<StoreFactory> {
protected:
    StoreContract() : under_test_(GetParam().make()) {}

    Store& store() { return under_test_->store(); }
    StoreUnderTest& under_test() { return *under_test_; }

    Result<void> create(std::string_view name, ByteView bytes) {
        return store().create(object(name), bytes, {});
    }
    Result<void> create(std::string_view name, std::string_view text) {
        return create(name, as_bytes(text));
    }
    Result<Buffer> load(std::string_view name, ByteRange range = ByteRange::all()) {
        return store().load(object(name), range, {});
    }
    std::vector<std::string> list(std::string_view prefix = "") { return list_of(store(), prefix); }

    static std::vector<std::string> list_of(Store& store, std::string_view prefix = "") {
        std::vector<std::string> names;
        const auto listed = store.list(prefix,
                                       [&](std::string_view name, const ObjectStat&) {
                                           names.emplace_back(name);
                                           return true;
                                       },
                                       {});
        EXPECT_TRUE(listed) << listed.error().describe();
        return names;
    }
    static ErrorKind kind_of(const auto& result) {
        return result ? ErrorKind::Internal : result.error().kind();
    }

private:
    const std::unique_ptr<StoreUnderTest> under_test_;
};

class StoreContractThreads : public StoreContract {};
class StoreContractDurable : public StoreContract {};
class StoreContractProcesses : public StoreContract {};
class StoreContractFull : public StoreContract {};

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(StoreContract);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(StoreContractThreads);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(StoreContractDurable);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(StoreContractProcesses);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(StoreContractFull);

}  // namespace perdure
