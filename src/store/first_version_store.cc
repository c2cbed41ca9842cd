#include "store/first_version_store.h"

#include <algorithm>

#include "base/try.h"

namespace perdure {

namespace {

/// The versions of one name, as a listing hands them out.
struct Name {
    std::string text;
    std::optional<ObjectVersion> oldest, newest;  // with content
    bool deleted = false;

    void add(const ObjectVersion& version) {
        if (version.is_newest) deleted = version.is_deletion;
        if (version.is_deletion) return;
        if (!newest) newest = version;
        oldest = version;
    }
};

}  // namespace

bool FirstVersionStore::decides(std::string_view name) const {
    return std::any_of(prefixes_.begin(), prefixes_.end(),
                       [&](const std::string& prefix) { return name.starts_with(prefix); });
}

std::optional<ObjectVersion> FirstVersionStore::known(const ObjectName& name) const {
    return first_.with([&](const auto& first) -> std::optional<ObjectVersion> {
        const auto at = first.find(name.text());
        return at == first.end() ? std::nullopt : std::optional(at->second);
    });
}

Result<void> FirstVersionStore::learn(std::string_view prefix, const ObjectName* only,
                                      std::stop_token stop) {
    Name name;
    const auto remember = [&] {
        if (name.oldest)
            first_.with([&](auto& first) { first.insert_or_assign(name.text, *name.oldest); });
    };
    PERDURE_TRY(inner_.versions()->list(
        prefix,
        [&](std::string_view listed, const ObjectVersion& version) {
            if (only != nullptr && listed != only->text()) return listed < only->text();
            if (listed != name.text) {
                remember();
                name = Name{std::string(listed), {}, {}, false};
            }
            name.add(version);
            return true;
        },
        std::move(stop)));
    remember();
    return {};
}

Result<void> FirstVersionStore::learn_around(const ObjectName& name, std::stop_token stop) {
    for (const std::string& prefix : read_whole_) {
        if (!name.text().starts_with(prefix)) continue;
        const bool fresh = learnt_.with([&](auto& learnt) { return learnt.insert(prefix).second; });
        if (fresh) PERDURE_TRY(learn(prefix, nullptr, stop));
    }
    return {};
}

Result<std::optional<ObjectVersion>> FirstVersionStore::first_of(const ObjectName& name,
                                                                 std::stop_token stop) {
    if (auto first = known(name)) return first;
    PERDURE_TRY(learn_around(name, stop));
    if (auto first = known(name)) return first;
    // It may be newer than what was learnt.
    PERDURE_TRY(learn(name.text(), &name, std::move(stop)));
    return known(name);
}

Result<void> FirstVersionStore::create(const ObjectName& name, ByteView bytes,
                                       std::stop_token stop) {
    PERDURE_TRY(inner_.create(name, bytes, stop));
    if (!decides(name.text()) || inner_.versions() == nullptr) return {};
    std::size_t contents = 0;
    ObjectVersion ours;
    const auto listed = inner_.versions()->list(
        name.text(),
        [&](std::string_view found, const ObjectVersion& version) {
            if (found == name.text() && !version.is_deletion) {
                ++contents;
                ours = version;
            }
            return found <= name.text();
        },
        std::move(stop));
    if (!listed && listed.error().kind() == ErrorKind::Denied) return {};
    if (!listed)  // it was created, but perhaps over something
        return Error(ErrorKind::Timeout, listed.error().describe());
    if (contents == 1) first_.with([&](auto& first) { first.insert_or_assign(name.text(), ours); });
    if (contents <= 1) return {};
    return Error(ErrorKind::AlreadyExists,
                 name.text() + ": has an older version under a deletion that somebody placed");
}

bool FirstVersionStore::is_looked_for(std::string_view name) const {
    return std::any_of(looked_for_.begin(), looked_for_.end(),
                       [&](const std::string& prefix) { return name.starts_with(prefix); });
}

/// The oldest content under a deletion; `missing` if there is none, or it may not be seen.
Result<Buffer> FirstVersionStore::load_deleted(const ObjectName& name, ByteRange range,
                                               Result<Buffer> missing, std::stop_token stop) {
    std::optional<ObjectVersion> oldest;
    const auto listed = inner_.versions()->list(
        name.text(),
        [&](std::string_view found, const ObjectVersion& version) {
            if (found == name.text() && !version.is_deletion) oldest = version;
            return found <= name.text();
        },
        stop);
    if (!listed || !oldest) return missing;
    return inner_.versions()->load(name, oldest->id, range, std::move(stop));
}

Result<Buffer> FirstVersionStore::load(const ObjectName& name, ByteRange range,
                                       std::stop_token stop) {
    if (!decides(name.text()) || inner_.versions() == nullptr) {
        auto content = inner_.load(name, range, stop);
        const bool is_gone = !content && content.error().kind() == ErrorKind::NotFound;
        if (!is_gone || !is_looked_for(name.text()) || inner_.versions() == nullptr) return content;
        return load_deleted(name, range, std::move(content), std::move(stop));
    }
    for (int attempt = 0;; ++attempt) {
        const auto first = first_of(name, stop);
        if (!first && first.error().kind() == ErrorKind::Denied)
            return inner_.load(name, range, std::move(stop));
        const auto version = PERDURE_TRY(Result<std::optional<ObjectVersion>>(first));
        if (!version) return Error(ErrorKind::NotFound, name.text() + ": no such object");
        auto content = inner_.versions()->load(name, version->id, range, stop);
        const bool gone = !content && content.error().kind() == ErrorKind::NotFound;
        if (!gone || attempt > 0) return content;
        first_.with([&](auto& known) { known.erase(name.text()); });  // it has expired meanwhile
    }
}

Result<ObjectStat> FirstVersionStore::stat(const ObjectName& name, std::stop_token stop) {
    if (!decides(name.text()) || inner_.versions() == nullptr)
        return inner_.stat(name, std::move(stop));
    const auto first = first_of(name, stop);
    if (!first && first.error().kind() == ErrorKind::Denied)
        return inner_.stat(name, std::move(stop));
    const auto version = PERDURE_TRY(Result<std::optional<ObjectVersion>>(first));
    if (!version) return Error(ErrorKind::NotFound, name.text() + ": no such object");
    return ObjectStat{version->size, version->modified_ns};
}

Result<void> FirstVersionStore::list(std::string_view prefix, const ListFn& fn,
                                     std::stop_token stop) {
    const bool any_decides =
        decides(prefix) || std::any_of(prefixes_.begin(), prefixes_.end(), [&](const auto& ours) {
            return std::string_view(ours).starts_with(prefix);
        });
    if (!any_decides || inner_.versions() == nullptr)
        return inner_.list(prefix, fn, std::move(stop));
    Name name;
    const auto hand_out = [&] {
        const bool deciding = decides(name.text);
        if (!name.oldest || (name.deleted && !deciding)) return true;
        if (deciding)
            first_.with([&](auto& first) { first.insert_or_assign(name.text, *name.oldest); });
        const ObjectVersion& shown = deciding ? *name.oldest : *name.newest;
        return fn(name.text, {shown.size, shown.modified_ns});
    };
    bool goes_on = true, any = false;
    const auto listed = inner_.versions()->list(
        prefix,
        [&](std::string_view found, const ObjectVersion& version) {
            any = true;
            if (found != name.text) {
                goes_on = hand_out();
                name = Name{std::string(found), {}, {}, false};
            }
            if (goes_on) name.add(version);
            return goes_on;
        },
        stop);
    if (!listed && !any && listed.error().kind() == ErrorKind::Denied)
        return inner_.list(prefix, fn, std::move(stop));
    PERDURE_TRY(Result<void>(listed));
    if (goes_on) hand_out();
    return {};
}

Result<void> FirstVersionStore::remove(const ObjectName& name, std::stop_token stop) {
    first_.with([&](auto& first) { first.erase(name.text()); });
    return inner_.remove(name, std::move(stop));
}

}  // namespace perdure
