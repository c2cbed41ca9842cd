#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <memory>

#include "app/archive_upload.h"
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
    std::string archive;  // a format; "true" without one, as the parser has it; "" if not given
    std::string target;   // a file, or an object in S3; "" for standard output
    PointFilter filter;
};

/// Where a dump goes. A file that was not written whole is removed again.
class Output {
public:
    Output() = default;
    ~Output() {
        if (file_ && !whole_) ::unlink(name_.c_str());
    }
    Output(const Output&) = delete;
    Output& operator=(const Output&) = delete;

    /// AlreadyExists: nothing is overwritten.
    Result<void> create(const std::string& name, const Context& context) {
        if (is_archive_location(name)) {
            upload_ =
                PERDURE_TRY(begin_archive_upload(name, context.options.store, context.stop()));
            return {};
        }
        file_ = Fd(::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
        if (!file_ && errno == EEXIST)
            return Error(ErrorKind::AlreadyExists, name + ": is there already")
                .with_hint("name a file that does not exist yet");
        if (!file_) return system_error(errno, "creating " + name);
        name_ = name;
        return {};
    }
    bool is_terminal() const { return !upload_ && ::isatty(descriptor()) != 0; }

    Result<void> write(ByteView bytes) {
        if (upload_) return upload_->write(bytes);
        while (!bytes.empty()) {
            const ssize_t put = ::write(descriptor(), bytes.data(), bytes.size());
            if (put < 0 && errno == EINTR) continue;
            if (put < 0) return system_error(errno, "writing to " + name_);
            bytes = bytes.subspan(static_cast<std::size_t>(put));
        }
        return {};
    }
    /// What a file holds is on the disk when this returns.
    Result<void> finish() {
        if (upload_) return upload_->finish();
        if (file_ && ::fsync(file_.get()) != 0) return system_error(errno, "writing to " + name_);
        whole_ = true;
        return {};
    }

private:
    int descriptor() const { return file_ ? file_.get() : STDOUT_FILENO; }

    Fd file_;
    std::unique_ptr<ArchiveUpload> upload_;
    std::string name_ = "standard output";
    bool whole_ = false;
};

Result<ArchiveFormat> parse_format(const std::string& text) {
    if (text.empty() || text == "true" || text == "tar") return ArchiveFormat::Tar;
    if (text == "tar.zst") return ArchiveFormat::TarZstd;
    return Error(ErrorKind::InvalidInput, "\"" + text + "\" is no format of an archive")
        .with_hint("use --archive=tar or --archive=tar.zst");
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
                        const std::optional<std::string>& path, Output& output) {
    const ArchiveFormat format = PERDURE_TRY(parse_format(a.archive));
    const ByteSink write_out = [&](ByteView bytes) { return output.write(bytes); };
    std::vector<DumpItem> items;
    if (!path) {
        for (const Root& root : reader.body().roots)
            items.push_back({{&root, ""}, without_leading_slash(root.name)});
        // A stream is one file: it comes out as it went in.
        if (reader.point().header.kind == EndKind::Stream && a.archive.empty()) {
            const TreeEntry entry = PERDURE_TRY(reader.find(items.front().from));
            return dump_file(reader, entry, write_out, context.stop());
        }
    } else {
        PointPath place = PERDURE_TRY(reader.resolve(*path));
        const TreeEntry entry = PERDURE_TRY(reader.find(place));
        if (entry.entry.type == EntryType::File && a.archive.empty())
            return dump_file(reader, entry, write_out, context.stop()).context(*path);
        items.push_back({std::move(place),
                         entry.entry.type == EntryType::Directory ? "" : last_component(*path)});
    }
    if (output.is_terminal())
        return Error(ErrorKind::InvalidInput, "an archive is not for a terminal")
            .with_hint("redirect it: perdure dump … > FILE.tar");
    return dump_tar(reader, items, format, write_out, context.stop());
}

Result<void> run_dump(Context& context, const DumpArguments& a) {
    PERDURE_TRY(parse_format(a.archive));
    const auto point = PERDURE_TRY(open_point(context, a.selector, a.filter));
    Output output;
    if (!a.target.empty()) PERDURE_TRY(output.create(a.target, context));
    const DumpResult result = PERDURE_TRY(dump(context, a, *point.reader, point.path, output));
    PERDURE_TRY(output.finish());
    // Standard output carries the content; what is to be said of it goes beside it.
    for (const DumpIssue& issue : result.issues)
        say("perdure: {}: {}\n", printable(issue.path), issue.text);
    if (!result.issues.empty()) context.exit_code = kExitPartial;
    return {};
}

}  // namespace

void add_dump_command(CLI::App& app, Context& context) {
    auto* command = app.add_subcommand(
        "dump", "write a file, or a directory as a tar archive, to standard output or a file");
    auto a = std::make_shared<DumpArguments>();
    command->add_option("point", a->selector, "POINT:PATH; POINT alone is all of it")->required();
    command->add_flag("--archive,-a", a->archive,
                      "a single file as an archive too; --archive=tar.zst compresses it");
    command->add_option("--target,-t,--to", a->target,
                        "write to this new file, or to this new object: s3://BUCKET/OBJECT");
    add_filter_options(*command, a->filter);
    command->footer("Names in the archive are relative to the directory; for a whole point, to /.");
    run_command(*command, context, [&context, a] { return run_dump(context, *a); });
}

}  // namespace perdure
