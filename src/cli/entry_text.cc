#include "cli/entry_text.h"

#include <fmt/core.h>

#include "base/clock.h"
#include "cli/json.h"
#include "cli/text.h"

namespace perdure {

namespace {

char type_letter(EntryType type) {
    switch (type) {
        case EntryType::File: return '-';
        case EntryType::Directory: return 'd';
        case EntryType::Symlink: return 'l';
        case EntryType::Fifo: return 'p';
        case EntryType::Socket: return 's';
        case EntryType::CharDevice: return 'c';
        case EntryType::BlockDevice: return 'b';
    }
    return '?';
}

bool is_device(const Entry& entry) {
    return entry.type == EntryType::CharDevice || entry.type == EntryType::BlockDevice;
}

std::string owner(const std::string& name, std::uint32_t id) {
    return name.empty() ? std::to_string(id) : printable(name);
}

}  // namespace

std::string_view to_string(EntryType type) {
    switch (type) {
        case EntryType::File: return "file";
        case EntryType::Directory: return "directory";
        case EntryType::Symlink: return "symlink";
        case EntryType::Fifo: return "fifo";
        case EntryType::Socket: return "socket";
        case EntryType::CharDevice: return "character-device";
        case EntryType::BlockDevice: return "block-device";
    }
    return "unknown";
}

std::string mode_text(const Entry& entry) {
    std::string text(1, type_letter(entry.type));
    constexpr std::string_view kLetters = "rwxrwxrwx";
    for (unsigned i = 0; i < 9; ++i) text += (entry.mode & (0400U >> i)) != 0 ? kLetters[i] : '-';
    const auto special = [&](std::uint32_t bit, std::size_t at, char with_execute, char without) {
        if ((entry.mode & bit) != 0) text[at] = text[at] == 'x' ? with_execute : without;
    };
    special(04000, 3, 's', 'S');
    special(02000, 6, 's', 'S');
    special(01000, 9, 't', 'T');
    return text;
}

std::string long_line(const Entry& entry, std::string_view path) {
    const std::string size = is_device(entry)
                                 ? fmt::format("{}, {}", entry.device_major, entry.device_minor)
                                 : std::to_string(entry.size);
    std::string line =
        fmt::format("{} {:>3} {:<8} {:<8} {:>12} {} {}", mode_text(entry), entry.links,
                    owner(entry.user, entry.uid), owner(entry.group, entry.gid), size,
                    local_time(entry.mtime_ns), printable(path));
    if (entry.type == EntryType::Symlink) line += " -> " + printable(entry.link_target);
    return line;
}

nlohmann::json to_json(const Entry& entry, std::string_view path) {
    nlohmann::json json{{"kind", to_string(entry.type)},
                        {"mode", entry.mode},
                        {"permissions", mode_text(entry)},
                        {"uid", entry.uid},
                        {"gid", entry.gid},
                        {"user", entry.user},
                        {"group", entry.group},
                        {"size", entry.size},
                        {"mtime", to_iso8601(Time{entry.mtime_ns})},
                        {"mtime_ns", entry.mtime_ns},
                        {"links", entry.links},
                        {"inode", entry.inode}};
    put_bytes(json, "path", path);
    if (entry.type == EntryType::Symlink) put_bytes(json, "target", entry.link_target);
    if (is_device(entry)) json["device"] = {entry.device_major, entry.device_minor};
    return json;
}

}  // namespace perdure
