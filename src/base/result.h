// Result<T>: a value or an Error, which the compiler does not let a caller drop.
//
// Built implicitly from either. value() on a failure is a bug and ends the process. PERDURE_TRY
// (base/try.h) is the usual way to use one. Works for void and move-only types; there is no
// Result<T&>: return a pointer.
#pragma once

#include <type_traits>
#include <utility>
#include <variant>

#include "base/check.h"
#include "base/error.h"

namespace perdure {

template <class T>
class [[nodiscard]] Result {
    static_assert(!std::is_reference_v<T>, "return a pointer instead");

public:
    using value_type = T;

    Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

    bool has_value() const { return state_.index() == 0; }
    explicit operator bool() const { return has_value(); }

    T& value() & {
        PERDURE_CHECK(has_value());
        return *std::get_if<0>(&state_);
    }
    const T& value() const& {
        PERDURE_CHECK(has_value());
        return *std::get_if<0>(&state_);
    }
    T&& value() && {
        PERDURE_CHECK(has_value());
        return std::move(*std::get_if<0>(&state_));
    }
    T& operator*() & { return value(); }
    const T& operator*() const& { return value(); }
    T&& operator*() && { return std::move(*this).value(); }
    T* operator->() { return &value(); }
    const T* operator->() const { return &value(); }

    const Error& error() const& {
        PERDURE_CHECK(!has_value());
        return *std::get_if<1>(&state_);
    }
    Error&& error() && {
        PERDURE_CHECK(!has_value());
        return std::move(*std::get_if<1>(&state_));
    }

    T value_or(T other) && { return has_value() ? std::move(*this).value() : std::move(other); }

    /// Adds a frame to the error, if there is one.
    Result&& context(std::string frame) && {
        if (!has_value()) state_ = std::move(*std::get_if<1>(&state_)).context(std::move(frame));
        return std::move(*this);
    }

    template <class F>
    auto and_then(F&& next) && -> std::invoke_result_t<F, T&&> {
        if (!has_value()) return std::move(*this).error();
        return std::forward<F>(next)(std::move(*this).value());
    }

    template <class F>
    auto map(F&& f) && -> Result<std::invoke_result_t<F, T&&>> {
        if (!has_value()) return std::move(*this).error();
        return std::forward<F>(f)(std::move(*this).value());
    }

private:
    std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
public:
    using value_type = void;

    Result() = default;
    Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

    bool has_value() const { return state_.index() == 0; }
    explicit operator bool() const { return has_value(); }
    void value() const { PERDURE_CHECK(has_value()); }

    const Error& error() const& {
        PERDURE_CHECK(!has_value());
        return *std::get_if<1>(&state_);
    }
    Error&& error() && {
        PERDURE_CHECK(!has_value());
        return std::move(*std::get_if<1>(&state_));
    }

    Result&& context(std::string frame) && {
        if (!has_value()) state_ = std::move(*std::get_if<1>(&state_)).context(std::move(frame));
        return std::move(*this);
    }

    template <class F>
    auto and_then(F&& next) && -> std::invoke_result_t<F> {
        if (!has_value()) return std::move(*this).error();
        return std::forward<F>(next)();
    }

private:
    std::variant<std::monostate, Error> state_;
};

}  // namespace perdure
