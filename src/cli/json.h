// JSON lines: one object a line on stdout, each with "type" and "version". The format only grows
// (docs/manual/json.md).
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "repo/repository.h"

namespace perdure {

/// Prints {"type": type, "version": 1, ...fields} and a newline. Bytes that are not UTF-8 become
/// U+FFFD; paths that are not also come as "<name>_hex".
void print_json(const char* type, nlohmann::json fields);
/// Adds `name`, and `name`_hex where the bytes are not UTF-8.
void put_bytes(nlohmann::json& fields, const std::string& name, std::string_view bytes);

/// "verified": when the point was last shown to restore, or null.
void put_verified(nlohmann::json& fields, std::optional<std::int64_t> time_ns);

nlohmann::json to_json(const Point&);
nlohmann::json to_json(const Statistics&);

}  // namespace perdure
