// PERDURE_TRY(expr): the value of a Result, or return its error from the enclosing function.
// Only as a whole statement or a whole initializer, never inside a larger expression.
#pragma once

#include <utility>

#include "base/result.h"

#define PERDURE_TRY(...)                                  \
    __extension__({                                       \
        auto perdure_try_result = (__VA_ARGS__);          \
        if (!perdure_try_result) [[unlikely]]             \
            return std::move(perdure_try_result).error(); \
        std::move(perdure_try_result).value();            \
    })
