// Object names (FORMAT.md, Names). Numbers are fixed-width lower-case hex, so that names sort by
// number.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "repo/ids.h"
#include "store/store.h"

namespace perdure {

/// On disk: FORMAT.md, object types. Part of every AAD and signature.
enum class ObjectType : std::uint8_t {
    Config = 1,
    Epoch = 2,
    KeySlot = 3,
    Enrolment = 4,
    LogEntry = 5,
    Point = 6,  // header, and body behind it
    PointBody = 7,
    Index = 8,
    Hints = 9,
    Pack = 10,
    Manifest = 11,
    Block = 12,
    Merged = 13,
    CondemnedList = 14,
    Verdict = 15,
    Fate = 16,
    Closed = 17,
    Ledger = 18,
    Import = 19,
    Parity = 20,
    Aside = 21,
};

enum class PackKind : std::uint8_t { Data = 1, Metadata = 2 };

inline constexpr std::string_view kDefaultRetentionClass = "std";

namespace names {

ObjectName config();
ObjectName epoch(EpochNumber);
ObjectName key_slot(const SlotId&);
ObjectName enrolment(WriterNumber);
ObjectName log_entry(SessionName);
ObjectName point(SessionName);
ObjectName index(SessionName);
ObjectName hints(SessionName);
ObjectName pack(std::string_view retention_class, PackKind, SessionName, const PackId&);
ObjectName condemned_list(std::uint64_t k);
ObjectName verdict(std::uint64_t k);
ObjectName fate(SessionName, std::uint32_t i);
/// What a maintainer states about the numbers below that of `session`.
ObjectName closed(SessionName session);
ObjectName merged(std::uint64_t m);
ObjectName ledger(std::uint64_t number);
ObjectName aside(const PackId& drawn);
/// Where an object of another repository under the same keys lies, verbatim, as a proof.
ObjectName proof_of(const ObjectName& original);

std::string log_prefix(WriterNumber);
std::string points_prefix(WriterNumber);
std::string fate_prefix(SessionName);
std::string closed_prefix(WriterNumber);

/// The number or session a name of that kind stands for; nothing for any other name.
std::optional<EpochNumber> parse_epoch(std::string_view name);
std::optional<SlotId> parse_key_slot(std::string_view name);
std::optional<WriterNumber> parse_enrolment(std::string_view name);
std::optional<SessionName> parse_log_entry(std::string_view name);
std::optional<SessionName> parse_point(std::string_view name);
std::optional<SessionName> parse_index(std::string_view name);
std::optional<SessionName> parse_hints(std::string_view name);
/// The number of gc/<k> or gc/<k>.verdict.
std::optional<std::uint64_t> parse_collection(std::string_view name);
std::optional<std::uint64_t> parse_ledger(std::string_view name);
std::optional<SessionName> parse_closed(std::string_view name);
std::optional<std::uint64_t> parse_merged(std::string_view name);
struct FateName {
    SessionName point;
    std::uint32_t number;
};
std::optional<FateName> parse_fate(std::string_view name);
struct PackName {
    std::string retention_class;
    PackKind kind;
    BirthPack pack;
};
std::optional<PackName> parse_pack(std::string_view name);

}  // namespace names

/// "w-n" in hex without leading zeros: how people see a session, and a point's short id.
std::string short_text(SessionName);

}  // namespace perdure
