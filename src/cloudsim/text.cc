#include "cloudsim/text.h"

#include <charconv>
#include <ctime>

#include "base/hex.h"
#include "base/random.h"

namespace perdure::cloudsim {
namespace {

std::string formatted(Time time, const char* format) {
    std::time_t seconds = time.nanoseconds / kSecond;
    if (time.nanoseconds % kSecond < 0) --seconds;
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    char text[64];
    return std::string(text, std::strftime(text, sizeof text, format, &parts));
}

/// The rest of the text after what `format` took; nothing if it did not fit.
std::optional<std::string> scan(const std::string& text, const char* format, Time& time) {
    std::tm parts{};
    const char* end = ::strptime(text.c_str(), format, &parts);
    if (end == nullptr || parts.tm_year > 2200 - 1900) return std::nullopt;
    time = time_of_seconds(::timegm(&parts));
    return std::string(end);
}

}  // namespace

std::vector<std::string> split(const std::string& text, char separator) {
    std::vector<std::string> parts;
    std::size_t begin = 0;
    for (std::size_t end = 0; end != std::string::npos; begin = end + 1) {
        end = text.find(separator, begin);
        parts.push_back(text.substr(begin, end - begin));
    }
    return parts;
}

std::string join(const std::vector<std::string>& parts, std::string_view separator) {
    std::string text;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        if (i > 0) text += separator;
        text += parts[i];
    }
    return text;
}

std::string lower_case(std::string_view text) {
    std::string lower(text);
    for (char& c : lower)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return lower;
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
    std::uint64_t value = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || failed != std::errc() || end != text.data() + text.size())
        return std::nullopt;
    return value;
}

std::string iso_time(Time time) { return formatted(time, "%Y-%m-%dT%H:%M:%S.000Z"); }
std::string http_time(Time time) { return formatted(time, "%a, %d %b %Y %H:%M:%S GMT"); }

std::optional<Time> parse_iso_time(std::string_view given) {
    const std::string text(given);
    Time time;
    if (const auto rest = scan(text, "%Y-%m-%dT%H:%M:%S", time)) {
        std::size_t at = 0;
        if (rest->starts_with('.')) at = rest->find_first_not_of("0123456789", 1);
        const std::string zone = at == std::string::npos ? "" : rest->substr(at);
        if (zone.empty() || zone == "Z" || zone == "+00:00") return time;
        return std::nullopt;
    }
    const auto rest = scan(text, "%Y-%m-%d", time);
    if (rest && rest->empty()) return time;
    return std::nullopt;
}

std::optional<Time> parse_http_time(std::string_view text) {
    Time time;
    const auto rest = scan(std::string(text), "%a, %d %b %Y %H:%M:%S GMT", time);
    if (rest && rest->empty()) return time;
    return std::nullopt;
}

bool matches_wildcard(std::string_view pattern, std::string_view text) {
    std::size_t p = 0, t = 0, star = std::string_view::npos, resume = 0;
    while (t < text.size()) {
        if (p < pattern.size() && pattern[p] == '*') {
            star = p++;
            resume = t;
        } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
            ++p;
            ++t;
        } else if (star != std::string_view::npos) {
            p = star + 1;
            t = ++resume;
        } else {
            return false;
        }
    }
    while (p < pattern.size() && pattern[p] == '*') ++p;
    return p == pattern.size();
}

std::string random_hex(std::size_t bytes) {
    Buffer random(bytes);
    system_random().fill(random);
    return to_hex(random);
}

}  // namespace perdure::cloudsim
