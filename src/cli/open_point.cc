#include "cli/open_point.h"

#include "base/try.h"

namespace perdure {

namespace {
// Blocks that a listing or a dump reads again soon: pages of the way down, and the block its files
// share.
constexpr std::size_t kCacheABlock = 32U << 20;
}  // namespace

Result<OpenedPoint> open_point(const Context& context, const std::string& text,
                               const PointFilter& filter) {
    OpenedPoint point;
    point.opened = PERDURE_TRY(context.open(Need::Owner));
    const PointList list = PERDURE_TRY(point.opened.repository->list_points(context.stop()));
    PointSelector selector = split_selector(text);
    const Point chosen = PERDURE_TRY(select_point(list, selector.point, filter));
    point.path = std::move(selector.path);
    point.reader = PERDURE_TRY(open_reader(context, point.opened, chosen));
    return point;
}

Result<std::unique_ptr<PointReader>> open_reader(const Context& context,
                                                 const OpenedRepository& opened,
                                                 const Point& point) {
    return PointReader::open(*opened.repository, point, kCacheABlock, context.stop());
}

std::string absolute_path(const Root& root, std::string_view inside) {
    if (inside.empty()) return root.name;
    return root.name + (root.name.ends_with('/') ? "" : "/") + std::string(inside);
}

}  // namespace perdure
