// PERDURE_CHECK states what must hold if our own code is right. It is on in every build and ends
// the process; it must never be used to validate input, files, stores or anything else from
// outside.
#pragma once

namespace perdure {

[[noreturn]] void check_failed(const char* condition, const char* file, int line);

}  // namespace perdure

#define PERDURE_CHECK(condition)                                                     \
    do {                                                                             \
        if (!(condition)) [[unlikely]]                                               \
            ::perdure::check_failed(#condition, __builtin_FILE(), __builtin_LINE()); \
    } while (false)
