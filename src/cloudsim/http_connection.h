// One connection of HTTP/1.1: heads and bodies in, answers out, cut or slowed where a fault says
// so. Reads and writes on the caller's thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "cloudsim/message.h"

namespace perdure::cloudsim {

constexpr std::size_t kMostHead = 64u << 10;

/// How long the body of a request is, and what memory it is given before it is read.
struct BodyPlan {
    bool chunked = false;
    std::uint64_t length = 0;  // unless chunked
    std::uint64_t most = 0;
    std::uint64_t reserved = 0;
};
/// Nothing if it is longer than `most`, or in a coding that is not known.
std::optional<BodyPlan> plan_body(const Request& request, std::uint64_t most);

class HttpConnection {
public:
    /// `is_wanted`: whether others wait for the place of an idle connection.
    HttpConnection(int fd, int idle_ms, std::function<bool()> is_wanted)
        : fd_(fd), idle_ms_(idle_ms), is_wanted_(std::move(is_wanted)) {}

    /// Up to its empty line; nothing at the end of the connection.
    std::optional<std::string> read_head();
    /// False if the connection ended before the body did, or the body is not as it should be.
    bool read_body(Request& request, const BodyPlan& plan);
    /// `pause` waits between two bytes where `how.drip_ms` says so; false ends it.
    bool send(const Answer& answer, const Delivery& how, const std::function<bool()>& pause);
    void refuse(int status, std::string_view reason);
    /// Until the other side, or the server, closes.
    void wait_for_end();

private:
    /// False at the end of its time, or where an idle connection's place is wanted.
    bool wait_readable(bool is_idle = false);
    bool receive_more(bool is_idle = false);
    bool take_line(std::string& line);
    bool take_bytes(std::uint64_t count, Buffer& into);
    bool read_chunks(Buffer& into, std::uint64_t most);
    bool send_bytes(std::string_view bytes);
    bool send_slowly(std::string_view bytes, const Delivery& how,
                     const std::function<bool()>& pause);
    bool send_part(std::string_view bytes, std::uint64_t& budget, const Delivery& how,
                   const std::function<bool()>& pause);

    const int fd_;
    const int idle_ms_;
    const std::function<bool()> is_wanted_;
    std::string stream_;  // received, not yet taken
    bool has_served_ = false;
};

}  // namespace perdure::cloudsim
