#include "policy/span.h"

#include "base/try.h"

namespace perdure {

namespace {

constexpr std::int64_t kMost = 99999;

Error no_span(std::string_view text) {
    return Error(ErrorKind::InvalidInput, "\"" + std::string(text) + "\" is no span of time")
        .with_hint("write it as 1y6m, 30d or 2d12h: years, months, days and hours");
}

std::int64_t* unit_of(CalendarSpan& span, char unit) {
    switch (unit) {
        case 'y': return &span.years;
        case 'm': return &span.months;
        case 'd': return &span.days;
        case 'h': return &span.hours;
        default: return nullptr;
    }
}

}  // namespace

Result<CalendarSpan> parse_span(std::string_view text) {
    CalendarSpan span;
    std::string seen;
    for (std::size_t at = 0; at < text.size(); ++at) {
        std::int64_t number = 0;
        const std::size_t begin = at;
        for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at) {
            number = number * 10 + (text[at] - '0');
            if (number > kMost) return no_span(text);
        }
        if (at == begin || at == text.size()) return no_span(text);
        std::int64_t* unit = unit_of(span, text[at]);
        if (unit == nullptr || seen.find(text[at]) != std::string::npos) return no_span(text);
        seen += text[at];
        *unit = number;
    }
    if (span.is_zero()) return no_span(text);
    return span;
}

std::string to_text(const CalendarSpan& span) {
    std::string text;
    const auto add = [&](std::int64_t number, char unit) {
        if (number != 0) text += std::to_string(number) + unit;
    };
    add(span.years, 'y');
    add(span.months, 'm');
    add(span.days, 'd');
    add(span.hours, 'h');
    return text;
}

}  // namespace perdure
