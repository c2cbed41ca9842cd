// What the services share: the clocks, the state's files, the identities, and what a test has set.
#pragma once

#include <map>
#include <string>

#include "base/guarded.h"
#include "cloudsim/blob_store.h"
#include "cloudsim/identities.h"
#include "cloudsim/sim_clock.h"
#include "cloudsim/state_files.h"

namespace perdure::cloudsim {

/// Set by the admin API. The defaults are AWS as it is.
struct Settings {
    bool secure_transport = false;  // what aws:SecureTransport says: no TLS is spoken here
    // Weaker servers, for the probe of a bucket's capabilities (CS-S3-10).
    bool ignore_conditions = false;
    bool if_match_unquoted_only = false;
    bool ignore_checksums = false;
    /// Seconds that a thaw takes: by "CLASS/Tier".
    std::map<std::string, std::uint64_t> restore_seconds = {{"GLACIER/Expedited", 180},
                                                            {"GLACIER/Standard", 4 * 3600},
                                                            {"GLACIER/Bulk", 8 * 3600},
                                                            {"DEEP_ARCHIVE/Standard", 12 * 3600},
                                                            {"DEEP_ARCHIVE/Bulk", 48 * 3600}};
};

struct World {
    World(Clock& base, const std::string& directory)
        : clock(base),
          files(directory),
          blobs(directory.empty() ? "" : directory + "/blobs"),
          identities(files) {}

    SimClock clock;
    StateFiles files;
    BlobStore blobs;
    Identities identities;
    Guarded<Settings> settings;
};

}  // namespace perdure::cloudsim
