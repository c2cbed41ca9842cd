#include "base/hex.h"

#include "base/check.h"

namespace perdure {

namespace {

constexpr char kDigits[] = "0123456789abcdef";

int digit_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
}

}  // namespace

std::string to_hex(ByteView bytes) {
    std::string text;
    text.reserve(bytes.size() * 2);
    for (std::byte b : bytes) {
        const auto value = std::to_integer<unsigned>(b);
        text.push_back(kDigits[value >> 4]);
        text.push_back(kDigits[value & 15]);
    }
    return text;
}

std::string to_hex(std::uint64_t value, int digits) {
    PERDURE_CHECK(digits >= 16 || value >> (4 * digits) == 0);
    std::string text(static_cast<std::size_t>(digits), '0');
    for (auto place = text.rbegin(); place != text.rend(); ++place, value >>= 4)
        *place = kDigits[value & 15];
    return text;
}

bool from_hex(std::string_view text, MutableByteView out) {
    if (text.size() != out.size() * 2) return false;
    for (std::size_t i = 0; i < out.size(); ++i) {
        const int high = digit_value(text[2 * i]);
        const int low = digit_value(text[2 * i + 1]);
        if (high < 0 || low < 0) return false;
        out[i] = static_cast<std::byte>(high << 4 | low);
    }
    return true;
}

std::optional<std::uint64_t> number_from_hex(std::string_view text, int digits) {
    if (text.size() != static_cast<std::size_t>(digits) || digits > 16) return std::nullopt;
    std::uint64_t value = 0;
    for (char c : text) {
        const int digit = digit_value(c);
        if (digit < 0) return std::nullopt;
        value = value << 4 | static_cast<std::uint64_t>(digit);
    }
    return value;
}

}  // namespace perdure
