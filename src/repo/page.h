// Tree pages: columnar and canonical (FORMAT.md, Tree pages). The invariant: equal entries, recipes
// included, in equal order give equal bytes, so that an unchanged page deduplicates; and
// decode(encode(x)) == x.
//
// A page is one leaf and one block of its own in a metadata pack, at most 1 MiB raw.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/entry.h"
#include "base/result.h"
#include "repo/recipe.h"

namespace perdure {

/// The most runs a recipe has inside an entries page; longer ones lie in run pages.
constexpr std::size_t kMaxInlineRuns = 256;
/// An xattr value longer than this lies in a bytes page.
constexpr std::size_t kMaxInlineXattr = 4096;
/// Nor do values that would take those of one entry beyond this.
constexpr std::size_t kMaxInlineXattrs = 65536;
/// Longer paths are not stored: a page must hold at least its own boundaries.
constexpr std::size_t kMaxPath = 65535;

enum class PageKind : std::uint8_t {  // on disk: FORMAT.md
    Entries = 1,
    Inner = 2,
    Runs = 3,
    RunsInner = 4,
    Bytes = 5,
    Map = 6,  // volumes
    Issues = 7,
};

/// Where a page lies.
struct PageAddress {
    PackNumber pack{};
    std::uint32_t slot = 0;
    friend bool operator==(const PageAddress&, const PageAddress&) = default;
};

/// A value that lies in a page of its own instead of in the entry.
struct OutlinedXattr {
    std::uint32_t xattr = 0;  // index into entry.xattrs, whose value is then empty
    PageAddress page;
    friend bool operator==(const OutlinedXattr&, const OutlinedXattr&) = default;
};

/// An entry as it lies in a tree. `entry.sparse` and `entry.data_extents` are not stored: holes are
/// runs of the recipe.
struct TreeEntry {
    Entry entry;
    Recipe recipe;  // empty if outlined
    bool outlined_recipe = false;
    PageAddress recipe_page;  // root of the run pages, if outlined
    std::vector<OutlinedXattr> outlined_xattrs;
    friend bool operator==(const TreeEntry&, const TreeEntry&) = default;
};

struct InnerChild {
    std::string first_path;
    PageAddress page;
    std::uint64_t entries = 0;  // below it
    std::uint64_t bytes = 0;
    friend bool operator==(const InnerChild&, const InnerChild&) = default;
};

struct RunsChild {
    PageAddress page;
    std::uint64_t bytes = 0;
    friend bool operator==(const RunsChild&, const RunsChild&) = default;
};

/// How much of the page limit an entry takes: part of the format, since it decides forced
/// boundaries.
std::size_t page_weight(const TreeEntry&);
std::size_t page_weight(const InnerChild&);
/// A page is closed before the entry that would take its weight beyond this.
constexpr std::size_t kMaxPageWeight = 512U << 10;

Buffer encode_entries_page(std::span<const TreeEntry>, const PackRegistry&);
Buffer encode_inner_page(std::span<const InnerChild>, const PackRegistry&);
Buffer encode_runs_page(std::span<const Run>, const PackRegistry&);
Buffer encode_runs_inner_page(std::span<const RunsChild>, const PackRegistry&);
Buffer encode_bytes_page(ByteView);

Result<PageKind> page_kind(ByteView page);
/// Corrupt for anything an encoder would not have written in form; never more than the page's size
/// in allocations times a small constant.
Result<std::vector<TreeEntry>> decode_entries_page(ByteView, PackRegistry&);
Result<std::vector<InnerChild>> decode_inner_page(ByteView, PackRegistry&);
Result<Recipe> decode_runs_page(ByteView, PackRegistry&);
Result<std::vector<RunsChild>> decode_runs_inner_page(ByteView, PackRegistry&);
Result<Buffer> decode_bytes_page(ByteView);

/// A page's address on its own, as points hold it (FORMAT.md, packed address).
Buffer encode_address(const BirthAddress&);
Result<BirthAddress> decode_address(ByteView);

}  // namespace perdure
