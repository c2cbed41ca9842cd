#include <sodium.h>

#include "base/check.h"
#include "crypto/internal/sodium.h"

namespace perdure {

void start_sodium() {
    static const bool started = sodium_init() >= 0;
    PERDURE_CHECK(started);
}

}  // namespace perdure
