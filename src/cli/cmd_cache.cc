// perdure cache: where the local caches lie, how large they are, and removing them.

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>

#include "app/machine.h"
#include "base/try.h"
#include "cli/command.h"
#include "cli/json.h"
#include "cli/text.h"

namespace perdure {

namespace {

namespace fs = std::filesystem;

struct CachedRepository {
    std::string repository;
    std::uint64_t files = 0;
    std::uint64_t bytes = 0;
};

CachedRepository measure(const fs::path& directory) {
    CachedRepository cached{directory.filename().string()};
    std::error_code failed;
    for (fs::recursive_directory_iterator at(directory, failed), end; !failed && at != end;
         at.increment(failed)) {
        std::error_code gone;
        if (at->is_symlink(gone) || !at->is_regular_file(gone)) continue;
        const auto size = at->file_size(gone);
        if (gone) continue;
        ++cached.files;
        cached.bytes += size;
    }
    return cached;
}

/// Only directories that are called like a repository: nothing else there is ours to count or
/// remove.
Result<std::vector<CachedRepository>> list_caches(const std::string& directory) {
    std::vector<CachedRepository> caches;
    std::error_code failed;
    for (fs::directory_iterator at(directory, failed), end; !failed && at != end;
         at.increment(failed)) {
        std::error_code gone;
        const bool ours = RepositoryId::from_hex(at->path().filename().string()).has_value();
        if (ours && !at->is_symlink(gone) && at->is_directory(gone))
            caches.push_back(measure(at->path()));
    }
    if (failed && failed != std::errc::no_such_file_or_directory)
        return system_error(failed.value(), "reading the cache " + directory);
    std::sort(caches.begin(), caches.end(),
              [](const auto& a, const auto& b) { return a.repository < b.repository; });
    return caches;
}

Result<void> run_cache(Context& context, bool clear) {
    const std::string directory = cache_directory(context.options.cache_directory);
    const auto caches = PERDURE_TRY(list_caches(directory));
    std::uint64_t bytes = 0;
    if (!context.options.json) fmt::print("caches lie in {}\n", printable(directory));
    for (const CachedRepository& cached : caches) {
        if (clear) {
            std::error_code failed;
            fs::remove_all(fs::path(directory) / cached.repository, failed);
            if (failed)
                return system_error(failed.value(),
                                    "removing " + directory + "/" + cached.repository);
        }
        bytes += cached.bytes;
        if (context.options.json)
            print_json("cache", {{"repository", cached.repository},
                                 {"directory", directory + "/" + cached.repository},
                                 {"files", cached.files},
                                 {"bytes", cached.bytes},
                                 {"removed", clear}});
        else
            fmt::print("{}  {:>11}  {} files{}\n", cached.repository, human_bytes(cached.bytes),
                       cached.files, clear ? ", removed" : "");
    }
    if (!context.options.json)
        fmt::print("{} repositories, {}{}\n", caches.size(), human_bytes(bytes),
                   clear ? " removed" : "");
    return {};
}

}  // namespace

void add_cache_command(CLI::App& app, Context& context) {
    auto* command = app.add_subcommand("cache", "show or remove the local caches");
    auto clear = std::make_shared<bool>(false);
    command->add_flag("--clear", *clear, "remove them: backups and restores need none");
    run_command(*command, context, [&context, clear] { return run_cache(context, *clear); });
}

}  // namespace perdure
