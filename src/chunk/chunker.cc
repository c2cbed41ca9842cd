#include "chunk/chunker.h"

#include <limits>

#include "base/check.h"
#include "chunk/confirm.h"
#include "chunk/gear.h"
#include "chunk/select_cuts.h"

namespace perdure {

struct Chunker::State {
    State(const ChunkerProfile& profile, const ChunkerTables& tables, ChunkKernel which)
        : rule(profile),
          gear(tables.a, tables.b),
          kernel(gear_kernel(which)),
          confirm(tables.confirm_key) {}

    CutRule rule;
    GearTables gear;
    GearKernel kernel;
    ConfirmKey confirm;
};

ChunkerTables ChunkerTables::from_bytes(ByteView tables64, ByteView key16) {
    ChunkerTables tables;
    PERDURE_CHECK(tables64.size() == 64 && key16.size() == 16);
    for (std::size_t i = 0; i < 16; ++i) {
        tables.a[i] = load_le<std::uint16_t>(tables64.data() + 2 * i);
        tables.b[i] = load_le<std::uint16_t>(tables64.data() + 32 + 2 * i);
    }
    tables.confirm_key = Secret<16>::copy_of(key16);
    return tables;
}

Chunker::Chunker(ChunkerProfile profile, const ChunkerTables& tables)
    : Chunker(profile, tables, preferred_kernel()) {}

Chunker::Chunker(ChunkerProfile profile, const ChunkerTables& tables, ChunkKernel kernel)
    : profile_(profile) {
    PERDURE_CHECK(profile.average_log2 >= 13 && profile.average_log2 <= 16);
    state_ = std::make_unique<State>(profile, tables, kernel);
}

Chunker::~Chunker() = default;

void Chunker::cut(ByteView data, bool last, std::vector<std::uint32_t>& cuts,
                  Scratch& scratch) const {
    PERDURE_CHECK(data.size() <= std::numeric_limits<std::uint32_t>::max());
    Confirm confirm(state_->confirm);
    CutSelection selection(state_->rule, state_->kernel, state_->gear, data, confirm,
                           scratch.candidates);
    selection.run(last, cuts);
}

}  // namespace perdure
