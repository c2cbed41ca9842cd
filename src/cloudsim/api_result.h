// ApiResult<T>: a value, or the error that a service answers with. PERDURE_TRY works on it as on
// Result<T>; it is another type because what a client of AWS sees is a status, a code and named
// details, not a kind.
#pragma once

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/check.h"
#include "base/try.h"
#include "net/http_message.h"

namespace perdure::cloudsim {

struct ApiError {
    int status = 400;
    std::string code;
    std::string message;
    std::vector<QueryPair> details;   // further elements of the error, in their order
    std::vector<HttpHeader> headers;  // of the answer

    ApiError&& with(std::string name, std::string value) && {
        details.push_back({std::move(name), std::move(value)});
        return std::move(*this);
    }
    ApiError&& with_header(std::string name, std::string value) && {
        headers.push_back({std::move(name), std::move(value)});
        return std::move(*this);
    }
};

template <class T>
class [[nodiscard]] ApiResult {
public:
    ApiResult(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    ApiResult(ApiError error) : state_(std::in_place_index<1>, std::move(error)) {}

    explicit operator bool() const { return state_.index() == 0; }
    T& operator*() & { return value(); }
    T* operator->() { return &value(); }
    T& value() & {
        PERDURE_CHECK(state_.index() == 0);
        return *std::get_if<0>(&state_);
    }
    T&& value() && { return std::move(value()); }
    ApiError& error() & {
        PERDURE_CHECK(state_.index() == 1);
        return *std::get_if<1>(&state_);
    }
    ApiError&& error() && { return std::move(error()); }

private:
    std::variant<T, ApiError> state_;
};

template <>
class [[nodiscard]] ApiResult<void> {
public:
    ApiResult() = default;
    ApiResult(ApiError error) : state_(std::in_place_index<1>, std::move(error)) {}

    explicit operator bool() const { return state_.index() == 0; }
    void value() const { PERDURE_CHECK(state_.index() == 0); }
    ApiError& error() & {
        PERDURE_CHECK(state_.index() == 1);
        return *std::get_if<1>(&state_);
    }
    ApiError&& error() && { return std::move(error()); }

private:
    std::variant<std::monostate, ApiError> state_;
};

}  // namespace perdure::cloudsim
