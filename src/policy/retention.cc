#include "policy/retention.h"

#include <algorithm>
#include <limits>
#include <map>
#include <numeric>
#include <optional>
#include <tuple>

#include "policy/span.h"

namespace perdure {

namespace {

/// Which hour, day, … a point lies in. Equal periods have equal values.
using Period = std::tuple<std::int64_t, std::int64_t, std::int64_t, std::int64_t>;
using PeriodOf = Period (*)(Time, const TimeZone&);

Period hour_of(Time time, const TimeZone& zone) {
    const CivilTime t = civil_time(time, zone);
    return {t.year, t.month, t.day, t.hour};
}
Period day_of(Time time, const TimeZone& zone) {
    const CivilTime t = civil_time(time, zone);
    return {t.year, t.month, t.day, 0};
}
Period week_of(Time time, const TimeZone& zone) {
    const CivilWeek w = civil_week(time, zone);
    return {w.year, w.week, 0, 0};
}
Period month_of(Time time, const TimeZone& zone) {
    const CivilTime t = civil_time(time, zone);
    return {t.year, t.month, 0, 0};
}
Period year_of(Time time, const TimeZone& zone) { return {civil_time(time, zone).year, 0, 0, 0}; }

/// A word of the policy that keeps one point a period.
struct Word {
    const char* name;
    PeriodOf period;            // null: every point is one of its own
    std::uint64_t left = 0;     // by number
    std::optional<Time> since;  // or by span: points after this
    std::string span;
    std::optional<Period> latest = {};  // the period that has its point
};

bool has_all(const PointFacts& point, const std::vector<std::string>& tags) {
    if (tags.empty()) return point.tags.empty();
    return std::all_of(tags.begin(), tags.end(), [&](const std::string& tag) {
        return std::find(point.tags.begin(), point.tags.end(), tag) != point.tags.end();
    });
}

std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
    return text;
}

/// The newest point that is not in the future. Without one, nothing is within any span.
std::optional<Time> newest(const std::vector<PointFacts>& points, Time now) {
    std::optional<Time> found;
    for (const PointFacts& point : points)
        if (point.time <= now && (!found || point.time > *found)) found = point.time;
    return found;
}

class Judge {
public:
    Judge(const RetentionPolicy& policy, const std::vector<PointFacts>& points, Time now,
          const TimeZone& zone)
        : policy_(policy), zone_(zone), now_(now), newest_(newest(points, now)) {
        const auto count = [&](const char* name, PeriodOf period, std::uint64_t number) {
            if (number > 0) words_.push_back({name, period, number, std::nullopt, ""});
        };
        count("last snapshot", nullptr, policy.last);
        count("hourly snapshot", hour_of, policy.hourly);
        count("daily snapshot", day_of, policy.daily);
        count("weekly snapshot", week_of, policy.weekly);
        count("monthly snapshot", month_of, policy.monthly);
        count("yearly snapshot", year_of, policy.yearly);
        verified_left_ = policy.verified;
        const auto within = [&](const char* name, PeriodOf period, const CalendarSpan& span) {
            if (!span.is_zero()) words_.push_back({name, period, 0, start_of(span), to_text(span)});
        };
        within("within", nullptr, policy.within);
        within("hourly within", hour_of, policy.within_hourly);
        within("daily within", day_of, policy.within_daily);
        within("weekly within", week_of, policy.within_weekly);
        within("monthly within", month_of, policy.within_monthly);
        within("yearly within", year_of, policy.within_yearly);
    }

    /// Points come newest first.
    Decision judge(const PointFacts& point, bool is_oldest) {
        Decision decision;
        auto& why = decision.reasons;
        if (point.is_protected) why.push_back("protected");
        for (const auto& tags : policy_.tags)
            if (has_all(point, tags))
                why.push_back(tags.empty() ? "has no tags" : "has tags " + joined(tags));
        if (point.is_verified && verified_left_ > 0) {
            if (verified_left_ != kUnlimited) --verified_left_;
            why.push_back("verified snapshot");
        }
        for (Word& word : words_) ask(word, point, is_oldest, why);
        decision.keep = !why.empty();
        if (!decision.keep) why.push_back("no rule keeps it");
        return decision;
    }

private:
    Time start_of(const CalendarSpan& span) const {
        return newest_ ? before(*newest_, span, zone_)
                       : Time{std::numeric_limits<std::int64_t>::max()};
    }

