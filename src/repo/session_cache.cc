#include "repo/session_cache.h"

#include "codec/byte_io.h"

namespace perdure {

Buffer encode_log_position(WriterNumber writer, const LogPosition& p) {
    ByteWriter w;
    w.u32(number(writer));
    w.u64(p.next);
    w.u64(p.obeys);
    w.bytes(p.previous ? p.previous->view() : ByteView());
    return w.take();
}

std::optional<LogPosition> decode_log_position(WriterNumber writer, ByteView bytes) {
    ByteReader r(bytes);
    LogPosition p;
    const bool mine = r.u32() == number(writer);
    p.next = r.u64();
    p.obeys = r.u64();
    if (r.remaining() > 0) p.previous = Digest::from_bytes(r.bytes(Digest::size));
    if (!r.done() || !mine || (p.next > 1) != p.previous.has_value()) return std::nullopt;
    return p;
}

Buffer encode_cached_sessions(const CachedSessions& cached) {
    ByteWriter w;
    w.u64(number(cached.below));
    w.varint(cached.sessions.size());
    for (const SessionNumber session : cached.sessions) w.u64(number(session));
    return w.take();
}

std::optional<CachedSessions> decode_cached_sessions(ByteView bytes) {
    ByteReader r(bytes);
    CachedSessions cached;
    cached.below = SessionNumber{r.u64()};
    const std::uint64_t count = r.varint();
    for (std::uint64_t i = 0; i < count && r.ok(); ++i) {
        const SessionNumber session{r.u64()};
        const bool rises = cached.sessions.empty() || cached.sessions.back() < session;
        if (!rises || session >= cached.below) return std::nullopt;
        cached.sessions.push_back(session);
    }
    if (!r.done()) return std::nullopt;
    return cached;
}

Buffer encode_cached_leaves(const CachedLeaves& leaves) {
    ByteWriter w;
    w.sized_bytes(leaves.index);
    w.sized_bytes(leaves.hints);
    return w.take();
}

std::optional<CachedLeaves> decode_cached_leaves(ByteView bytes) {
    ByteReader r(bytes);
    CachedLeaves leaves;
    leaves.index = to_buffer(r.sized_bytes());
    leaves.hints = to_buffer(r.sized_bytes());
    if (!r.done()) return std::nullopt;
    return leaves;
}

}  // namespace perdure
