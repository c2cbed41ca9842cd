// How `cat` takes the names of records; the way records name each other in its output.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "repo/ids.h"

namespace perdure {

/// InvalidInput, saying of which form a name should be.
Error not_one(const std::string& name, const char* form);
/// Nothing but digits, or nothing.
std::optional<std::uint32_t> decimal_of(std::string_view text);

/// InvalidInput if the text is not of the form "w-n".
Result<SessionName> session_of(const std::string& name);
/// "w-n/pack"
Result<BirthPack> pack_of(std::string_view text);
/// "w-n/pack/slot"
Result<BirthAddress> address_of(std::string_view text);

}  // namespace perdure