    void ask(Word& word, const PointFacts& point, bool is_oldest, std::vector<std::string>& why) {
        const bool by_span = word.since.has_value();
        if (by_span && point.time > now_) return why.push_back("in the future");
        if (by_span ? point.time <= *word.since : word.left == 0) return;
        bool is_new = word.period == nullptr;
        if (!is_new) {
            const Period period = word.period(point.time, zone_);
            is_new = word.latest != period;
            word.latest = period;
        }
        if (!is_new && !is_oldest) return;
        if (!by_span && word.left != kUnlimited) --word.left;
        why.push_back((is_new ? "" : "oldest ") + std::string(word.name) +
                      (by_span ? " " + word.span : ""));
    }

    const RetentionPolicy& policy_;
    const TimeZone& zone_;
    Time now_;
    std::optional<Time> newest_;
    std::vector<Word> words_;
    std::uint64_t verified_left_ = 0;
};

std::vector<std::string> sorted(std::vector<std::string> words) {
    std::sort(words.begin(), words.end());
    words.erase(std::unique(words.begin(), words.end()), words.end());
    return words;
}

}  // namespace

bool RetentionPolicy::is_empty() const {
    const bool counts = last || hourly || daily || weekly || monthly || yearly || verified;
    const bool spans = !within.is_zero() || !within_hourly.is_zero() || !within_daily.is_zero() ||
                       !within_weekly.is_zero() || !within_monthly.is_zero() ||
                       !within_yearly.is_zero();
    return !counts && !spans && tags.empty();
}

Result<std::uint64_t> parse_count(const std::string& text) {
    if (text == "unlimited") return kUnlimited;
    const bool digits = !text.empty() && text.size() <= 9 &&
                        text.find_first_not_of("0123456789") == std::string::npos;
    if (!digits)
        return Error(ErrorKind::InvalidInput, "\"" + text + "\" is no number of points")
            .with_hint("give a number, or unlimited");
    return std::stoull(text);
}

std::vector<Decision> decide(const RetentionPolicy& policy, const std::vector<PointFacts>& points,
                             Time now, const TimeZone& zone) {
    std::vector<Decision> decisions(points.size());
    if (policy.is_empty()) {
        for (Decision& decision : decisions) decision.reasons = {"the policy is empty"};
        return decisions;
    }
    std::vector<std::size_t> order(points.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return points[a].time > points[b].time; });
    Judge judge(policy, points, now, zone);
    for (std::size_t i = 0; i < order.size(); ++i)
        decisions[order[i]] = judge.judge(points[order[i]], i + 1 == order.size());
    for (Decision& decision : decisions) {
        auto& why = decision.reasons;  // several spans say "in the future"
        std::vector<std::string> once;
        for (std::string& reason : why)
            if (std::find(once.begin(), once.end(), reason) == once.end())
                once.push_back(std::move(reason));
        why = std::move(once);
    }
    return decisions;
}

Result<GroupBy> parse_group_by(const std::string& text) {
    GroupBy by{false, false, false};
    if (text.empty()) return by;
    for (std::size_t start = 0; start <= text.size();) {
        const std::size_t end = std::min(text.find(',', start), text.size());
        const std::string word = text.substr(start, end - start);
        if (word == "host" || word == "hosts")
            by.host = true;
        else if (word == "path" || word == "paths")
            by.paths = true;
        else if (word == "tag" || word == "tags")
            by.tags = true;
        else
            return Error(ErrorKind::InvalidInput, "cannot group by \"" + word + "\"")
                .with_hint("use host, paths and tags with commas, or \"\" for one group");
        start = end + 1;
    }
    return by;
}

std::vector<PointGroup> group_points(const std::vector<PointFacts>& points, const GroupBy& by) {
    using Key = std::tuple<std::string, std::vector<std::string>, std::vector<std::string>>;
    std::map<Key, std::vector<std::size_t>> places;
    for (std::size_t i = 0; i < points.size(); ++i) {
        Key key;
        if (by.host) std::get<0>(key) = points[i].host;
        if (by.paths) std::get<1>(key) = sorted(points[i].paths);
        if (by.tags) std::get<2>(key) = sorted(points[i].tags);
        places[std::move(key)].push_back(i);
    }
    std::vector<PointGroup> groups;
    for (auto& [key, members] : places)
        groups.push_back({std::get<0>(key), std::get<1>(key), std::get<2>(key), members});
    return groups;
}

}  // namespace perdure
