#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "base/try.h"
#include "cli/command.h"
#include "cli/entry_text.h"
#include "cli/filter_options.h"
#include "cli/json.h"
#include "cli/open_point.h"
#include "cli/text.h"

namespace perdure {

namespace {

struct LsArguments {
    std::string selector;
    bool details = false, recursive = false;
    PointFilter filter;
};

class Listing {
public:
    Listing(const Context& context, const LsArguments& arguments, PointReader& reader)
        : context_(context), arguments_(arguments), reader_(reader) {}

    Result<void> root(const Root& root) {
        TreeCursor cursor = reader_.cursor(root);
        return below(cursor, {&root, ""}, true);
    }

    Result<void> path(const std::string& absolute) {
        const PointPath place = PERDURE_TRY(reader_.resolve(absolute));
        const TreeEntry entry = PERDURE_TRY(reader_.find(place));
        if (entry.entry.type != EntryType::Directory) {
            print(*place.root, entry.entry);
            return {};
        }
        TreeCursor cursor = reader_.cursor(*place.root);
        PERDURE_TRY(cursor.seek(place.path));
        return below(cursor, place, arguments_.recursive);
    }

private:
    /// What lies in the directory at `place`, and with `deep` the directory itself and all below.
    /// Otherwise what lies below its directories is skipped unread.
    Result<void> below(TreeCursor& cursor, const PointPath& place, bool deep) {
        while (auto entry = PERDURE_TRY(cursor.next())) {
            if (context_.stop().stop_requested()) return Error(ErrorKind::Cancelled, "interrupted");
            const Entry& e = entry->entry;
            if (e.path == place.path) {
                if (deep) print(*place.root, e);
                continue;
            }
            if (!is_beneath(e.path, place.path)) return {};
            print(*place.root, e);
            // The least path that comes after everything below a directory: '/' sorts below every
            // other byte.
            if (!deep && e.type == EntryType::Directory) PERDURE_TRY(cursor.seek(e.path + '\x01'));
        }
        return {};
    }

    void print(const Root& root, const Entry& entry) const {
        const std::string path = absolute_path(root, entry.path);
        if (context_.options.json)
            print_json("entry", to_json(entry, path));
        else
            fmt::print("{}\n", arguments_.details ? long_line(entry, path) : printable(path));
    }

    const Context& context_;
    const LsArguments& arguments_;
    PointReader& reader_;
};

Result<void> run_ls(Context& context, const LsArguments& arguments) {
    const auto point = PERDURE_TRY(open_point(context, arguments.selector, arguments.filter));
    Listing listing(context, arguments, *point.reader);
    if (point.path) return listing.path(*point.path);
    for (const Root& root : point.reader->body().roots) PERDURE_TRY(listing.root(root));
    return {};
}

}  // namespace

void add_ls_command(CLI::App& app, Context& context) {
    auto* command = app.add_subcommand("ls", "list what a point holds");
    auto a = std::make_shared<LsArguments>();
    command
        ->add_option("point", a->selector,
                     "POINT lists all of it, POINT:PATH one directory or file")
        ->required();
    command->add_flag("--long,-l", a->details, "mode, links, owner, size and time too");
    command->add_flag("--recursive,-R", a->recursive, "with a path: everything below it");
    add_filter_options(*command, a->filter);
    run_command(*command, context, [&context, a] { return run_ls(context, *a); });
}

}  // namespace perdure
