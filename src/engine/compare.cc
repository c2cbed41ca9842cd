#include "engine/compare.h"

#include "base/try.h"

namespace perdure {

namespace {

/// Where the first difference lies, or what failed; "" if the file holds exactly the recipe's
/// bytes.
Result<std::string> compare_content(PointReader& reader, const TreeEntry& entry, OpenFile& file,
                                    std::stop_token stop) {
    if (file.size() != entry.entry.size)
        return "has " + std::to_string(file.size()) + " bytes instead of " +
               std::to_string(entry.entry.size);
    Buffer there;
    std::string text;
    PERDURE_TRY(reader.read(
        entry.recipe, false,
        [&](std::uint64_t offset, ByteView expected) -> Result<void> {
            if (!text.empty()) return {};
            there.resize(expected.size());
            const auto got = file.read(offset, there);
            if (!got)
                text = got.error().describe();
            else if (*got != expected.size() || !equal(there, expected))
                text = "differs in content near byte " + std::to_string(offset);
            return {};
        },
        stop));
    return text;
}

std::string compare_kind(const Entry& wanted, const Entry& found) {
    if (wanted.type != found.type) return "is of another type";
    if (wanted.type != EntryType::Symlink && (wanted.mode & 0777) != (found.mode & 0777))
        return "has another mode";
    if (wanted.type != EntryType::Directory && wanted.type != EntryType::Symlink &&
        wanted.mtime_ns != found.mtime_ns)
        return "has another modification time";
    return "";
}

}  // namespace

Result<std::vector<Difference>> compare_with_source(PointReader& reader, const PointPath& from,
                                                    FileSource& tree, std::stop_token stop) {
    std::vector<Difference> differences;
    TreeCursor cursor = reader.cursor(*from.root);
    PERDURE_TRY(cursor.seek(from.path));
    const auto walk = tree.walk();
    std::optional<WalkedEntry> found;
    const auto advance = [&] {
        found.reset();
        while (auto event = walk->next())
            if (auto* walked = std::get_if<WalkedEntry>(&*event)) {
                found = std::move(*walked);
                return;
            }
    };
    advance();
    while (auto entry = PERDURE_TRY(cursor.next())) {
        if (stop.stop_requested()) return Error(ErrorKind::Cancelled, "interrupted");
        if (entry->entry.path != from.path && !is_beneath(entry->entry.path, from.path)) break;
        std::string path = entry->entry.path.substr(from.path.size());
        if (path.starts_with('/')) path.erase(0, 1);
        while (found && path_less(found->entry.path, path)) advance();
        if (!found || found->entry.path != path) {
            differences.push_back({path, "is missing"});
            continue;
        }
        std::string text = compare_kind(entry->entry, found->entry);
        if (text.empty() && entry->entry.type == EntryType::File) {
            PERDURE_TRY(cursor.complete(*entry));
            auto opened = tree.open(*found);
            if (auto* issue = std::get_if<Issue>(&opened))
                text = issue->text;
            else
                text = PERDURE_TRY(compare_content(
                    reader, *entry, *std::get<std::unique_ptr<OpenFile>>(opened), stop));
        }
        if (!text.empty()) differences.push_back({path, std::move(text)});
    }
    return differences;
}

}  // namespace perdure
