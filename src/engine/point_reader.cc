#include "engine/point_reader.h"

#include <algorithm>

#include "base/try.h"

namespace perdure {

PointReader::PointReader(const Repository& repository, const Point& point, std::size_t cache_bytes,
                         std::stop_token stop)
    : repository_(repository),
      point_(point),
      catalog_(repository, registry_),
      blocks_(repository, catalog_, cache_bytes),
      stop_(std::move(stop)) {
    blocks_.trust_only(point.session().writer);
}

Result<std::unique_ptr<PointReader>> PointReader::open(const Repository& repository,
                                                       const Point& point, std::size_t cache_bytes,
                                                       std::stop_token stop) {
    std::unique_ptr<PointReader> reader(new PointReader(repository, point, cache_bytes, stop));
    reader->body_ = PERDURE_TRY(repository.load_body(point, stop));
    return reader;
}

TreeCursor PointReader::cursor(const Root& root) {
    return TreeCursor(PageAddress{registry_.number_of(root.page.pack), root.page.slot}, registry_,
                      blocks_.page_loader(stop_));
}

Result<PointPath> PointReader::resolve(std::string_view absolute) const {
    while (absolute.size() > 1 && absolute.ends_with('/')) absolute.remove_suffix(1);
    const Root* best = nullptr;
    for (const Root& root : body_.roots) {
        const std::string_view name = root.name;
        const bool holds = absolute == name ||
                           (name == "/" ? absolute.starts_with('/') : is_beneath(absolute, name));
        if (holds && (best == nullptr || name.size() > best->name.size())) best = &root;
    }
    if (best == nullptr)
        return Error(ErrorKind::NotFound, "point " + short_text(point_.session()) + " holds no \"" +
                                              std::string(absolute) + "\"")
            .with_hint("see what it holds with `perdure ls " + short_text(point_.session()) + "`");
    std::string_view inside = absolute.substr(std::min(absolute.size(), best->name.size()));
    while (inside.starts_with('/')) inside.remove_prefix(1);
    return PointPath{best, std::string(inside)};
}

Result<TreeEntry> PointReader::find(const PointPath& place) {
    TreeCursor at = cursor(*place.root);
    PERDURE_TRY(at.seek(place.path));
    auto entry = PERDURE_TRY(at.next());
    if (!entry || entry->entry.path != place.path)
        return Error(ErrorKind::NotFound, "point " + short_text(point_.session()) + " holds no \"" +
                                              place.root->name + (place.path.empty() ? "" : "/") +
                                              place.path + "\"")
            .with_hint("see what it holds with `perdure ls " + short_text(point_.session()) + "`");
    PERDURE_TRY(at.complete(*entry));
    return std::move(*entry);
}

Result<void> PointReader::read(const Recipe& recipe, bool skip_holes, const ContentSink& sink,
                               std::stop_token stop) {
    static const Buffer zeros = [] {
        Buffer b(1U << 16);
        std::memset(b.data(), 0, b.size());
        return b;
    }();
    std::uint64_t offset = 0;
    for (std::size_t i = 0; i < recipe.size();) {
        if (stop.stop_requested()) return Error(ErrorKind::Cancelled, "interrupted");
        const Run& run = recipe[i];
        if (run.is_hole()) {
            for (std::uint64_t done = 0; !skip_holes && done < run.length;) {
                const auto part = std::min<std::uint64_t>(zeros.size(), run.length - done);
                PERDURE_TRY(sink(offset + done, ByteView(zeros).first(part)));
                done += part;
            }
            offset += run.length;
            ++i;
            continue;
        }
        const auto block = PERDURE_TRY(blocks_.read(run.pack, run.slot, stop));
        // Every run of this block that follows is served from the copy at hand.
        for (; i < recipe.size() && recipe[i].pack == run.pack && recipe[i].slot == run.slot; ++i) {
            const Run& part = recipe[i];
            if (part.offset + part.length > block->size())
                return Error(ErrorKind::Corrupt, "a recipe reaches past the end of its block");
            PERDURE_TRY(sink(offset, ByteView(*block).subspan(part.offset, part.length)));
            offset += part.length;
        }
    }
    return {};
}

}  // namespace perdure
