#include "source/files/listing_ahead.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <system_error>

namespace perdure {

namespace {

constexpr std::size_t kListingBuffer = 64 * 1024;
// Bounds the memory of a listing: larger directories are finished by the walk.
constexpr std::size_t kMaxStats = 2048;

enum Stage : int { Pending, Making, Made, Failed, Dropped };

}  // namespace

class ListingAhead::Request {
public:
    Request(std::shared_ptr<const DirectoryHandle> in, std::string_view called, std::size_t level)
        : parent(std::move(in)), name(called), depth(level) {}

    bool advance(int from, int to) { return stage.compare_exchange_strong(from, to); }

    std::shared_ptr<const DirectoryHandle> parent;
    std::string name;
    std::size_t depth;
    std::atomic<int> stage{Pending};
    Listing listing;  // the walk's from Made on
};

ListingAhead::ListingAhead(std::shared_ptr<const FilesRoot> root)
    : root_(std::move(root)), buffer_(kListingBuffer) {
    try {
        thread_ = std::thread([this] { run(); });
    } catch (const std::system_error&) {
        // No thread to be had: nothing is made ahead, and the walk lists for itself.
    }
}

ListingAhead::~ListingAhead() {
    state_.change([](State& s) {
        s.pending.clear();
        s.stopped = true;
    });
    if (thread_.joinable()) thread_.join();
}

std::shared_ptr<ListingAhead::Request> ListingAhead::ask(
    std::shared_ptr<const DirectoryHandle> parent, std::string_view name, std::size_t depth) {
    auto request = std::make_shared<Request>(std::move(parent), name, depth);
    state_.change([&](State& s) { s.pending.push_back(request); });
    return request;
}

std::optional<Listing> ListingAhead::take(Request& request) {
    if (request.advance(Pending, Dropped)) return std::nullopt;
    request.stage.wait(Making);
    if (request.stage != Made) return std::nullopt;
    return std::move(request.listing);
}

void ListingAhead::drop(Request& request) { request.advance(Pending, Dropped); }

std::shared_ptr<ListingAhead::Request> ListingAhead::next_of(State& state) {
    auto& pending = state.pending;
    std::erase_if(pending, [](const auto& request) { return request->stage != Pending; });
    const auto deepest =
        std::max_element(pending.begin(), pending.end(),
                         [](const auto& a, const auto& b) { return a->depth < b->depth; });
    if (deepest == pending.end()) return nullptr;
    auto request = std::move(*deepest);
    pending.erase(deepest);
    return request;
}

void ListingAhead::run() {
    for (;;) {
        bool stopped = false;
        const auto request =
            state_.wait([](const State& s) { return s.stopped || !s.pending.empty(); },
                        [&](State& s) {
                            stopped = s.stopped;
                            return next_of(s);
                        });
        if (stopped) return;
        if (!request || !request->advance(Pending, Making)) continue;
        bool made = false;
        try {
            made = make(*request);
        } catch (const std::exception&) {
            // No memory: the walk, which waits for this one, lists for itself.
        }
        request->stage = made ? Made : Failed;
        request->stage.notify_one();
    }
}

bool ListingAhead::make(Request& request) {
    Listing& listing = request.listing;
    const int parent = request.parent->fd();
    // What is mounted there is not even opened, which might mount it.
    if (root_->one_file_system &&
        (::fstatat(parent, request.name.c_str(), &listing.info, AT_SYMLINK_NOFOLLOW) != 0 ||
         listing.info.st_dev != request.parent->device()))
        return false;
    listing.fd = open_directory(parent, request.name.c_str());
    if (!listing.fd || ::fstat(listing.fd.get(), &listing.info) != 0) return false;
    if (root_->exclude_identities.contains({listing.info.st_dev, listing.info.st_ino}))
        return false;
    listing.listed = true;
    listing.failed = listing.names.read(listing.fd.get(), buffer_);
    listing.stats.resize(std::min(listing.names.size(), kMaxStats));
    for (std::size_t i = 0; i < listing.stats.size(); ++i) {
        NameStat& stat = listing.stats[i];
        if (::fstatat(listing.fd.get(), listing.names.c_str(i), &stat.info, AT_SYMLINK_NOFOLLOW) !=
            0)
            stat.failed = errno;
    }
    return true;
}

}  // namespace perdure
