#include "target/directory/new_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/try.h"

namespace perdure {

namespace {

// The final mode at once where nobody gains by it before the owner is right, which saves a call for
// nearly every file: what the group may do, all may do. Always ours to read and write.
mode_t creation_mode(const Entry& entry) {
    const mode_t group = (entry.mode >> 3) & 7;
    const mode_t others = entry.mode & 7;
    return (group & ~others) == 0 ? (entry.mode & 0777) | 0600 : 0600;
}

}  // namespace

Result<std::unique_ptr<NewFile>> NewFile::begin(DirectoryState& state, Place place,
                                                const Entry& entry) {
    std::unique_ptr<NewFile> file(new NewFile(state, std::move(place), entry));
    bool created = file->create(file->place_.name);
    if (!created && errno == EEXIST && state.options.overwrite != Overwrite::Never) {
        const auto existing = file->place_.look();
        if (existing && S_ISDIR(existing->st_mode)) {
            PERDURE_TRY(clear_directory(state, file->place_, entry.path));
            created = file->create(file->place_.name);
        } else {
            file->temporary_ = temporary_name();
            created = file->create(file->temporary_);
        }
    }
    if (!created) return entry_error(errno, doing("making", entry.path));
    apply_creation_flags(file->fd_.get(), entry, state.rules);
    // XFS sets space aside behind writes that make a file longer, and would keep it in the holes.
    if (entry.sparse) PERDURE_TRY(file->set_size());
    return file;
}

bool NewFile::create(const std::string& name) {
    fd_ = Fd(::openat(place_.directory(), name.c_str(),
                      O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, creation_mode(entry_)));
    created_ = static_cast<bool>(fd_);
    return created_;
}

NewFile::~NewFile() {
    if (committed_) return;
    if (created_)
        ::unlinkat(place_.directory(), (temporary_.empty() ? place_.name : temporary_).c_str(), 0);
    if (HardLinks::concerns(entry_)) give_up_waiting(state_, entry_);
}

Result<void> NewFile::write(std::uint64_t offset, ByteView bytes) {
    for (std::size_t done = 0; done < bytes.size();) {
        const ssize_t written = ::pwrite(fd_.get(), bytes.data() + done, bytes.size() - done,
                                         static_cast<off_t>(offset + done));
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return entry_error(errno, doing("writing", entry_.path));
        done += static_cast<std::size_t>(written);
    }
    end_ = std::max(end_, offset + bytes.size());
    return {};
}

Result<void> NewFile::set_size() {
    if (end_ == entry_.size) return {};
    if (::ftruncate(fd_.get(), static_cast<off_t>(entry_.size)) != 0)
        return entry_error(errno, doing("setting the size of", entry_.path));
    return {};
}

Result<void> NewFile::commit() {
    PERDURE_TRY(set_size());
    // After a power failure a file with holes may have its size before its data, and with the right
    // time it would look finished. A file without holes gets its size with its data.
    const bool sparse = entry_.sparse || end_ < entry_.size;
    if (sparse && end_ > 0 && ::fdatasync(fd_.get()) != 0)
        return entry_error(errno, doing("writing", entry_.path));
    struct stat info {};
    if (::fstat(fd_.get(), &info) != 0) return entry_error(errno, doing("writing", entry_.path));
    apply_metadata({fd_.get(), false}, entry_, info, true, state_.rules, state_.issues);
    if (!temporary_.empty()) PERDURE_TRY(rename_over(state_, place_, temporary_, entry_.path));
    committed_ = true;
    if (!HardLinks::concerns(entry_)) {
        apply_flags(fd_.get(), entry_, true, state_.rules, state_.issues);
    } else {
        state_.late_flags.with([&](auto& late) {
            const bool any = entry_.inode_flags != 0 || entry_.project_id != 0;
            if (any || state_.rules.inherits) late.push_back(entry_);
        });
        link_waiting(state_, entry_, info.st_dev, info.st_ino);
    }
    // Network filesystems may tell only here that they could not keep what was written.
    if (::close(fd_.release()) != 0 && errno != EINTR)
        return entry_error(errno, doing("writing", entry_.path));
    return {};
}

}  // namespace perdure
