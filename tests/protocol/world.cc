#include "world.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "base/bytes.h"
#include "base/check.h"

namespace perdure::protocol::search {

namespace {

/// Members of a state as bytes; two for masks.
class Writing {
public:
    explicit Writing(Encoded& out) : out_(out) { out_.size = 0; }

    template <class T>
    void operator()(const T& member) {
        const auto value = static_cast<std::uint64_t>(member);
        if constexpr (std::is_same_v<T, std::uint16_t>) {
            put(static_cast<Byte>(value >> 8));
        } else {
            PERDURE_CHECK(value < 256);
        }
        put(static_cast<Byte>(value));
    }
    void raw(const Store& store) {
        std::memcpy(&out_.bytes[out_.size], &store, sizeof store);
        out_.size += sizeof store;
    }
    /// To be asked before each part; no part takes more than `room`.
    void has_room() const {
        constexpr std::size_t room = 256;
        PERDURE_CHECK(out_.size + room <= Encoded::kMax);
    }

private:
    void put(Byte byte) { out_.bytes[out_.size++] = byte; }

    Encoded& out_;
};

class Reading {
public:
    explicit Reading(const Byte* bytes) : at_(bytes) {}

    template <class T>
    void operator()(T& member) {
        std::uint64_t value = *at_++;
        if constexpr (std::is_same_v<T, std::uint16_t>) value = value << 8 | *at_++;
        member = static_cast<T>(value);
    }
    void has_room() const {}
    void raw(Store& store) {
        std::memcpy(&store, at_, sizeof store);
        at_ += sizeof store;
    }

private:
    const Byte* at_;
};

template <class F, class Machine>
void visit_machine(F& f, Machine& machine) {
    if constexpr (!std::is_same_v<Machine, std::monostate>) machine.visit(f);
}

template <std::size_t kIndex = 0, class Variant>
void emplace(Variant& variant, std::size_t index) {
    if constexpr (kIndex < std::variant_size_v<Variant>) {
        if (index == kIndex) {
            variant.template emplace<kIndex>();
        } else {
            emplace<kIndex + 1>(variant, index);
        }
    }
}

template <class F>
void visit_session(F& f, SessionProcess& session) {
    f.has_room();
    f(session.phase), f(session.report), f(session.number), f(session.obeys), f(session.lists);
    f(session.verdicts), f(session.carried);
    auto index = static_cast<Byte>(session.machine.index());
    f(index);
    if (index != session.machine.index()) emplace(session.machine, index);
    std::visit([&](auto& machine) { visit_machine(f, machine); }, session.machine);
}

template <class F>
void visit_collector(F& f, CollectorProcess& collector) {
    f.has_room();
    f(collector.running);
    f(collector.has_content), f(collector.deferred), f(collector.counted), f(collector.indexed);
    f(collector.orphaned), f(collector.lists), f(collector.verdicts), f(collector.condemns);
    f(collector.drops);
    collector.machine.visit(f);
}

template <class F>
void visit_rest(F& f, World& world) {
    f.raw(world.store);
    for (SessionProcess& session : world.sessions) visit_session(f, session);
    f.has_room();
    for (Pending& pending : world.pending)
        f(pending.type), f(pending.writer), f(pending.number), f(pending.value), f(pending.content);
    world.enrolment.visit(f);
    f(world.enrolling);
    for (Byte& list : world.certified) f(list);
    f(world.faults);
}

}  // namespace

void encode(const World& world, Encoded& out) {
    // The visitors only read through Writing; they are written once for both directions.
    auto& mutable_world = const_cast<World&>(world);
    Writing writing(out);
    visit_rest(writing, mutable_world);
    static_assert(kMaxCollectors == 2);
    Byte* first = &out.bytes[out.size];
    visit_collector(writing, mutable_world.collectors[0]);
    Byte* second = &out.bytes[out.size];
    visit_collector(writing, mutable_world.collectors[1]);
    const std::ptrdiff_t size = second - first;
    // Those that do not run come last, beyond those a scenario has.
    if (std::memcmp(first, second, static_cast<std::size_t>(size)) < 0)
        std::swap_ranges(first, second, second);
    while (out.size % 16 != 0) out.bytes[out.size++] = 0;
}

World decode(const Encoded& bytes) {
    World world;
    Reading reading(bytes.bytes.data());
    visit_rest(reading, world);
    for (CollectorProcess& collector : world.collectors) visit_collector(reading, collector);
    return world;
}

namespace {

/// Exchanges two sessions wherever a number, a bit or a pair of bits stands for one.
class Exchange {
public:
    Exchange(int a, int b) : a_(a), b_(b) {}

