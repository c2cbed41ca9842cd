// Entries for tests of targets, and the calls that restore them.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <string>
#include <string_view>

#include "base/entry.h"
#include "target/file_target.h"

namespace perdure {

/// An entry of the one who runs the test, from 2001.
inline Entry entry_of(EntryType type, std::string path, std::uint32_t mode = 0640) {
    Entry entry;
    entry.path = std::move(path);
    entry.type = type;
    entry.mode = mode;
    entry.uid = ::geteuid();
    entry.gid = ::getegid();
    entry.mtime_ns = 1'000'000'000'123'456'789;
    return entry;
}

inline Entry file_entry(std::string path, std::string_view content, std::uint32_t mode = 0640) {
    Entry entry = entry_of(EntryType::File, std::move(path), mode);
    entry.size = content.size();
    return entry;
}

inline Entry directory_entry(std::string path, std::uint32_t mode = 0750) {
    return entry_of(EntryType::Directory, std::move(path), mode);
}

inline Entry symlink_entry(std::string path, std::string link_target) {
    Entry entry = entry_of(EntryType::Symlink, std::move(path), 0777);
    entry.size = link_target.size();
    entry.link_target = std::move(link_target);
    return entry;
}

/// Restores a file if the target wants its content.
inline Result<void> put_file(DirectoryTarget& target, const Entry& entry,
                             std::string_view content) {
    auto begun = target.begin_file(entry);
    if (!begun) return std::move(begun).error();
    auto* file = std::get_if<std::unique_ptr<TargetFile>>(&*begun);
    if (file == nullptr) return {};
    if (auto written = (*file)->write(0, as_bytes(content)); !written) return written;
    return (*file)->commit();
}

}  // namespace perdure
