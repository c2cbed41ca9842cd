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
    std::vector<ObjectVersion> contents = {};  // the newest first

    bool is_covered() const { return deleted || (oldest && newest && oldest->id != newest->id); }
    void add(const ObjectVersion& version) {
        if (version.is_newest) deleted = version.is_deletion;
        if (version.is_deletion) return;
        if (!newest) newest = version;
        oldest = version;
        contents.push_back(version);
    }
};

}  // namespace

bool FirstVersionStore::decides(std::string_view name) const {
    return std::any_of(prefixes_.begin(), prefixes_.end(),
                       [&](const std::string& prefix) { return name.starts_with(prefix); });
}

bool FirstVersionStore::reads_first(const ObjectName& name) const {
    return decides(name.text()) ||
           fallen_back_.with([&](const auto& names) { return names.contains(name.text()); });
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
        if (name.oldest) remember_first(name.text, name.contents);
    };
    PERDURE_TRY(inner_.versions()->list(
        prefix,
        [&](std::string_view listed, const ObjectVersion& version) {
            if (only != nullptr && listed != only->text()) return listed < only->text();
            if (listed != name.text) {
                remember();
                name = Name{std::string(listed), {}, {}, false, {}};
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

/// `contents`: at least one, the newest first.
void FirstVersionStore::remember_first(const std::string& name,
                                       const std::vector<ObjectVersion>& contents) {
    const bool fresh = first_.with([&](auto& first) {
        const auto at = first.find(name);
        // What was chosen among the same contents stays chosen.
        if (at != first.end() && std::any_of(contents.begin(), contents.end(),
                                             [&](const auto& c) { return c.id == at->second.id; }))
            return false;
        first.insert_or_assign(name, contents.back());
        return true;
    });
    if (!fresh || contents.size() < 2) return;
    std::vector<ObjectVersion> oldest_first(contents.rbegin(), contents.rend());
    contents_.with([&](auto& all) { all.insert_or_assign(name, std::move(oldest_first)); });
}

Result<void> FirstVersionStore::settle(const ObjectName& name, std::stop_token stop) {
    const auto judge = judge_.with([](const auto& current) { return current; });
    if (!judge || !*judge) return {};
    const auto contents = contents_.with([&](const auto& all) {
        const auto at = all.find(name.text());
        return at == all.end() ? std::vector<ObjectVersion>() : at->second;
    });
    for (const ObjectVersion& version : contents) {
        const auto bytes = inner_.versions()->load(name, version.id, ByteRange::all(), stop);
        if (!bytes && bytes.error().kind() != ErrorKind::NotFound) return bytes.error();
        if (!bytes || !(*judge)(name, *bytes)) continue;
        first_.with([&](auto& first) { first.insert_or_assign(name.text(), version); });
        break;
    }
    if (!contents.empty()) contents_.with([&](auto& all) { all.erase(name.text()); });
    return {};
}

Result<std::optional<ObjectVersion>> FirstVersionStore::first_of(const ObjectName& name,
                                                                 std::stop_token stop) {
    if (!known(name)) PERDURE_TRY(learn_around(name, stop));
    // It may be newer than what was learnt.
    if (!known(name)) PERDURE_TRY(learn(name.text(), &name, stop));
    if (decides(name.text())) PERDURE_TRY(settle(name, std::move(stop)));
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

Result<Buffer> FirstVersionStore::load(const ObjectName& name, ByteRange range,
                                       std::stop_token stop) {
    if (!reads_first(name) || inner_.versions() == nullptr)
        return inner_.load(name, range, std::move(stop));
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

Result<bool> FirstVersionStore::fall_back_to_first(const ObjectName& name, std::stop_token stop) {
    if (inner_.versions() == nullptr) PERDURE_TRY(inner_.fall_back_to_first(name, stop));
    if (decides(name.text()) || inner_.versions() == nullptr) return false;
    if (reads_first(name)) return true;
    Name versions{name.text(), {}, {}, false, {}};
    const auto listed = inner_.versions()->list(
        name.text(),
        [&](std::string_view found, const ObjectVersion& version) {
            if (found == name.text()) versions.add(version);
            return found <= name.text();
        },
        std::move(stop));
    if (!listed && listed.error().kind() == ErrorKind::Denied) return false;
    PERDURE_TRY(Result<void>(listed));
    if (!versions.oldest || !versions.is_covered()) return false;
    first_.with([&](auto& first) { first.insert_or_assign(name.text(), *versions.oldest); });
    remember_cover(versions.text, versions.deleted, *versions.newest);
    fallen_back_.with([&](auto& names) { names.insert(name.text()); });
    return true;
}

void FirstVersionStore::remember_cover(const std::string& name, bool deleted,
                                       ObjectVersion newest) {
    newest.is_deletion = deleted;
    covered_by_.with([&](auto& covered) { covered.insert_or_assign(name, std::move(newest)); });
}

Result<bool> FirstVersionStore::is_covered(const ObjectName& name, std::stop_token stop) {
    const auto by = covered_by_.with([&](const auto& covered) -> std::optional<ObjectVersion> {
        const auto at = covered.find(name.text());
        return at == covered.end() ? std::nullopt : std::optional(at->second);
    });
    if (!by) return false;
    const auto first = known(name);
    if (by->is_deletion || !first || first->size != by->size) return true;
    // A repair puts the same bytes over what was written.
    const Buffer counts = PERDURE_TRY(load(name, ByteRange::all(), stop));
    const Buffer over = PERDURE_TRY(inner_.versions()->load(name, by->id, ByteRange::all(), stop));
    return !equal(counts, over);
}

Result<void> FirstVersionStore::put_back(const ObjectName& name, ByteView bytes,
                                         std::stop_token stop) {
    if (decides(name.text()) && inner_.versions() != nullptr) {
        const auto first = PERDURE_TRY(first_of(name, stop));
        if (first && !equal(PERDURE_TRY(load(name, ByteRange::all(), stop)), bytes))
            return Error(ErrorKind::InvalidInput,
                         name.text() + ": its oldest version, " + first->id +
                             ", is damaged, and counts as long as it is there")
                .with_hint("delete that version as the owner of the bucket, and repair again");
    }
    PERDURE_TRY(inner_.put_back(name, bytes, std::move(stop)));
    fallen_back_.with([&](auto& names) { names.erase(name.text()); });
    covered_by_.with([&](auto& covered) { covered.erase(name.text()); });
    if (!decides(name.text())) first_.with([&](auto& first) { first.erase(name.text()); });
    return {};
}

Result<ObjectStat> FirstVersionStore::stat(const ObjectName& name, std::stop_token stop) {
    if (!reads_first(name) || inner_.versions() == nullptr)
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
        if (deciding) remember_first(name.text, name.contents);
        if (deciding && name.is_covered()) remember_cover(name.text, name.deleted, *name.newest);
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
                name = Name{std::string(found), {}, {}, false, {}};
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
    fallen_back_.with([&](auto& names) { names.erase(name.text()); });
    return inner_.remove(name, std::move(stop));
}

}  // namespace perdure