    /// A session's number plus one; other values stay.
    Byte one_based(Byte value) const {
        if (value == a_ + 1) return static_cast<Byte>(b_ + 1);
        if (value == b_ + 1) return static_cast<Byte>(a_ + 1);
        return value;
    }
    template <class Mask>
    Mask bits(Mask mask, int width) const {
        const unsigned field = (1u << width) - 1;
        const unsigned of_a = static_cast<unsigned>(mask) >> (a_ * width) & field;
        const unsigned of_b = static_cast<unsigned>(mask) >> (b_ * width) & field;
        const unsigned kept =
            static_cast<unsigned>(mask) & ~(field << (a_ * width) | field << (b_ * width));
        return static_cast<Mask>(kept | of_a << (b_ * width) | of_b << (a_ * width));
    }
    Byte block(Byte value) const {
        if (value == 0) return value;
        const int block = value - 1;
        const int session = one_based(static_cast<Byte>(block / kClasses + 1)) - 1;
        return static_cast<Byte>(block_of(session, block % kClasses) + 1);
    }
    template <class T>
    void entries(std::array<T, kMaxSessions>& values) const {
        std::swap(values[static_cast<std::size_t>(a_)], values[static_cast<std::size_t>(b_)]);
    }

private:
    int a_;
    int b_;
};

void exchange_store(Store& store, const Exchange& x) {
    for (auto& log : store.log)
        for (Byte& entry : log) entry = x.one_based(entry);
    x.entries(store.ending), x.entries(store.index), x.entries(store.pack), x.entries(store.slots);
    x.entries(store.needs), x.entries(store.supersedes), x.entries(store.fate);
    for (auto& slots : store.slots)
        for (Byte& block : slots) block = x.block(block);
    for (BlockMask& needs : store.needs) needs = x.bits(needs, kClasses);
    for (Byte& session : store.supersedes) session = x.one_based(session);
    for (LocationMask& list : store.list) list = x.bits(list, kClasses);
    for (PackMask& verdict : store.verdict) verdict = x.bits(verdict, 1);
}

}  // namespace

World exchange(const World& world, int a, int b) {
    const Exchange x(a, b);
    World out = world;
    exchange_store(out.store, x);
    x.entries(out.sessions);
    for (SessionProcess& session : out.sessions) session.carried = x.one_based(session.carried);
    for (CollectorProcess& collector : out.collectors) {
        collector.counted = x.bits(collector.counted, 1);
        collector.indexed = x.bits(collector.indexed, 1);
        collector.orphaned = x.bits(collector.orphaned, 1);
        collector.condemns = x.bits(collector.condemns, kClasses);
        collector.drops = x.bits(collector.drops, 1);
    }
    for (Pending& pending : out.pending) {
        if (pending.type == ObjectType::LogEntry) pending.value = x.one_based(pending.value);
        if (pending.type == ObjectType::List) pending.content = x.bits(pending.content, kClasses);
        if (pending.type == ObjectType::Verdict) pending.content = x.bits(pending.content, 1);
    }
    std::sort(out.pending.begin(), out.pending.end());
    return out;
}

}  // namespace perdure::protocol::search
