#include "engine/point_source.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <unordered_map>

#include "base/try.h"

namespace perdure {

namespace {

constexpr std::size_t kKeptRecipes = 1U << 15;  // twice the files between a backup's walk and tree

using SharedRecipe = std::shared_ptr<const Recipe>;

/// Recipes of files that were walked, to be found again when they are opened.
class RecipeWindow {
public:
    void add(const std::string& path, SharedRecipe recipe) {
        state_.with([&](State& s) {
            if (!s.by_path.insert_or_assign(path, std::move(recipe)).second) return;
            s.order.push_back(path);
            if (s.order.size() <= kKeptRecipes) return;
            s.by_path.erase(s.order.front());
            s.order.pop_front();
        });
    }
    SharedRecipe find(const std::string& path) const {
        return state_.with([&](const State& s) -> SharedRecipe {
            const auto at = s.by_path.find(path);
            return at == s.by_path.end() ? nullptr : at->second;
        });
    }

private:
    struct State {
        std::unordered_map<std::string, SharedRecipe> by_path;
        std::deque<std::string> order;  // oldest first
    };
    Guarded<State> state_;
};

class PointFile final : public OpenFile {
public:
    PointFile(PointReader& reader, SharedRecipe recipe, std::stop_token stop)
        : reader_(reader), recipe_(std::move(recipe)), stop_(std::move(stop)) {
        std::uint64_t end = 0;
        for (const Run& run : *recipe_) ends_.push_back(end += run.length);
    }

    void read_ahead(std::uint64_t) override {}
    std::uint64_t size() const override { return ends_.empty() ? 0 : ends_.back(); }
    Result<bool> changed_since_open() override { return false; }
    bool may_be_sparse() const override {
        return std::any_of(recipe_->begin(), recipe_->end(),
                           [](const Run& run) { return run.is_hole(); });
    }

    Result<std::vector<DataExtent>> data_extents() override {
        std::vector<DataExtent> extents;
        for (std::size_t i = 0; i < recipe_->size(); ++i) {
            const Run& run = (*recipe_)[i];
            const std::uint64_t begin = ends_[i] - run.length;
            if (run.is_hole()) continue;
            if (!extents.empty() && extents.back().offset + extents.back().length == begin)
                extents.back().length += run.length;
            else
                extents.push_back({begin, run.length});
        }
        return extents;
    }

    Result<std::size_t> read(std::uint64_t offset, MutableByteView out) override {
        std::size_t done = 0;
        auto at = static_cast<std::size_t>(std::upper_bound(ends_.begin(), ends_.end(), offset) -
                                           ends_.begin());
        for (; done < out.size() && at < recipe_->size(); ++at) {
            const Run& run = (*recipe_)[at];
            const std::uint64_t skip = offset + done - (ends_[at] - run.length);
            const auto part = static_cast<std::size_t>(
                std::min<std::uint64_t>(run.length - skip, out.size() - done));
            const MutableByteView to = out.subspan(done, part);
            if (run.is_hole())
                std::memset(to.data(), 0, to.size());
            else
                PERDURE_TRY(read_run(run, skip, to));
            done += part;
        }
        return done;
    }

private:
    Result<void> read_run(const Run& run, std::uint64_t skip, MutableByteView to) {
        if (!block_ || run.pack != pack_ || run.slot != slot_) {
            block_ = PERDURE_TRY(reader_.blocks().read(run.pack, run.slot, stop_));
            pack_ = run.pack;
            slot_ = run.slot;
        }
        if (run.offset + skip + to.size() > block_->size())
            return Error(ErrorKind::Corrupt, "a recipe reaches past the end of its block");
        std::memcpy(to.data(), block_->data() + run.offset + skip, to.size());
        return {};
    }

    PointReader& reader_;
    SharedRecipe recipe_;
    std::stop_token stop_;
    std::vector<std::uint64_t> ends_;  // of each run
    std::shared_ptr<const Buffer> block_;
    PackNumber pack_{};
    std::uint32_t slot_ = 0;
};

class PointWalk final : public FileWalk {
public:
    PointWalk(PointReader& reader, const Root& root, RecipeWindow& recipes)
        : cursor_(reader.cursor(root)), recipes_(recipes) {}

    std::optional<WalkEvent> next() override {
        if (ended_) return std::nullopt;
        auto entry = cursor_.next();
        if (!entry) return fail(last_, entry.error());
        if (!*entry) return std::nullopt;
        last_ = (*entry)->entry.path;
        if (const auto whole = cursor_.complete(**entry); !whole) return fail(last_, whole.error());
        WalkedEntry walked;
        walked.entry = std::move((*entry)->entry);
        walked.name = walked.entry.path.substr(walked.entry.path.rfind('/') + 1);
        if (walked.entry.type == EntryType::File)
            recipes_.add(walked.entry.path,
                         std::make_shared<const Recipe>(std::move((*entry)->recipe)));
        return walked;
    }

    void skip_subtree() override { ended_ = ended_ || !cursor_.seek(last_ + '\x01'); }

private:
    /// What comes behind a page that cannot be read is not known: the walk ends.
    std::optional<WalkEvent> fail(const std::string& path, const Error& error) {
        ended_ = true;
        return Issue{IssueKind::Unreadable, path, error.describe()};
    }

    TreeCursor cursor_;
    RecipeWindow& recipes_;
    std::string last_;
    bool ended_ = false;
};

class PointSource final : public FileSource {
public:
    PointSource(PointReader& reader, const Root& root, std::stop_token stop)
        : reader_(reader), root_(root), stop_(std::move(stop)) {}

    std::unique_ptr<FileWalk> walk() override {
        return std::make_unique<PointWalk>(reader_, root_, recipes_);
    }

    std::variant<std::unique_ptr<OpenFile>, Issue> open(WalkedEntry& walked) override {
        SharedRecipe recipe = recipes_.find(walked.entry.path);
        if (!recipe) {
            auto found = reader_.find({&root_, walked.entry.path});
            if (!found)
                return Issue{IssueKind::Unreadable, walked.entry.path, found.error().describe()};
            recipe = std::make_shared<const Recipe>(std::move(found->recipe));
        }
        return std::make_unique<PointFile>(reader_, std::move(recipe), stop_);
    }

    std::vector<Issue> read_details(WalkedEntry&, const OpenFile*) override { return {}; }

private:
    PointReader& reader_;
    const Root& root_;
    const std::stop_token stop_;
    RecipeWindow recipes_;
};

}  // namespace

std::unique_ptr<FileSource> open_point_source(PointReader& reader, const Root& root,
                                              std::stop_token stop) {
    return std::make_unique<PointSource>(reader, root, std::move(stop));
}

}  // namespace perdure
