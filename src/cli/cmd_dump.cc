#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <memory>

#include "base/fd.h"
#include "base/try.h"
#include "cli/command.h"
#include "cli/filter_options.h"
#include "cli/json.h"
#include "cli/open_point.h"
#include "cli/say.h"
#include "cli/text.h"
#include "engine/dump.h"

namespace perdure {

namespace {

struct DumpArguments {
    std::string selector;
    bool archive = false;
    PointFilter filter;
};

Result<void> write_out(ByteView bytes) {
    while (!bytes.empty()) {
        const ssize_t put = ::write(STDOUT_FILENO, bytes.data(), bytes.size());
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return system_error(errno, "writing to standard output");
        bytes = bytes.subspan(static_cast<std::size_t>(put));
    }
    return {};
}

std::string last_component(std::string_view path) {
    while (path.ends_with('/')) path.remove_suffix(1);
    return std::string(path.substr(path.rfind('/') + 1));
}

std::string without_leading_slash(std::string_view path) {
    while (path.starts_with('/')) path.remove_prefix(1);
    return std::string(path);
}

Result<DumpResult> dump(Context& context, const DumpArguments& a, PointReader& reader,
                        const std::optional<std::string>& path) {
    std::vector<DumpItem> items;
    if (!path) {
        for (const Root& root : reader.body().roots)
            items.push_back({{&root, ""}, without_leading_slash(root.name)});
        // A stream is one file: it comes out as it went in.
        if (reader.point().header.kind == EndKind::Stream && !a.archive) {
            const TreeEntry entry = PERDURE_TRY(reader.find(items.front().from));
            return dump_file(reader, entry, write_out, context.stop());
        }
    } else {
        PointPath place = PERDURE_TRY(reader.resolve(*path));
        const TreeEntry entry = PERDURE_TRY(reader.find(place));
        if (entry.entry.type == EntryType::File && !a.archive)
            return dump_file(reader, entry, write_out, context.stop()).context(*path);
        items.push_back({std::move(place),
                         entry.entry.type == EntryType::Directory ? "" : last_component(*path)});
    }
    if (::isatty(STDOUT_FILENO) != 0)
        return Error(ErrorKind::InvalidInput, "an archive is not for a terminal")
            .with_hint("redirect it: perdure dump … > FILE.tar");
    return dump_tar(reader, items, write_out, context.stop());
}

Result<void> run_dump(Context& context, const DumpArguments& a) {
    const auto point = PERDURE_TRY(open_point(context, a.selector, a.filter));
    const DumpResult result = PERDURE_TRY(dump(context, a, *point.reader, point.path));
    // Standard output carries the content; what is to be said of it goes beside it.
    for (const DumpIssue& issue : result.issues)
        say("perdure: {}: {}\n", printable(issue.path), issue.text);
    if (!result.issues.empty()) context.exit_code = kExitPartial;
    return {};
}

}  // namespace

void add_dump_command(CLI::App& app, Context& context) {
    auto* command = app.add_subcommand(
        "dump", "write a file, or a directory as a tar archive, to standard output");
    auto a = std::make_shared<DumpArguments>();
    command->add_option("point", a->selector, "POINT:PATH; POINT alone is all of it")->required();
    command->add_flag("--archive,-a", a->archive, "a single file as an archive too");
    add_filter_options(*command, a->filter);
    command->footer("Names in the archive are relative to the directory; for a whole point, to /.");
    run_command(*command, context, [&context, a] { return run_dump(context, *a); });
}

}  // namespace perdure
