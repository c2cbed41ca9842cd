// Which point a command means: lines of selector, tag, host, path and time.
#include "cli/selector.h"
#include "support/fuzz.h"

using namespace perdure;

namespace {

PointList some_points() {
    PointList list;
    for (std::uint64_t i = 1; i <= 6; ++i) {
        Point point;
        point.header.session = {WriterNumber{static_cast<std::uint32_t>(1 + i % 2)},
                                SessionNumber{i}};
        point.header.host = i % 2 == 0 ? "alpha" : "beta";
        point.header.sources = {"/srv", i % 3 == 0 ? "/etc" : "/home"};
        point.header.finished_ns = static_cast<std::int64_t>(i) * 86'400'000'000'000 * 3000;
        point.tags = {"daily", i % 2 == 0 ? "db" : "web"};
        point.digest = digest_of(as_bytes(std::to_string(i)));
        list.points.push_back(std::move(point));
    }
    return list;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const PointList list = some_points();
    fuzz::Input input(data, size);
    const std::string text(input.line());
    const PointSelector split = split_selector(text);
    fuzz::expect(split.point + (split.path ? ":" + *split.path : "") == text,
                 "a selector is a point and a path");
    PointFilter filter;
    for (auto* wanted : {&filter.tags, &filter.hosts, &filter.paths})
        if (const std::string_view word = input.line(); !word.empty()) wanted->emplace_back(word);
    filter.before = input.line();
    const auto point = select_point(list, split.point, filter);
    if (point)
        fuzz::expect(matches(*point, filter).value(), "what is chosen passes the filter");
    else if (point.error().kind() != ErrorKind::NotFound)
        fuzz::expect_blames_input(point.error());
    return 0;
}
