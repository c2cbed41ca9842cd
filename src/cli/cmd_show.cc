#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "base/clock.h"
#include "base/try.h"
#include "cli/command.h"
#include "cli/filter_options.h"
#include "cli/json.h"
#include "cli/open_point.h"
#include "cli/text.h"
#include "repo/ledger.h"
#include "source/issue.h"

namespace perdure {

namespace {

std::string consistency_text(std::uint32_t consistency) {
    constexpr const char* kNames[] = {"not said", "none", "crash", "filesystem", "application"};
    return consistency < std::size(kNames) ? kNames[consistency] : std::to_string(consistency);
}

std::string issue_text(std::uint8_t kind) {
    return std::string(to_string(static_cast<IssueKind>(kind)));
}

std::string path_of(const PointBody& body, const RecordedIssue& issue) {
    return issue_path(issue.root < body.roots.size() ? body.roots[issue.root].name : "",
                      issue.path);
}

void show_json(const PointReader& reader, std::optional<std::int64_t> verified) {
    const PointBody& body = reader.body();
    nlohmann::json fields = to_json(reader.point());
    const PointHeader& h = reader.point().header;
    fields["retention_class"] = h.retention_class;
    fields["locked_until"] =
        h.locked_until_ns == 0
            ? nlohmann::json()
            : nlohmann::json(to_iso8601({static_cast<std::int64_t>(h.locked_until_ns)}));
    fields["command"] = body.command;
    put_verified(fields, verified);
    fields["supersedes"] = nlohmann::json::array();
    for (const auto& session : h.supersedes)
        fields["supersedes"].push_back(short_text(session.session));
    if (body.origin)
        fields["origin"] = {{"repository", body.origin->repository.hex()},
                            {"point", short_text(body.origin->point.session)}};
    fields["roots"] = nlohmann::json::array();
    for (const Root& root : body.roots) {
        nlohmann::json one{{"kind", to_string(root.kind)},
                           {"statistics", to_json(root.statistics)},
                           {"consistency", consistency_text(root.consistency)}};
        put_bytes(one, "path", root.name);
        fields["roots"].push_back(std::move(one));
    }
    fields["issue_list"] = nlohmann::json::array();
    for (const RecordedIssue& issue : body.issues) {
        nlohmann::json one{{"kind", issue_text(issue.kind)}, {"text", issue.text}};
        put_bytes(one, "path", path_of(body, issue));
        fields["issue_list"].push_back(std::move(one));
    }
    print_json("point", std::move(fields));
}

void line(const char* name, const std::string& value) {
    fmt::print("{:<12} {}\n", std::string(name) + ":", value);
}

void show_statistics(const Statistics& s) {
    line("entries", fmt::format("{} ({} files, {} directories), {}", s.entries, s.files,
                                s.directories, human_bytes(s.bytes)));
    line("seen", fmt::format("{} captured, {} unchanged, {} excluded, {} failed", s.captured,
                             s.unchanged, s.excluded, s.failed));
    line("stored", fmt::format("{} read, {} new, {} stored", human_bytes(s.bytes_read),
                               human_bytes(s.bytes_new), human_bytes(s.bytes_stored)));
}

void show_text(const PointReader& reader, std::optional<std::int64_t> verified) {
    const Point& point = reader.point();
    const PointHeader& h = point.header;
    const PointBody& body = reader.body();
    line("point", short_text(h.session));
    line("digest", point.digest.hex());
    line("kind", std::string(to_string(h.kind)));
    line("host", printable(h.host));
    line("started", local_time(h.started_ns));
    line("finished",
         fmt::format("{} ({})", local_time(h.finished_ns),
                     human_duration(static_cast<double>(h.finished_ns - h.started_ns) / 1e9)));
    line("outcome", h.outcome == PointOutcome::Success
                        ? "success"
                        : fmt::format("partial ({})", counted(h.issues, "issue")));
    std::string tags;
    for (const std::string& tag : point.tags) tags += (tags.empty() ? "" : ", ") + printable(tag);
    line("tags", tags.empty() ? "none" : tags);
    line("retention",
         fmt::format("class {}{}", h.retention_class, point.is_protected ? ", protected" : ""));
    if (h.locked_until_ns != 0)
        line("locked",
             "until " + local_time(static_cast<std::int64_t>(h.locked_until_ns)) + " at the least");
    line("verified", verified ? local_time(*verified) : "never");
    line("previous", h.previous ? short_text(h.previous->session) : "none");
    if (body.origin)
        line("copy of", fmt::format("{} in repository {}", short_text(body.origin->point.session),
                                    body.origin->repository.hex()));
    line("program", printable(h.program));
    std::string command;
    for (const std::string& word : body.command)
        command += (command.empty() ? "" : " ") + printable(word);
    if (!command.empty()) line("command", command);
    show_statistics(h.statistics);
    for (const Root& root : body.roots) {
        fmt::print("\nroot {}\n", printable(root.name));
        fmt::print("  {}, {} entries, {} files, {}; consistency: {}\n", to_string(root.kind),
                   root.statistics.entries, root.statistics.files,
                   human_bytes(root.statistics.bytes), consistency_text(root.consistency));
    }
    if (body.issues.empty()) return;
    fmt::print("\n{}\n", counted(h.issues, "issue"));
    for (const RecordedIssue& issue : body.issues)
        fmt::print("  {}: {} ({})\n", printable(path_of(body, issue)), printable(issue.text),
                   issue_text(issue.kind));
    if (h.issues > body.issues.size()) fmt::print("  and {} more\n", h.issues - body.issues.size());
}

Result<void> run_show(Context& context, const std::string& selector, const PointFilter& filter) {
    const auto point = PERDURE_TRY(open_point(context, selector, filter));
    if (point.path)
        return Error(ErrorKind::InvalidInput, "show takes a point, without a path")
            .with_hint("see `perdure ls " + selector + "`");
    const Ledger ledger = PERDURE_TRY(load_ledger(*point.opened.repository, context.stop()));
    const auto verified = ledger.verified_at(point.reader->point());
    if (context.options.json)
        show_json(*point.reader, verified);
    else
        show_text(*point.reader, verified);
    return {};
}

}  // namespace

void add_show_command(CLI::App& app, Context& context) {
    auto* command = app.add_subcommand("show", "show everything about a point");
    auto selector = std::make_shared<std::string>();
    auto filter = std::make_shared<PointFilter>();
    command->add_option("point", *selector, "which point; see `perdure help selectors`")
        ->required();
    add_filter_options(*command, *filter);
    run_command(*command, context,
                [&context, selector, filter] { return run_show(context, *selector, *filter); });
}

}  // namespace perdure
