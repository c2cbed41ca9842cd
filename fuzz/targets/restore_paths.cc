// Restoring hostile trees: for each entry a byte for what it is, a line of its path and a line of
// its link target. Nothing beside the target may change, whatever they say.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <set>

#include "support/fuzz.h"
#include "support/temp_dir.h"
#include "target/directory/directory.h"

using namespace perdure;

namespace {

constexpr int kMostEntries = 8;

/// The target, and a directory beside it that holds a file.
class Yard {
public:
    Yard() {
        std::filesystem::create_directory(base_ / "outside");
        const int fd = ::open(secret().c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        fuzz::expect(fd >= 0 && ::write(fd, "secret", 6) == 6, "a file can be made");
        ::close(fd);
        before_ = status();
    }
    std::string target() const { return base_ / "target"; }

    void clear() const {
        std::error_code ignored;
        std::filesystem::remove_all(target(), ignored);
    }
    void expect_untouched() const {
        const struct stat now = status();
        fuzz::expect(now.st_mode == before_.st_mode && now.st_uid == before_.st_uid &&
                         now.st_size == before_.st_size && now.st_nlink == before_.st_nlink &&
                         now.st_mtim.tv_nsec == before_.st_mtim.tv_nsec,
                     "a file outside is as it was");
        fuzz::expect(names_in("outside") == std::set<std::string>{"secret"},
                     "nothing is made outside");
        fuzz::expect(names_in("") == std::set<std::string>{"outside", "target"},
                     "nothing is made beside the target");
    }

private:
    std::string secret() const { return base_ / "outside/secret"; }
    struct stat status() const {
        struct stat found {};
        fuzz::expect(::lstat(secret().c_str(), &found) == 0, "a file outside stays");
        return found;
    }
    std::set<std::string> names_in(const std::string& directory) const {
        std::set<std::string> names;
        for (const auto& at : std::filesystem::directory_iterator(base_ / directory))
            names.insert(at.path().filename());
        return names;
    }

    TempDir base_{TempDir::memory()};
    struct stat before_ {};
};

void put_file(DirectoryTarget& target, const Entry& entry) {
    auto begun = target.begin_file(entry);
    if (!begun) return;
    auto* file = std::get_if<std::unique_ptr<TargetFile>>(&*begun);
    if (file != nullptr && (*file)->write(0, as_bytes("x")))
        static_cast<void>((*file)->commit().has_value());
}

void put(DirectoryTarget& target, std::uint8_t what, const Entry& entry) {
    if (what >= 0x80)
        static_cast<void>(target.remove_others(entry.path, {entry.link_target}).has_value());
    else if (what >= 0x40)
        static_cast<void>(target.make_way(entry.path).has_value());
    else if (entry.type == EntryType::File)
        put_file(target, entry);
    else
        static_cast<void>(target.make(entry).has_value());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const Yard yard;
    constexpr EntryType kTypes[] = {EntryType::File, EntryType::Directory, EntryType::Symlink,
                                    EntryType::Fifo};
    yard.clear();
    DirectoryTargetOptions options;
    options.replace_directories = size % 2 == 1;
    auto target = open_directory_target(yard.target(), options);
    fuzz::expect(target.has_value(), "a target can be made");
    fuzz::Input input(data, size);
    for (int i = 0; i < kMostEntries && !input.empty(); ++i) {
        const std::uint8_t what = input.u8();
        Entry entry;
        entry.type = kTypes[what % 4];
        entry.mode = 0700U | what;
        entry.uid = ::geteuid();
        entry.gid = ::getegid();
        entry.inode = what / 4U % 4U;  // some are hard links to each other
        entry.links = 1 + entry.inode;
        entry.path = input.line();
        entry.link_target = input.line();
        entry.size = entry.type == EntryType::File ? 1 : entry.link_target.size();
        put(**target, what, entry);
    }
    static_cast<void>((*target)->finish().has_value());
    yard.expect_untouched();
    return 0;
}
