// The records of a repository as JSON, for `cat`: everything they say in clear to whoever could
// open them, ids and sealed bytes in hex.
#pragma once

#include <nlohmann/json.hpp>

#include "repo/block.h"
#include "repo/config.h"
#include "repo/enrolment.h"
#include "repo/index.h"
#include "repo/keys.h"
#include "repo/page.h"
#include "repo/point.h"

namespace perdure::record_json {

/// "w-n/pack" and "w-n/pack/slot", as `cat` takes them.
std::string text(const BirthPack&);
std::string text(const BirthAddress&);

nlohmann::json of(const Config&);
nlohmann::json of(const Epoch&);
nlohmann::json of(const KeySlot&);
nlohmann::json of(const Enrolment&);
nlohmann::json of(const LogRecord&);
nlohmann::json of(const PointHeader&);
nlohmann::json of(const PointBody&);
nlohmann::json of(const Index&);
nlohmann::json of(const PackManifest&);
nlohmann::json of(const BlockHeader&);
/// A page of any kind, addresses resolved.
Result<nlohmann::json> of_page(ByteView page, PackRegistry&);

}  // namespace perdure::record_json
