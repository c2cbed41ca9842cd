// A tar archive, plain or compressed, as `import tar` takes it.
#include "source/archive/archive.h"

#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "support/fuzz.h"

using namespace perdure;

namespace {

constexpr std::uint64_t kMostContent = 16U << 20;  // a header may promise zeros without end

void read_content(FileSource& source, WalkedEntry& walked) {
    if (walked.entry.type != EntryType::File || !walked.hard_link_to.empty()) return;
    auto opened = source.open(walked);
    if (!std::holds_alternative<std::unique_ptr<OpenFile>>(opened)) return;
    OpenFile& file = *std::get<std::unique_ptr<OpenFile>>(opened);
    Buffer buffer(1 << 16);
    for (std::uint64_t at = 0; at < std::min(file.size(), kMostContent);) {
        const auto got = file.read(at, buffer);
        if (!got || *got == 0) return;
        at += *got;
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const Fd file(::memfd_create("archive", MFD_CLOEXEC));
    if (::write(file.get(), data, size) != static_cast<ssize_t>(size)) return 0;
    ::lseek(file.get(), 0, SEEK_SET);
    const auto source = open_archive(file.get(), "archive", {});
    if (!source) return 0;
    const auto walk = (*source)->walk();
    while (auto event = walk->next()) {
        auto* walked = std::get_if<WalkedEntry>(&*event);
        if (walked == nullptr) continue;
        const Entry& entry = walked->entry;
        fuzz::expect(is_clean_path(entry.path), "paths are clean");
        fuzz::expect(walked->hard_link_to.empty() || is_clean_path(walked->hard_link_to),
                     "and those of links");
        std::uint64_t end = 0;
        for (const DataExtent& extent : entry.data_extents) {
            fuzz::expect(extent.offset >= end && extent.length <= entry.size - extent.offset,
                         "extents ascend within the file");
            end = extent.offset + extent.length;
        }
        read_content(**source, *walked);
    }
    return 0;
}
