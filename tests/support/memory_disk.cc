#include "support/memory_disk.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/try.h"

namespace perdure {

namespace {

std::uint64_t size_of(const SharedBytes& content) { return content ? content->size() : 0; }

Error unsupported(const char* what) {
    return Error(ErrorKind::Unsupported, std::string(what) + " is not possible on this disk");
}

}  // namespace

std::string DiskChange::describe() const {
    const auto on = " inode " + std::to_string(inode);
    switch (kind) {
        case Kind::Write: return "write " + std::to_string(size_of(content)) + " bytes to" + on;
        case Kind::SyncFile: return "sync" + on;
        case Kind::AddEntry: return "add " + name + " = " + std::to_string(child) + " to" + on;
        case Kind::RemoveEntry: return "remove " + name + " from" + on;
        case Kind::SyncDirectory: return "sync directory" + on;
        case Kind::Mark: return "mark " + std::to_string(mark);
    }
    return "?";
}

void apply(DiskImage& image, const DiskChange& change) {
    auto& node = image.nodes[change.inode];
    switch (change.kind) {
        case DiskChange::Kind::Write:
            node.content = change.content;
            node.modified_ns = change.modified_ns;
            break;
        case DiskChange::Kind::AddEntry:
            node.entries.insert_or_assign(change.name, change.child);
            image.nodes[change.child].is_directory |= change.child_is_directory;
            break;
        case DiskChange::Kind::RemoveEntry: node.entries.erase(change.name); break;
        case DiskChange::Kind::SyncFile:
        case DiskChange::Kind::SyncDirectory:
        case DiskChange::Kind::Mark: break;
    }
}

class MemoryDisk::File final : public DiskFile {
public:
    File(MemoryDisk& disk, Inode inode) : disk_(disk), inode_(inode) {}
    ~File() override { disk_.close(inode_); }
    File(const File&) = delete;
    File& operator=(const File&) = delete;

