#include "repo/retention_class.h"

#include <algorithm>
#include <charconv>

#include "base/try.h"
#include "store/store.h"

namespace perdure {

namespace {

constexpr std::size_t kLongestName = 32;

Error not_a_lock(std::string_view text) {
    return Error(ErrorKind::InvalidInput, "\"" + std::string(text) + "\" is no lock")
        .with_hint(
            "use none, or a mode and days, as in governance:30 or compliance:365, and "
            "perhaps a window, as in governance:30:7");
}

Result<std::uint32_t> parse_days(std::string_view text, std::string_view whole) {
    if (text.ends_with('d')) text.remove_suffix(1);
    std::uint32_t days = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), days);
    if (failed != std::errc() || end != text.data() + text.size() || days == 0)
        return not_a_lock(whole);
    return days;
}

const RetentionClass* find_class(const std::vector<RetentionClass>& classes,
                                 std::string_view name) {
    const auto at = std::find_if(classes.begin(), classes.end(),
                                 [&](const RetentionClass& c) { return c.name == name; });
    return at == classes.end() ? nullptr : &*at;
}

}  // namespace

const char* to_string(LockMode mode) {
    return mode == LockMode::Compliance ? "compliance" : "governance";
}

Result<std::optional<LockMode>> parse_lock_mode(std::string_view word) {
    if (word == "none") return std::optional<LockMode>();
    if (word == "governance") return std::optional(LockMode::Governance);
    if (word == "compliance") return std::optional(LockMode::Compliance);
    return not_a_lock(word);
}

Result<RetentionClass> parse_retention_class(std::string name, std::string_view text) {
    RetentionClass parsed;
    parsed.name = std::move(name);
    const auto colon = text.find(':');
    parsed.lock = PERDURE_TRY(parse_lock_mode(text.substr(0, colon)));
    if (!parsed.lock.has_value()) {
        if (colon != std::string_view::npos) return not_a_lock(text);
        return parsed;
    }
    if (colon == std::string_view::npos) return not_a_lock(text);
    const std::string_view days = text.substr(colon + 1);
    const auto second = days.find(':');
    parsed.lock_days = PERDURE_TRY(parse_days(days.substr(0, second), text));
    parsed.window_days = second == std::string_view::npos
                             ? std::clamp(parsed.lock_days / 4, 1U, 30U)
                             : PERDURE_TRY(parse_days(days.substr(second + 1), text));
    return parsed;
}

Result<void> check_retention_class(const RetentionClass& checked, std::uint32_t longest_days) {
    const auto invalid = [&](const std::string& why) {
        return Error(ErrorKind::InvalidInput, "retention class \"" + checked.name + "\": " + why);
    };
    const bool is_part = ObjectName::parse("packs/" + checked.name).has_value() &&
                         checked.name.find('/') == std::string::npos &&
                         checked.name.size() <= kLongestName;
    if (!is_part)
        return invalid("is no name").with_hint("use small letters, digits, '-', '_' and '.'");
    if (!checked.lock) return {};
    if (checked.lock_days == 0 || checked.window_days == 0)
        return invalid("a lock takes a period and a window of at least a day");
    const std::uint64_t longest = std::uint64_t{checked.lock_days} + checked.window_days;
    const std::uint32_t most = longest_days == 0 ? kMostLockDays : longest_days;
    if (longest > most)
        return invalid("would lock objects for " + std::to_string(longest) + " days, " +
                       std::to_string(most) + " are allowed here")
            .with_hint("a lock cannot be taken back: choose fewer days, or raise --longest");
    return {};
}

const std::vector<std::string>& shared_prefixes() {
    static const std::vector<std::string> prefixes = {
        "perdure", "epochs/", "keys/",   "writers/", "log/",     "points/", "index/",
        "gc/",     "fate/",   "closed/", "ledger/",  "imports/", "parity/", "aside/"};
    return prefixes;
}

std::optional<ObjectLocks::Period> shared_lock(const std::vector<RetentionClass>& classes) {
    std::optional<ObjectLocks::Period> longest;
    for (const RetentionClass& c : classes) {
        if (!c.lock) continue;
        if (!longest) longest.emplace();
        longest->mode = std::max(longest->mode, *c.lock);
        longest->ns = std::max(longest->ns, c.full_ns());
    }
    return longest;
}

std::optional<ObjectLocks::Period> lock_period_of(const std::vector<RetentionClass>& classes,
                                                  std::string_view name) {
    if (name.starts_with("packs/")) {
        const std::string_view rest = name.substr(6);
        const RetentionClass* found = find_class(classes, rest.substr(0, rest.find('/')));
        if (found == nullptr || !found->lock) return std::nullopt;
        return ObjectLocks::Period{*found->lock, found->full_ns()};
    }
    const auto& prefixes = shared_prefixes();
    const bool is_shared = std::any_of(prefixes.begin(), prefixes.end(), [&](const auto& prefix) {
        return prefix.ends_with('/') ? name.starts_with(prefix) : name == prefix;
    });
    return is_shared ? shared_lock(classes) : std::nullopt;
}

}  // namespace perdure
