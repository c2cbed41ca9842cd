#include "support/crash_states.h"

#include <algorithm>
#include <optional>
#include <set>
#include <unordered_set>
#include <utility>

#include "base/random.h"

namespace perdure {

namespace {

using Kind = DiskChange::Kind;

bool is_change(const DiskChange& change) {
    return change.kind == Kind::Write || change.kind == Kind::AddEntry ||
           change.kind == Kind::RemoveEntry;
}

/// Whether `sync` makes `change` durable.
bool covers(const DiskChange& sync, const DiskChange& change) {
    if (sync.inode != change.inode) return false;
    return sync.kind == (change.kind == Kind::Write ? Kind::SyncFile : Kind::SyncDirectory);
}

/// What a disk may hold of a write that was not synced.
struct Tear {
    std::size_t index;      // of the change in the history
    std::uint64_t variant;  // numbers the tears of one change, from 1
    DiskChange change;
    std::string description;
};

DiskChange with_content(const DiskChange& write, Buffer content) {
    auto torn = write;
    torn.content = std::make_shared<const Buffer>(std::move(content));
    return torn;
}

std::vector<Tear> tears_of(std::size_t index, const DiskChange& write) {
    const Buffer& whole = *write.content;
    std::vector<Tear> tears;
    const auto add = [&](Buffer content, std::string what) {
        tears.push_back(
            {index, tears.size() + 1, with_content(write, std::move(content)), std::move(what)});
    };
    if (whole.empty()) return tears;
    add(Buffer(whole.size(), std::byte{0}), "all zero");
    for (const std::size_t sector : {std::size_t{512}, std::size_t{4096}}) {
        const auto cut = (whole.size() / 2 + sector - 1) / sector * sector;
        if (cut >= whole.size()) continue;
        const auto middle = static_cast<std::ptrdiff_t>(cut);
        add(Buffer(whole.begin(), whole.begin() + middle), "cut at " + std::to_string(cut));
        Buffer tail(whole.size(), std::byte{0});
        std::copy(whole.begin() + middle, whole.end(), tail.begin() + middle);
        add(std::move(tail), "zero below " + std::to_string(cut));
    }
    return tears;
}

/// Walks the history and keeps the durable state apart from the changes that are not durable yet.
/// As a sync covers all changes of its inode so far, each inode's changes become durable in order.
class Enumerator {
public:
    Enumerator(const DiskHistory& history, const CrashBounds& bounds,
               const std::function<bool(const CrashState&)>& fn)
        : history_(history),
          bounds_(bounds),
          fn_(fn),
          random_(bounds.seed),
          durable_(history.start) {}

    std::size_t run() {
        const auto& changes = history_.changes;
        for (prefix_ = 0; !stopped_; ++prefix_) {
            const bool last = prefix_ == changes.size();
            if (prefix_ >= bounds_.first && (last || prefix_ % bounds_.step == 0)) show_prefix();
            if (last) break;
            advance(prefix_);
        }
        return shown_;
    }

private:
    void advance(std::size_t index) {
        const auto& change = history_.changes[index];
        if (change.kind == Kind::Mark) marks_.push_back(change.mark);
        if (is_change(change)) pending_.push_back(index);
        if (change.kind != Kind::SyncFile && change.kind != Kind::SyncDirectory) return;
        std::erase_if(pending_, [&](std::size_t at) {
            if (!covers(change, history_.changes[at])) return false;
            apply(durable_, history_.changes[at]);
            durable_signature_ += signature(at, 0);
            return true;
        });
    }

    void show_prefix() {
        show({}, nullptr);
        show({pending_.begin(), pending_.end()}, nullptr);
        for (const auto at : pending_) show({at}, nullptr);
        show_pairs();
        for (const auto at : pending_) {
            if (history_.changes[at].kind != Kind::Write) continue;
            for (const auto& tear : tears_of(at, history_.changes[at])) show({}, &tear);
        }
        for (std::size_t i = 0; i < bounds_.samples && pending_.size() > 2; ++i) {
            std::set<std::size_t> dropped;
            for (const auto at : pending_)
                if (random_.below(2) == 0) dropped.insert(at);
            show(dropped, nullptr);
        }
    }

    void show_pairs() {
        const std::size_t n = pending_.size();
        if (n < 3) return;  // the pair would be everything
        if (n * (n - 1) / 2 <= bounds_.pairs) {
            for (std::size_t a = 0; a < n; ++a)
                for (std::size_t b = a + 1; b < n; ++b) show({pending_[a], pending_[b]}, nullptr);
            return;
        }
        for (std::size_t i = 0; i < bounds_.pairs; ++i)
            show({pending_[random_.below(n)], pending_[random_.below(n)]}, nullptr);
    }

