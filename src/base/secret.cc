#include "base/secret.h"

#include <strings.h>

namespace perdure {

void wipe(MutableByteView bytes) {
    if (!bytes.empty()) explicit_bzero(bytes.data(), bytes.size());
}

}  // namespace perdure
