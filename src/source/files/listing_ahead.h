// Lists directories ahead of a walk that will soon enter them, on a thread of its own: lstat of
// every entry is what a walk of an unchanged tree waits for, and the kernel answers two at once.
//
// A listing made ahead is as old as it is: what changes after it was made is for the next backup to
// see, as with any listing. Only what the walk would have opened itself is opened.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/guarded.h"
#include "source/files/listing.h"
#include "source/files/root.h"

namespace perdure {

/// The walk's thread asks and takes; memory and descriptors are bounded by how much it asks for.
class ListingAhead {
public:
    class Request;

    explicit ListingAhead(std::shared_ptr<const FilesRoot> root);
    ~ListingAhead();
    ListingAhead(const ListingAhead&) = delete;
    ListingAhead& operator=(const ListingAhead&) = delete;

    /// Deeper ones are made first, those of equal `depth` in the order of asking.
    std::shared_ptr<Request> ask(std::shared_ptr<const DirectoryHandle> parent,
                                 std::string_view name, std::size_t depth);
    /// Waits for one that is being made. Nothing if it was not begun, failed, or is not to be
    /// entered: the walk then does it, and says what is wrong. Call once.
    static std::optional<Listing> take(Request& request);
    /// No longer wanted.
    static void drop(Request& request);

private:
    struct State {
        std::vector<std::shared_ptr<Request>> pending;
        bool stopped = false;
    };

    void run();
    static std::shared_ptr<Request> next_of(State& state);
    bool make(Request& request);

    std::shared_ptr<const FilesRoot> root_;
    std::vector<char> buffer_;
    Guarded<State> state_;
    std::thread thread_;
};

}  // namespace perdure
