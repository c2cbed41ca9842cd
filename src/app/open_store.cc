#include "app/open_store.h"

#include <filesystem>

#include "app/open_s3.h"
#include "base/clock.h"
#include "base/try.h"
#include "store/limited_store.h"
#include "store/local/local_store.h"
#include "store/s3/s3_location.h"
#include "store/store_stack.h"

namespace perdure {

namespace {

Result<std::string> directory_of(const std::string& location) {
    if (location.empty())
        return Error(ErrorKind::InvalidInput, "no repository given")
            .with_hint("use -r DIRECTORY or -r s3://BUCKET/PREFIX, or set PERDURE_REPOSITORY");
    if (location.starts_with("file:")) return location.substr(5);
    for (const char* scheme : {"s3:", "sftp:", "rest:", "http:", "https:"})
        if (location.starts_with(scheme))
            return Error(
                ErrorKind::Unsupported,
                location + ": this version keeps repositories in local directories and S3");
    return location;
}

/// Names that a repository, or an interrupted init, may have at its top.
bool is_ours(const std::string& name) {
    static constexpr std::string_view kNames[] = {
        "perdure", "epochs", "keys",   "writers", "log",     "points",    "index",
        "packs",   "hints",  "merged", "gc",      "fate",    "closed",    "ledger",
        "imports", "parity", "aside",  "tmp",     "reserve", "lost+found"};
    for (const auto ours : kNames)
        if (name == ours) return true;
    return false;
}

/// With the limits that the options set.
std::unique_ptr<Store> limited(std::unique_ptr<Store> store, const StoreOptions& options) {
    if (options.upload_kib == 0 && options.download_kib == 0) return store;
    auto stack = std::make_unique<StoreStack>(std::move(store));
    stack->add<LimitedStore>(options.upload_kib << 10, options.download_kib << 10, system_clock());
    return stack;
}

}  // namespace

std::string local_directory(const std::string& location) {
    const auto directory = directory_of(location);
    return directory ? *directory : std::string();
}

Result<std::unique_ptr<Store>> open_store(const std::string& location,
                                          const StoreOptions& options) {
    if (is_s3_location(location)) return open_s3_store(location, options);
    const std::string directory = PERDURE_TRY(directory_of(location));
    auto store = LocalStore::open(directory);
    if (!store && store.error().kind() == ErrorKind::NotFound)
        return Error(ErrorKind::NoRepository,
                     "there is no repository at " + directory + ": no such directory")
            .with_hint("check the location, or make one with `perdure init`");
    return limited(PERDURE_TRY(std::move(store)), options);
}

Result<std::unique_ptr<Store>> make_store(const std::string& location,
                                          const StoreOptions& options) {
    if (is_s3_location(location)) return open_s3_store(location, options);
    const std::string directory = PERDURE_TRY(directory_of(location));
    std::error_code failed;
    if (std::filesystem::exists(directory, failed)) {
        if (!std::filesystem::is_directory(directory, failed))
            return Error(ErrorKind::InvalidInput, directory + ": is not a directory");
        for (const auto& entry : std::filesystem::directory_iterator(directory, failed))
            if (!is_ours(entry.path().filename()))
                return Error(ErrorKind::InvalidInput, directory + ": is not empty (it holds \"" +
                                                          entry.path().filename().string() + "\")")
                    .with_hint("use an empty or a new directory");
    }
    return limited(PERDURE_TRY(LocalStore::initialize(directory)), options);
}

}  // namespace perdure
