#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <memory>
#include <set>

#include "app/endpoints.h"
#include "base/try.h"
#include "cli/command.h"
#include "cli/entry_text.h"
#include "cli/filter_options.h"
#include "cli/json.h"
#include "cli/open_point.h"
#include "cli/text.h"

namespace perdure {

namespace {

struct FindArguments {
    std::vector<std::string> patterns;
    std::vector<std::string> points;
    std::vector<std::string> types;
    std::string newer, older;
    bool latest = false, details = false;
    PointFilter filter;
};

/// What an entry must be to count.
struct Wanted {
    Patterns patterns;
    std::set<EntryType> types;  // empty: any
    std::optional<std::int64_t> newer_ns, older_ns;

    bool matches(const Entry& entry, const std::string& path) const {
        return (types.empty() || types.contains(entry.type)) &&
               (!newer_ns || entry.mtime_ns >= *newer_ns) &&
               (!older_ns || entry.mtime_ns < *older_ns) && patterns.exclude(path);
    }
};

Result<EntryType> parse_type(const std::string& text) {
    constexpr std::pair<const char*, EntryType> kTypes[] = {
        {"f", EntryType::File},       {"d", EntryType::Directory}, {"l", EntryType::Symlink},
        {"p", EntryType::Fifo},       {"s", EntryType::Socket},    {"c", EntryType::CharDevice},
        {"b", EntryType::BlockDevice}};
    for (const auto& [letter, type] : kTypes)
        if (text == letter || text == to_string(type)) return type;
    return Error(ErrorKind::InvalidInput,
                 "--type takes f, d, l, p, s, c or b, not \"" + text + "\"");
}

Result<Wanted> parse_wanted(const FindArguments& a) {
    Wanted wanted;
    wanted.patterns = PERDURE_TRY(Patterns::parse(a.patterns));
    for (const std::string& text : a.types) {
        const EntryType type = PERDURE_TRY(parse_type(text));
        wanted.types.insert(type);
    }
    if (!a.newer.empty()) wanted.newer_ns = PERDURE_TRY(parse_time(a.newer));
    if (!a.older.empty()) wanted.older_ns = PERDURE_TRY(parse_time(a.older));
    return wanted;
}

/// Searches points one after the other. Pages in which nothing was found are remembered, so that of
/// a series of points only what changed is read.
class Search {
public:
    Search(const Context& context, const Wanted& wanted, bool details)
        : context_(context), wanted_(wanted), details_(details) {}

    Result<void> point(PointReader& reader) {
        said_ = false;
        for (const Root& root : reader.body().roots) {
            const PageAddress page{reader.registry().number_of(root.page.pack), root.page.slot};
            PERDURE_TRY(below(reader, root, reader.blocks().page_loader(context_.stop()), page, 0));
        }
        return {};
    }
    std::uint64_t found() const { return found_; }

private:
    /// Whether anything was found at or below the page.
    Result<bool> below(PointReader& reader, const Root& root, const LoadPage& load,
                       PageAddress page, int depth) {
        constexpr int kMaxDepth = 16;
        if (context_.stop().stop_requested()) return Error(ErrorKind::Cancelled, "interrupted");
        const BirthAddress address = reader.registry().address(page.pack, page.slot);
        std::set<BirthAddress>& barren = barren_[root.name];
        if (barren.contains(address)) return false;
        const std::uint64_t before = found_;
        const auto raw = PERDURE_TRY(load(page));
        const PageKind kind = PERDURE_TRY(page_kind(*raw));
        if (kind == PageKind::Inner) {
            if (depth == kMaxDepth)
                return Error(ErrorKind::Corrupt, "tree: pages are nested too deep");
            for (const InnerChild& child : PERDURE_TRY(decode_inner_page(*raw, reader.registry())))
                PERDURE_TRY(below(reader, root, load, child.page, depth + 1));
        } else {
            for (const TreeEntry& entry :
                 PERDURE_TRY(decode_entries_page(*raw, reader.registry()))) {
                const std::string path = absolute_path(root, entry.entry.path);
                if (wanted_.matches(entry.entry, path)) print(reader.point(), entry.entry, path);
            }
        }
        if (found_ == before) barren.insert(address);
        return found_ != before;
    }

    void print(const Point& point, const Entry& entry, const std::string& path) {
        ++found_;
        const std::string id = short_text(point.session());
        if (context_.options.json) {
            nlohmann::json fields = to_json(entry, path);
            fields["point"] = id;
            print_json("match", std::move(fields));
            return;
        }
        if (!said_ && !context_.options.quiet)
            fmt::print("{}in point {} of {}, {}\n", found_ > 1 ? "\n" : "", id,
                       printable(point.header.host), local_time(point.header.finished_ns));
        said_ = true;
        fmt::print("{}\n", details_ ? long_line(entry, path) : printable(path));
    }

    const Context& context_;
    const Wanted& wanted_;
    const bool details_;
    std::map<std::string, std::set<BirthAddress>> barren_;  // by root, since patterns see its name
    std::uint64_t found_ = 0;
    bool said_ = false;
};

Result<std::vector<Point>> choose_points(const PointList& list, const FindArguments& a) {
    std::vector<std::string> selectors = a.points;
    if (a.latest) selectors.push_back("latest");
    std::vector<Point> points;
    for (const std::string& selector : selectors) {
        Point point = PERDURE_TRY(select_point(list, selector, a.filter));
        points.push_back(std::move(point));
    }
    if (!selectors.empty()) return points;
    for (const Point& point : list.points) {
        const bool wanted = PERDURE_TRY(matches(point, a.filter));
        if (wanted) points.push_back(point);
    }
    return points;
}

Result<void> run_find(Context& context, const FindArguments& a) {
    const Wanted wanted = PERDURE_TRY(parse_wanted(a));
    const auto opened = PERDURE_TRY(context.open(Need::Owner));
    remember_records(opened);
    const PointList list = PERDURE_TRY(opened.repository->list_points(context.stop()));
    const std::vector<Point> points = PERDURE_TRY(choose_points(list, a));
    Search search(context, wanted, a.details);
    for (const Point& point : points) {
        const auto reader = PERDURE_TRY(open_reader(context, opened, point));
        PERDURE_TRY(search.point(*reader));
    }
    if (context.options.json)
        print_json("summary", {{"points", points.size()}, {"matches", search.found()}});
    else if (search.found() == 0)
        print_note(context, fmt::format("nothing found in {} points", points.size()));
    return {};
}

}  // namespace

void add_find_command(CLI::App& app, Context& context) {
    auto* command = app.add_subcommand("find", "find files in points");
    auto a = std::make_shared<FindArguments>();
    command->add_option("patterns", a->patterns, "names or paths; see `perdure help patterns`")
        ->required();
    command->add_option("--point", a->points, "only in this point (repeatable; default: in all)")
        ->allow_extra_args(false);
    command->add_flag("--latest", a->latest, "only in the latest point");
    command
        ->add_option("--type", a->types,
                     "only f(iles), d(irectories), l(inks), p, s, c or b (repeatable)")
        ->allow_extra_args(false);
    command->add_option("--newer", a->newer, "modified at this time or after it (UTC)");
    command->add_option("--older", a->older, "modified before this time (UTC)");
    command->add_flag("--long,-l", a->details, "mode, links, owner, size and time too");
    add_filter_options(*command, a->filter);
    run_command(*command, context, [&context, a] { return run_find(context, *a); });
}

}  // namespace perdure