    static Inode inode_of(const DiskFile& file) { return static_cast<const File&>(file).inode_; }

private:
    MemoryDisk& disk_;
    const Inode inode_;
};

MemoryDisk::MemoryDisk(DiskImage image, MemoryDiskOptions options) : options_(options) {
    state_.with([&](State& state) {
        for (const auto& [inode, node] : image.nodes) {
            state.next_inode = std::max(state.next_inode, inode + 1);
            state.used += size_of(node.content);
            state.now_ns = std::max(state.now_ns, node.modified_ns);
            for (const auto& [name, child] : node.entries) ++state.links[child];
        }
        state.capacity = options.capacity;
        state.start = image;
        state.live = std::move(image);
    });
}

void MemoryDisk::mark(std::uint64_t value) {
    state_.with([&](State& state) {
        state.changes.push_back({.kind = DiskChange::Kind::Mark, .mark = value});
    });
}

DiskHistory MemoryDisk::history() const {
    return state_.with([](const State& state) { return DiskHistory{state.start, state.changes}; });
}

DiskImage MemoryDisk::image() const {
    return state_.with([](const State& state) { return state.live; });
}

void MemoryDisk::advance_clock(std::int64_t nanoseconds) {
    state_.with([&](State& state) { state.now_ns += nanoseconds; });
}

void MemoryDisk::set_capacity(std::uint64_t bytes) {
    state_.with([&](State& state) { state.capacity = bytes; });
}

Result<Inode> MemoryDisk::find(const State& state, std::string_view path) {
    Inode at = DiskImage::kRoot;
    for (auto rest = path; !rest.empty();) {
        const auto slash = rest.find('/');
        const auto& node = state.live.nodes.at(at);
        if (!node.is_directory) return system_error(ENOTDIR, std::string(path));
        const auto entry = node.entries.find(rest.substr(0, slash));
        if (entry == node.entries.end()) return system_error(ENOENT, std::string(path));
        at = entry->second;
        rest.remove_prefix(slash == std::string_view::npos ? rest.size() : slash + 1);
    }
    return at;
}

Result<MemoryDisk::Place> MemoryDisk::place_of(const State& state, const std::string& path) {
    const auto slash = path.rfind('/');
    const bool in_root = slash == std::string::npos;
    const Inode directory =
        PERDURE_TRY(find(state, in_root ? std::string() : path.substr(0, slash)));
    if (!state.live.nodes.at(directory).is_directory) return system_error(ENOTDIR, path);
    return Place{directory, in_root ? path : path.substr(slash + 1)};
}

Result<Inode> MemoryDisk::find_file(const State& state, const std::string& path) {
    const Inode inode = PERDURE_TRY(find(state, path));
    if (state.live.nodes.at(inode).is_directory) return system_error(ENOENT, path);
    return inode;
}

FileStatus MemoryDisk::status_of(const State& state, Inode inode) {
    const auto& node = state.live.nodes.at(inode);
    const auto links = state.links.find(inode);
    FileStatus status;
    status.type = node.is_directory ? FileType::Directory : FileType::File;
    status.id = {1, inode};
    status.links = links == state.links.end() ? 0 : links->second;
    status.size = size_of(node.content);
    status.modified_ns = node.modified_ns;
    return status;
}

void MemoryDisk::change(State& state, DiskChange change) {
    apply(state.live, change);
    state.changes.push_back(std::move(change));
}

Result<void> MemoryDisk::add_entry(State& state, const std::string& path, Inode child) {
    auto place = PERDURE_TRY(place_of(state, path));
    if (state.live.nodes.at(place.directory).entries.contains(place.name))
        return system_error(EEXIST, path);
    ++state.links[child];
    change(state, {.kind = DiskChange::Kind::AddEntry,
                   .inode = place.directory,
                   .name = std::move(place.name),
                   .child = child,
                   .child_is_directory = state.live.nodes.at(child).is_directory});
    return {};
}

void MemoryDisk::remove_entry(State& state, const Place& place) {
    const Inode child = state.live.nodes.at(place.directory).entries.at(place.name);
    --state.links[child];
    change(state,
           {.kind = DiskChange::Kind::RemoveEntry, .inode = place.directory, .name = place.name});
    forget_if_unused(state, child);
}

void MemoryDisk::forget_if_unused(State& state, Inode inode) {
    if (state.links[inode] > 0 || state.open.contains(inode)) return;
    state.used -= size_of(state.live.nodes.at(inode).content);
    state.live.nodes.erase(inode);
    state.links.erase(inode);
}

std::unique_ptr<DiskFile> MemoryDisk::open_new(State& state) {
    const Inode inode = state.next_inode++;
    state.live.nodes[inode].modified_ns = state.now_ns;
    state.open[inode] = 1;
    return std::make_unique<File>(*this, inode);
}

void MemoryDisk::close(Inode inode) {
    state_.with([&](State& state) {
        state.open.erase(inode);
        forget_if_unused(state, inode);
    });
}

Result<std::unique_ptr<DiskFile>> MemoryDisk::create_unnamed(const std::string& directory) {
    if (!options_.unnamed_files) return unsupported("an unnamed file");
    return state_.with([&](State& state) -> Result<std::unique_ptr<DiskFile>> {
        PERDURE_TRY(place_of(state, directory.empty() ? "x" : directory + "/x"));
        return open_new(state);
    });
}

Result<std::unique_ptr<DiskFile>> MemoryDisk::create_named(const std::string& path) {
    std::unique_ptr<DiskFile> file;  // closes, if it must, after the lock is released
    PERDURE_TRY(state_.with([&](State& state) {
        file = open_new(state);
        return add_entry(state, path, File::inode_of(*file));
    }));
    return file;
}

Result<void> MemoryDisk::write(DiskFile& file, ByteView bytes) {
    auto content = std::make_shared<const Buffer>(to_buffer(bytes));
    return state_.with([&](State& state) -> Result<void> {
        const Inode inode = File::inode_of(file);
        const auto used = state.used - size_of(state.live.nodes.at(inode).content) + bytes.size();
        if (used > state.capacity) return system_error(ENOSPC, "writing a new file");
        state.used = used;
        change(state, {.kind = DiskChange::Kind::Write,
                       .inode = inode,
                       .content = std::move(content),
                       .modified_ns = state.now_ns});
        return {};
    });
}

Result<void> MemoryDisk::sync(DiskFile& file) {
    state_.with([&](State& state) {
        change(state, {.kind = DiskChange::Kind::SyncFile, .inode = File::inode_of(file)});
    });
    return {};
}

Result<FileStatus> MemoryDisk::status(const DiskFile& file) {
    return state_.with([&](const State& state) { return status_of(state, File::inode_of(file)); });
}

Result<void> MemoryDisk::link_unnamed(DiskFile& file, const std::string& path) {
    return state_.with([&](State& state) { return add_entry(state, path, File::inode_of(file)); });
}

Result<void> MemoryDisk::link(const std::string& from, const std::string& to) {
    if (!options_.links) return unsupported("linking");
    return state_.with([&](State& state) -> Result<void> {
        const Inode inode = PERDURE_TRY(find_file(state, from));
        return add_entry(state, to, inode);
    });
}

Result<void> MemoryDisk::rename_new(const std::string& from, const std::string& to) {
    if (!options_.rename_new) return unsupported("renaming without replacing");
    return state_.with([&](State& state) -> Result<void> {
        const Inode inode = PERDURE_TRY(find_file(state, from));
        const auto source = PERDURE_TRY(place_of(state, from));
        PERDURE_TRY(add_entry(state, to, inode));
        remove_entry(state, source);
        return {};
    });
}

Result<void> MemoryDisk::unlink(const std::string& path) {
    return state_.with([&](State& state) -> Result<void> {
        const Inode inode = PERDURE_TRY(find(state, path));
        if (state.live.nodes.at(inode).is_directory) return system_error(EISDIR, path);
        const auto place = PERDURE_TRY(place_of(state, path));
        remove_entry(state, place);
        return {};
    });
}

Result<void> MemoryDisk::make_directory(const std::string& path) {
    return state_.with([&](State& state) -> Result<void> {
        const auto place = PERDURE_TRY(place_of(state, path));
        if (state.live.nodes.at(place.directory).entries.contains(place.name))
            return system_error(EEXIST, path);
        const Inode inode = state.next_inode++;
        state.live.nodes[inode].is_directory = true;
        return add_entry(state, path, inode);
    });
}

Result<void> MemoryDisk::sync_directory(const std::string& path) {
    return state_.with([&](State& state) -> Result<void> {
        const auto place = PERDURE_TRY(place_of(state, path.empty() ? "x" : path + "/x"));
        change(state, {.kind = DiskChange::Kind::SyncDirectory, .inode = place.directory});
        return {};
    });
}

Result<Buffer> MemoryDisk::read(const std::string& path, std::uint64_t offset,
                                std::uint64_t length) {
    auto found = state_.with([&](const State& state) -> Result<SharedBytes> {
        const Inode inode = PERDURE_TRY(find_file(state, path));
        return SharedBytes(state.live.nodes.at(inode).content);
    });
    const SharedBytes content = PERDURE_TRY(std::move(found));
    const auto size = size_of(content);
    if (length == kToEnd && offset <= size) length = size - offset;
    if (offset > size || length > size - offset)
        return Error(ErrorKind::Corrupt, path + " ends before the range asked for");
    if (length == 0) return Buffer();
    return to_buffer(ByteView(*content).subspan(offset, length));
}

Result<FileStatus> MemoryDisk::stat(const std::string& path) {
    return state_.with([&](const State& state) -> Result<FileStatus> {
        const Inode inode = PERDURE_TRY(find(state, path));
        return status_of(state, inode);
    });
}

Result<std::vector<DirectoryEntry>> MemoryDisk::list(const std::string& path) {
    return state_.with([&](const State& state) -> Result<std::vector<DirectoryEntry>> {
        const auto place = PERDURE_TRY(place_of(state, path.empty() ? "x" : path + "/x"));
        std::vector<DirectoryEntry> entries;
        for (const auto& [name, inode] : state.live.nodes.at(place.directory).entries)
            entries.push_back({name, status_of(state, inode)});
        return entries;
    });
}

}  // namespace perdure
