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
    remember_records(point.opened);
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

namespace {

std::string joined(std::string_view root, std::string_view inside) {
    std::string path(root);
    if (inside.empty()) return path;
    if (!path.ends_with('/')) path += '/';
    return path.append(inside);
}

}  // namespace

std::string absolute_path(const Root& root, std::string_view inside) {
    return joined(root.name, inside);
}

std::string issue_path(std::string_view root, std::string_view path) {
    return path.starts_with('/') ? std::string(path) : joined(root, path);
}

}  // namespace perdure
