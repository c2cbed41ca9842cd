#include "cloudsim/policy_condition.h"

#include <arpa/inet.h>

#include <array>
#include <cstdlib>
#include <optional>

#include "cloudsim/text.h"

namespace perdure::cloudsim {
namespace {

constexpr std::array<std::string_view, 27> kOperators = {"StringEquals",
                                                         "StringNotEquals",
                                                         "StringEqualsIgnoreCase",
                                                         "StringNotEqualsIgnoreCase",
                                                         "StringLike",
                                                         "StringNotLike",
                                                         "NumericEquals",
                                                         "NumericNotEquals",
                                                         "NumericLessThan",
                                                         "NumericLessThanEquals",
                                                         "NumericGreaterThan",
                                                         "NumericGreaterThanEquals",
                                                         "DateEquals",
                                                         "DateNotEquals",
                                                         "DateLessThan",
                                                         "DateLessThanEquals",
                                                         "DateGreaterThan",
                                                         "DateGreaterThanEquals",
                                                         "Bool",
                                                         "IpAddress",
                                                         "NotIpAddress",
                                                         "ArnEquals",
                                                         "ArnNotEquals",
                                                         "ArnLike",
                                                         "ArnNotLike",
                                                         "Null",
                                                         "BinaryEquals"};

std::optional<double> number(const std::string& text) {
    char* end = nullptr;
    const double value = std::strtod(text.c_str(), &end);
    if (text.empty() || *end != '\0') return std::nullopt;
    return value;
}

std::optional<double> date(const std::string& text) {
    if (const auto time = parse_iso_time(text))
        return static_cast<double>(time->nanoseconds / kSecond);
    return number(text);
}

bool ordered(std::string_view how, double a, double b) {
    if (how == "LessThan") return a < b;
    if (how == "LessThanEquals") return a <= b;
    if (how == "GreaterThan") return a > b;
    if (how == "GreaterThanEquals") return a >= b;
    return a == b;
}

bool is_within(const std::string& address, const std::string& range) {
    const std::size_t slash = std::min(range.find('/'), range.size());
    in_addr actual{}, expected{};
    if (::inet_pton(AF_INET, address.c_str(), &actual) != 1 ||
        ::inet_pton(AF_INET, range.substr(0, slash).c_str(), &expected) != 1)
        return false;
    const std::uint64_t bits =
        slash < range.size() ? parse_number(range.substr(slash + 1)).value_or(33) : 32;
    if (bits > 32) return false;
    const std::uint32_t mask = bits == 0 ? 0 : ~std::uint32_t{0} << (32 - bits);
    return ((ntohl(actual.s_addr) ^ ntohl(expected.s_addr)) & mask) == 0;
}

/// "NumericNotEquals" is "NumericEquals" turned round.
std::string positive(std::string_view operation) {
    std::string text(operation);
    const std::size_t at = text.find("Not");
    if (at != std::string::npos) text.erase(at, 3);
    return text;
}

}  // namespace

bool is_condition_operator(std::string_view operation) {
    for (const std::string_view known : kOperators)
        if (known == operation) return true;
    return false;
}

bool is_negated(std::string_view operation) { return operation.find("Not") != std::string::npos; }

bool values_match(std::string_view given, const std::string& actual, const std::string& expected) {
    const std::string operation = positive(given);
    if (operation == "StringEquals" || operation == "BinaryEquals") return actual == expected;
    if (operation == "StringEqualsIgnoreCase" || operation == "Bool")
        return lower_case(actual) == lower_case(expected);
    if (operation == "StringLike" || operation.starts_with("Arn"))
        return matches_wildcard(expected, actual);
    if (operation == "IpAddress") return is_within(actual, expected);
    const bool is_date = operation.starts_with("Date");
    const auto a = is_date ? date(actual) : number(actual);
    const auto b = is_date ? date(expected) : number(expected);
    const std::string_view how = std::string_view(operation).substr(is_date ? 4 : 7);
    return a && b && ordered(how, *a, *b);
}

}  // namespace perdure::cloudsim
