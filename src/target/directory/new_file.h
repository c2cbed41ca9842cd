// A regular file being restored.
#pragma once

#include <memory>
#include <string>

#include "base/fd.h"
#include "target/directory/creator.h"

namespace perdure {

class NewFile final : public TargetFile {
public:
    /// Begins `entry` at `place`: under its own name if nothing stands there, else under a
    /// temporary one that is renamed at commit(). AlreadyExists only for Overwrite::Never.
    static Result<std::unique_ptr<NewFile>> begin(DirectoryState& state, Place place,
                                                  const Entry& entry);
    ~NewFile() override;

    Result<void> write(std::uint64_t offset, ByteView bytes) override;
    Result<void> commit() override;

private:
    NewFile(DirectoryState& state, Place place, const Entry& entry)
        : state_(state), place_(std::move(place)), entry_(entry) {}

    bool create(const std::string& name);
    Result<void> set_size();

    DirectoryState& state_;
    const Place place_;
    const Entry entry_;
    std::string temporary_;  // name it has now, if not its own
    Fd fd_;
    std::uint64_t end_ = 0;  // of what was written
    bool created_ = false;
    bool committed_ = false;
};

}  // namespace perdure
