// The names in one directory, in bytewise order, each once.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace perdure {

/// Keeps its memory when cleared: one per level of a walk is filled again and again.
class DirectoryNames {
public:
    void clear();
    /// `name` without '/' or NUL, not empty. `directory`: the listing says that it is one.
    void add(std::string_view name, bool directory = false);
    /// Reads all of `fd`, a directory at its start, with `buffer` as scratch space, and sorts. The
    /// errno of a failure, else 0; what was read before a failure is kept.
    int read(int fd, std::vector<char>& buffer);
    /// Sorts and drops doubles: a directory that changes while it is read may give a name twice.
    void sort();

    std::size_t size() const { return names_.size(); }
    std::string_view operator[](std::size_t i) const {
        return {text_.data() + names_[i].offset, names_[i].length};
    }
    /// Name i with a NUL behind it.
    const char* c_str(std::size_t i) const { return text_.data() + names_[i].offset; }
    /// Whether the listing said that name i is a directory: not every filesystem says so.
    bool is_directory(std::size_t i) const { return names_[i].directory != 0; }

private:
    struct Name {
        std::uint64_t prefix;  // first eight bytes, big-endian: decides nearly every comparison
        std::uint64_t offset : 48;
        std::uint64_t length : 15;
        std::uint64_t directory : 1;
    };

    std::vector<char> text_;
    std::vector<Name> names_;
};

}  // namespace perdure