    void show(const std::set<std::size_t>& dropped, const Tear* tear) {
        if (stopped_) return;
        std::uint64_t seen = durable_signature_;
        for (const auto at : pending_) {
            const bool torn = tear != nullptr && tear->index == at;
            if (!dropped.contains(at)) seen += signature(at, torn ? tear->variant : 0);
        }
        seen += signature(marks_.size(), ~std::uint64_t{0});
        if (!seen_.insert(seen).second) return;
        stopped_ = !fn_(build(dropped, tear)) || ++shown_ >= bounds_.max_states;
    }

    CrashState build(const std::set<std::size_t>& dropped, const Tear* tear) const {
        CrashState state{durable_, marks_, prefix_,
                         "after " + std::to_string(prefix_) + " changes"};
        for (const auto at : pending_) {
            const auto& change = history_.changes[at];
            if (dropped.contains(at)) {
                state.description += "; lost: " + change.describe();
            } else if (tear != nullptr && tear->index == at) {
                apply(state.image, tear->change);
                state.description += "; torn, " + tear->description + ": " + change.describe();
            } else {
                apply(state.image, change);
            }
        }
        keep_reachable(state.image);
        return state;
    }

    /// What no name leads to is gone after a crash.
    static void keep_reachable(DiskImage& image) {
        std::set<Inode> reached{DiskImage::kRoot};
        std::vector<Inode> next{DiskImage::kRoot};
        while (!next.empty()) {
            const auto inode = next.back();
            next.pop_back();
            for (const auto& [name, child] : image.nodes[inode].entries)
                if (reached.insert(child).second) next.push_back(child);
        }
        std::erase_if(image.nodes, [&](const auto& node) { return !reached.contains(node.first); });
    }

    /// A state is the sum of the changes in it; their order is that of the history.
    static std::uint64_t signature(std::uint64_t index, std::uint64_t variant) {
        return SeededRandom(index * 0x9e3779b97f4a7c15u + variant).next();
    }

    const DiskHistory& history_;
    const CrashBounds& bounds_;
    const std::function<bool(const CrashState&)>& fn_;
    SeededRandom random_;
    DiskImage durable_;
    std::uint64_t durable_signature_ = 0;
    std::vector<std::size_t> pending_;  // changes that are not durable, in order
    std::vector<std::uint64_t> marks_;
    std::unordered_set<std::uint64_t> seen_;
    std::size_t prefix_ = 0;
    std::size_t shown_ = 0;
    bool stopped_ = false;
};

/// Follows a history for ordering_violations().
class OrderChecker {
public:
    explicit OrderChecker(const DiskHistory& history) : history_(history) {
        const auto& root = history.start.nodes.at(DiskImage::kRoot);
        const auto temp = root.entries.find("tmp");
        if (temp != root.entries.end()) temp_ = temp->second;
    }

    std::vector<std::string> run() {
        for (const auto& change : history_.changes) step(change);
        return std::move(violations_);
    }

private:
    void step(const DiskChange& change) {
        switch (change.kind) {
            case Kind::Write: unsynced_files_.insert(change.inode); break;
            case Kind::SyncFile: unsynced_files_.erase(change.inode); break;
            case Kind::SyncDirectory: unsynced_names_.erase(change.inode); break;
            case Kind::AddEntry: add_entry(change); break;
            case Kind::RemoveEntry: unsynced_names_[change.inode].erase(change.name); break;
            case Kind::Mark: check_promise(change); break;
        }
    }

    void add_entry(const DiskChange& change) {
        const bool in_root = change.inode == DiskImage::kRoot;
        if (in_root && change.name == "tmp") temp_ = change.child;
        if (change.inode == temp_ || change.child == temp_) return;
        unsynced_names_[change.inode].insert(change.name);
        named_.insert(change.child);
        if (unsynced_files_.contains(change.child))
            violations_.push_back("named before its content was synced: " + change.describe());
    }

    void check_promise(const DiskChange& mark) {
        for (const auto& [directory, names] : unsynced_names_)
            for (const auto& name : names)
                violations_.push_back(mark.describe() + " before the name " + name + " was synced");
        for (const auto inode : unsynced_files_)
            if (named_.contains(inode))
                violations_.push_back(mark.describe() + " before inode " + std::to_string(inode) +
                                      " was synced");
    }

    const DiskHistory& history_;
    std::optional<Inode> temp_;
    std::set<Inode> unsynced_files_;
    std::set<Inode> named_;
    std::map<Inode, std::set<std::string>> unsynced_names_;
    std::vector<std::string> violations_;
};

}  // namespace

std::size_t for_each_crash_state(const DiskHistory& history, const CrashBounds& bounds,
                                 const std::function<bool(const CrashState&)>& fn) {
    return Enumerator(history, bounds, fn).run();
}

std::vector<std::string> ordering_violations(const DiskHistory& history) {
    return OrderChecker(history).run();
}

}  // namespace perdure
