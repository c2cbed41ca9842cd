// Not part of the product: includes a layer that its target may not link
// (tests/lint/CMakeLists.txt).
#include "codec/crc32c.h"

int main() { return static_cast<int>(perdure::crc32c({}) & 1); }
