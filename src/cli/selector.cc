#include "cli/selector.h"

#include <algorithm>
#include <ctime>

#include "base/clock.h"
#include "base/try.h"

namespace perdure {

namespace {

bool contains(const std::vector<std::string>& list, const std::string& value) {
    return std::find(list.begin(), list.end(), value) != list.end();
}

/// A point that is meant by its id or digest and has expired.
const Point* find_expired(const PointList& list, const std::string& selector) {
    for (const Point& p : list.expired)
        if (short_text(p.session()) == selector ||
            (selector.size() >= 6 && p.digest.hex().starts_with(selector)))
            return &p;
    return nullptr;
}

/// All tags of "a,b".
bool has_all(const std::vector<std::string>& tags, const std::string& wanted) {
    for (std::size_t start = 0; start <= wanted.size();) {
        const std::size_t end = std::min(wanted.find(',', start), wanted.size());
        if (!contains(tags, wanted.substr(start, end - start))) return false;
        start = end + 1;
    }
    return true;
}

bool is_selector_number(std::string_view text) {
    return !text.empty() && text.size() <= 9 &&
           std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

struct Latest {
    std::size_t back = 0;
    std::string host, path;
};

std::optional<Latest> parse_latest(std::string_view text) {
    if (!text.starts_with("latest")) return std::nullopt;
    text.remove_prefix(6);
    Latest latest;
    if (const auto at = text.find('@'); at != std::string_view::npos) {
        std::string_view where = text.substr(at + 1);
        text = text.substr(0, at);
        if (const auto tilde = where.rfind('~');
            tilde != std::string_view::npos && is_selector_number(where.substr(tilde + 1))) {
            text = where.substr(tilde);
            where = where.substr(0, tilde);
        }
        const auto colon = where.find(':');
        latest.host = where.substr(0, colon);
        if (colon != std::string_view::npos) latest.path = where.substr(colon + 1);
    }
    if (text.empty()) return latest;
    if (!text.starts_with('~') || !is_selector_number(text.substr(1))) return std::nullopt;
    latest.back = static_cast<std::size_t>(std::stoul(std::string(text.substr(1))));
    return latest;
}

}  // namespace

Result<std::int64_t> parse_time(const std::string& text) {
    for (const char* format :
         {"%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M%z",
          "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%d"}) {
        std::tm parts{};
        const char* end = ::strptime(text.c_str(), format, &parts);
        if (end == nullptr || *end != '\0') continue;
        const long offset = parts.tm_gmtoff;  // timegm() takes no notice of it
        const auto seconds = static_cast<std::int64_t>(::timegm(&parts)) - offset;
        return time_of_seconds(seconds).nanoseconds;
    }
    return Error(ErrorKind::InvalidInput, "\"" + text + "\" is no time")
        .with_hint("write it as 2026-11-21 or 2026-11-21T09:47:00 (UTC)");
}

PointSelector split_selector(std::string_view text) {
    // "latest@HOST:PATH" names a point; a path to restore from it follows after one more colon.
    std::size_t from = 0;
    if (text.starts_with("latest") && text.find('@') != std::string_view::npos) {
        const auto colon = text.find(':');
        if (colon == std::string_view::npos) return {std::string(text), std::nullopt};
        from = colon + 1;
    }
    const auto colon = text.find(':', from);
    if (colon == std::string_view::npos) return {std::string(text), std::nullopt};
    return {std::string(text.substr(0, colon)), std::string(text.substr(colon + 1))};
}

Result<bool> matches(const Point& point, const PointFilter& filter) {
    const PointHeader& h = point.header;
    if (!filter.hosts.empty() && !contains(filter.hosts, h.host)) return false;
    for (const std::string& path : filter.paths)
        if (!contains(h.sources, path)) return false;
    if (!filter.tags.empty() &&
        std::none_of(filter.tags.begin(), filter.tags.end(),
                     [&](const std::string& wanted) { return has_all(point.tags, wanted); }))
        return false;
    if (!filter.before.empty()) {
        const std::int64_t before = PERDURE_TRY(parse_time(filter.before));
        if (h.finished_ns >= before) return false;
    }
    return true;
}

Result<Point> select_point(const PointList& list, const std::string& selector,
                           const PointFilter& filter) {
    std::vector<const Point*> candidates;
    for (const Point& point : list.points)
        if (PERDURE_TRY(matches(point, filter))) candidates.push_back(&point);
    const Error none = Error(ErrorKind::NotFound, "no point matches \"" + selector + "\"")
                           .with_hint("see `perdure list`");
    if (const auto latest = parse_latest(selector)) {
        std::erase_if(candidates, [&](const Point* p) {
            return (!latest->host.empty() && p->header.host != latest->host) ||
                   (!latest->path.empty() && !contains(p->header.sources, latest->path));
        });
        if (candidates.size() <= latest->back) return none;
        return *candidates[candidates.size() - 1 - latest->back];
    }
    for (const Point* p : candidates)
        if (short_text(p->session()) == selector) return *p;
    std::vector<const Point*> found;
    if (selector.size() >= 6 && selector.find_first_not_of("0123456789abcdef") == std::string::npos)
        for (const Point* p : candidates)
            if (p->digest.hex().starts_with(selector)) found.push_back(p);
    if (found.size() > 1)
        return Error(ErrorKind::InvalidInput, "several points begin with \"" + selector + "\"")
            .with_hint("give more digits");
    if (!found.empty()) return *found.front();
    if (const Point* expired = find_expired(list, selector))
        return Error(ErrorKind::NotFound,
                     "point " + short_text(expired->session()) + " has expired, " +
                         to_iso8601(Time{expired->expired_ns}) +
                         (expired->expired_reason.empty() ? "" : ": " + expired->expired_reason))
            .with_hint("its content may be gone; see `perdure list` for the points there are");
    return none;
}

}  // namespace perdure
