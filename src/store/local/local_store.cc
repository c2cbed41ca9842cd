#include "store/local/local_store.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/try.h"
#include "store/local/posix_disk.h"

namespace perdure {

namespace {

constexpr std::string_view kReserve = "reserve";

/// See the header: what an object cannot be called here although ObjectName allows it.
bool is_reserved(std::string_view name) {
    const auto first = name.substr(0, name.find('/'));
    return first == Publisher::kTempDirectory || name == kReserve || name.starts_with('.') ||
           name.find("/.") != std::string_view::npos;
}

Error not_found(const ObjectName& name) {
    return Error(ErrorKind::NotFound, "no object " + name.text());
}

Result<void> check_stop(const std::stop_token& stop, std::string_view what) {
    if (stop.stop_requested())
        return Error(ErrorKind::Cancelled, std::string(what) + ": asked to stop");
    return {};
}

bool is_no_space(const Result<void>& result) {
    return !result && result.error().kind() == ErrorKind::NoSpace;
}

/// In the order of full names: a directory sorts where the names below it do ('-' and '.' come
/// before '/').
void sort_for_listing(std::vector<DirectoryEntry>& entries) {
    for (auto& entry : entries)
        if (entry.status.type == FileType::Directory) entry.name += '/';
    std::sort(entries.begin(), entries.end(),
              [](const DirectoryEntry& a, const DirectoryEntry& b) { return a.name < b.name; });
}

/// True if a name that begins with `directory` (which ends in '/') can begin with `prefix`.
bool may_hold(std::string_view directory, std::string_view prefix) {
    return directory.starts_with(prefix) || prefix.starts_with(directory);
}

}  // namespace

struct LocalStore::Listing {
    std::string_view prefix;
    const ListFn& fn;
    const std::stop_token& stop;
};

Result<std::unique_ptr<LocalStore>> LocalStore::open(const std::string& path) {
    return open_on(PERDURE_TRY(PosixDisk::open(path)), "local directory " + path);
}

Result<std::unique_ptr<LocalStore>> LocalStore::initialize(const std::string& path) {
    return initialize_on(PERDURE_TRY(PosixDisk::create(path)), "local directory " + path);
}

Result<std::unique_ptr<LocalStore>> LocalStore::open_on(std::shared_ptr<Disk> disk,
                                                        std::string description,
                                                        LocalOptions options) {
    return std::unique_ptr<LocalStore>(
        new LocalStore(std::move(disk), std::move(description), options));
}

Result<std::unique_ptr<LocalStore>> LocalStore::initialize_on(std::shared_ptr<Disk> disk,
                                                              std::string description,
                                                              LocalOptions options) {
    auto store = PERDURE_TRY(open_on(std::move(disk), std::move(description), options));
    auto reserved = store->ensure_reserve();
    if (is_no_space(reserved))
        return std::move(reserved)
            .error()
            .context("preparing the " + store->description_)
            .with_hint("free space on that disk, or choose another one");
    PERDURE_TRY(std::move(reserved));
    return store;
}

StoreProperties LocalStore::properties() const {
    StoreProperties properties;
    properties.conditional_create = publisher_.possible();
    properties.description = description_;
    return properties;
}

Result<void> LocalStore::create(const ObjectName& name, ByteView bytes, std::stop_token stop) {
    PERDURE_TRY(check_stop(stop, name.text()));
    if (is_reserved(name.text()))
        return Error(ErrorKind::InvalidInput,
                     name.text() + " is not a name an object can have here");
    auto created =
        bytes.size() > kSmallObject ? create_large(name, bytes) : create_small(name, bytes);
    if (!is_no_space(created)) return created;
    return std::move(created)
        .error()
        .context("storing " + name.text() + " in the " + description_)
        .with_hint(
            "free space on that disk or enlarge it, then run this again; what was stored before "
            "can still be listed, checked and restored");
}

Result<void> LocalStore::create_large(const ObjectName& name, ByteView bytes) {
    PERDURE_TRY(ensure_reserve());
    return publisher_.publish(name.text(), bytes);
}

Result<void> LocalStore::create_small(const ObjectName& name, ByteView bytes) {
    auto published = publisher_.publish(name.text(), bytes);
    if (!is_no_space(published)) return published;
    release_reserve();
    return publisher_.publish(name.text(), bytes);
}

Result<Buffer> LocalStore::load(const ObjectName& name, ByteRange range, std::stop_token stop) {
    PERDURE_TRY(check_stop(stop, name.text()));
    if (is_reserved(name.text())) return not_found(name);
    static_assert(ByteRange::kToEnd == Disk::kToEnd);
    return disk_->read(name.text(), range.offset, range.length);
}

Result<ObjectStat> LocalStore::stat(const ObjectName& name, std::stop_token stop) {
    PERDURE_TRY(check_stop(stop, name.text()));
    if (is_reserved(name.text())) return not_found(name);
    const auto status = PERDURE_TRY(disk_->stat(name.text()));
    if (status.type != FileType::File) return not_found(name);
    return ObjectStat{status.size, status.modified_ns};
}

Result<void> LocalStore::list(std::string_view prefix, const ListFn& fn, std::stop_token stop) {
    PERDURE_TRY(list_directory("", {prefix, fn, stop}));
    return {};
}

/// `directory` is "" or ends in '/'. False once the caller has seen enough.
Result<bool> LocalStore::list_directory(const std::string& directory, const Listing& listing) {
    PERDURE_TRY(check_stop(listing.stop, "listing"));
    auto entries = disk_->list(directory.substr(0, directory.size() - !directory.empty()));
    if (!entries) {
        const bool gone = entries.error().kind() == ErrorKind::NotFound && !directory.empty();
        if (gone) return true;
        return std::move(entries).error();
    }
    sort_for_listing(*entries);
    for (const auto& entry : *entries) {
        const std::string name = directory + entry.name;
        const bool is_directory = entry.status.type == FileType::Directory;
        const auto as_name = name.substr(0, name.size() - is_directory);
        if (is_reserved(as_name) || !ObjectName::parse(as_name)) continue;
        if (is_directory) {
            if (!may_hold(name, listing.prefix)) continue;
            const bool more = PERDURE_TRY(list_directory(name, listing));
            if (!more) return false;
        } else if (entry.status.type == FileType::File && name.starts_with(listing.prefix)) {
            PERDURE_TRY(check_stop(listing.stop, "listing"));
            if (!listing.fn(name, {entry.status.size, entry.status.modified_ns})) return false;
        }
    }
    return true;
}

Result<void> LocalStore::remove(const ObjectName& name, std::stop_token stop) {
    PERDURE_TRY(check_stop(stop, name.text()));
    if (is_reserved(name.text())) return {};
    auto removed = disk_->unlink(name.text());
    if (is_no_space(removed)) {
        // File systems that never write in place need a little space even to free some.
        release_reserve();
        removed = disk_->unlink(name.text());
    }
    if (removed || removed.error().kind() == ErrorKind::NotFound) return {};
    const auto there = disk_->stat(name.text());
    if (there && there->type == FileType::Directory) return {};  // then no object has that name
    return removed;
}

Result<void> LocalStore::put_back(const ObjectName& name, ByteView bytes, std::stop_token stop) {
    PERDURE_TRY(check_stop(stop, name.text()));
    if (is_reserved(name.text()))
        return Error(ErrorKind::InvalidInput,
                     name.text() + " is not a name an object can have here");
    auto replaced = publisher_.replace(name.text(), bytes);
    if (replaced || replaced.error().kind() != ErrorKind::Unsupported) return replaced;
    return Store::put_back(name, bytes, std::move(stop));
}

/// Noise, as zeros could be stored as nothing. Repeated at a distance that no file system's
/// compression looks back: drawing all of it would take longer than writing it.
Buffer LocalStore::reserve_content() {
    constexpr std::size_t kPeriod = 1u << 20;
    Buffer noise(reserve_bytes_);
    const auto drawn = std::min<std::size_t>(kPeriod, noise.size());
    publisher_.fill_random({noise.data(), drawn});
    for (std::size_t at = drawn; at < noise.size(); at += drawn)
        std::memcpy(noise.data() + at, noise.data(), std::min(drawn, noise.size() - at));
    return noise;
}

Result<void> LocalStore::ensure_reserve() {
    const std::string path(kReserve);
    if (reserve_bytes_ == 0 || disk_->stat(path)) return {};
    const auto noise = reserve_content();
    auto made = publisher_.publish(path, noise);
    if (made || made.error().kind() == ErrorKind::AlreadyExists) return {};
    return std::move(made).context("making the space reserve");
}

/// Best effort: what could not be freed is noticed by the caller's next attempt.
void LocalStore::release_reserve() {
    if (disk_->unlink(std::string(kReserve))) {
        // Some file systems give blocks back only when the removal is durable.
        static_cast<void>(disk_->sync_directory("").has_value());
    }
}

}  // namespace perdure
