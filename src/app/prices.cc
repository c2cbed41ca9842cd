#include "app/prices.h"

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "app/machine.h"
#include "base/try.h"

namespace perdure {

namespace {

constexpr std::string_view kBuiltIn = R"({
  "currency": "USD",
  "of": "S3 Standard list prices of 2026; edit to what you pay",
  "regions": {
    "default":        {"write_1000": 0.005,  "read_1000": 0.0004,  "stored_gib_month": 0.023},
    "us-east-1":      {"write_1000": 0.005,  "read_1000": 0.0004,  "stored_gib_month": 0.023},
    "us-west-2":      {"write_1000": 0.005,  "read_1000": 0.0004,  "stored_gib_month": 0.023},
    "eu-west-1":      {"write_1000": 0.005,  "read_1000": 0.0004,  "stored_gib_month": 0.023},
    "eu-central-1":   {"write_1000": 0.0054, "read_1000": 0.00043, "stored_gib_month": 0.0245},
    "ap-southeast-1": {"write_1000": 0.005,  "read_1000": 0.0004,  "stored_gib_month": 0.025}
  }
}
)";
// The end of a run: log entry twice, index, point, and what is looked at before.
constexpr std::uint64_t kWritesOfARun = 8;
constexpr std::uint64_t kReadsOfARun = 12;

struct Field {
    const char* name;
    double Prices::*member;
};
constexpr Field kFields[] = {{"write_1000", &Prices::write_1000},
                             {"read_1000", &Prices::read_1000},
                             {"stored_gib_month", &Prices::stored_gib_month}};

}  // namespace

std::string_view built_in_prices() { return kBuiltIn; }

Result<Prices> parse_prices(std::string_view text, std::string_view region,
                            const std::string& from) {
    const auto json = nlohmann::json::parse(text, nullptr, false);
    const auto wrong = [&](const std::string& what) {
        return Error(ErrorKind::InvalidInput, "the prices in " + from + ": " + what)
            .with_hint("`perdure store prices` prints a table to begin with");
    };
    if (!json.is_object() || !json.contains("regions") || !json["regions"].is_object())
        return wrong("no JSON object with regions");
    const auto& regions = json["regions"];
    auto at = regions.find(std::string(region));
    if (at == regions.end()) at = regions.find("default");
    if (at == regions.end() || !at->is_object()) return wrong("no region \"default\"");
    Prices prices;
    const auto currency = json.find("currency");
    if (currency == json.end() || !currency->is_string()) return wrong("no currency");
    prices.currency = currency->get<std::string>();
    for (const auto& [name, member] : kFields) {
        const auto price = at->find(name);
        if (price == at->end() || !price->is_number() || price->get<double>() < 0)
            return wrong(std::string("no price ") + name + " in \"" + at.key() + "\"");
        prices.*member = price->get<double>();
    }
    return prices;
}

Result<Prices> load_prices(std::string_view region) {
    const char* named = std::getenv("PERDURE_PRICES");
    const std::string path = named != nullptr ? named : config_directory() + "/prices.json";
    std::ifstream file(path);
    if (!file) {
        if (named != nullptr)
            return Error(ErrorKind::InvalidInput, "the prices in " + path + " cannot be read")
                .with_hint("check PERDURE_PRICES");
        return parse_prices(kBuiltIn, region, "this program");
    }
    std::ostringstream text;
    text << file.rdbuf();
    return parse_prices(text.str(), region, path);
}

double cost_of(const StoreTraffic& traffic, const Prices& prices) {
    return (static_cast<double>(traffic.writes) * prices.write_1000 +
            static_cast<double>(traffic.reads) * prices.read_1000) /
           1000;
}

double monthly_cost_of(std::uint64_t bytes, const Prices& prices) {
    return static_cast<double>(bytes) / (1U << 30) * prices.stored_gib_month;
}

StoreTraffic estimate_backup(std::uint64_t bytes, std::uint64_t pack_size) {
    StoreTraffic traffic;
    traffic.writes = kWritesOfARun + (bytes + pack_size - 1) / pack_size;
    traffic.reads = kReadsOfARun;
    traffic.sent = bytes;
    return traffic;
}

}  // namespace perdure
