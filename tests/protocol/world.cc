#include "world.h"

#include <algorithm>
#include <type_traits>

#include "base/check.h"

namespace perdure::protocol::search {

namespace {

/// Members of a state as bytes; two for masks.
class Writing {
public:
    explicit Writing(Encoded& out) : out_(out) {}

    template <class T>
    void operator()(const T& member) {
        const auto value = static_cast<std::uint64_t>(member);
        if constexpr (std::is_same_v<T, std::uint16_t>) {
            out_.push_back(static_cast<Byte>(value >> 8));
        } else {
            PERDURE_CHECK(value < 256);
        }
        out_.push_back(static_cast<Byte>(value));
    }

private:
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
    const Byte* at() const { return at_; }

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
    f(session.phase), f(session.report), f(session.number), f(session.obeys), f(session.lists);
    f(session.verdicts), f(session.carried);
    auto index = static_cast<Byte>(session.machine.index());
    f(index);
    if (index != session.machine.index()) emplace(session.machine, index);
    std::visit([&](auto& machine) { visit_machine(f, machine); }, session.machine);
}

template <class F>
void visit_collector(F& f, CollectorProcess& collector) {
    f(collector.running);
    f(collector.has_content), f(collector.deferred), f(collector.counted), f(collector.indexed);
    f(collector.orphaned), f(collector.lists), f(collector.verdicts), f(collector.condemns);
    f(collector.drops);
    collector.machine.visit(f);
}

template <class F>
void visit_rest(F& f, World& world) {
    world.store.visit(f);
    for (SessionProcess& session : world.sessions) visit_session(f, session);
    for (Pending& pending : world.pending)
        f(pending.type), f(pending.writer), f(pending.number), f(pending.value), f(pending.content);
    world.enrolment.visit(f);
    f(world.enrolling);
    for (Byte& list : world.certified) f(list);
    f(world.faults);
}

/// Most bytes of a state are zero: eight bytes become a byte of flags and those that are not.
void squeeze(const Encoded& plain, Encoded& out) {
    out.clear();
    for (std::size_t i = 0; i < plain.size(); i += 8) {
        const std::size_t flags = out.size();
        out.push_back(0);
        for (std::size_t j = i; j < std::min(plain.size(), i + 8); ++j) {
            if (plain[j] == 0) continue;
            out[flags] = static_cast<Byte>(out[flags] | (1u << (j - i)));
            out.push_back(plain[j]);
        }
    }
}

void unsqueeze(const Encoded& squeezed, Encoded& plain) {
    plain.clear();
    for (std::size_t i = 0; i < squeezed.size();) {
        const unsigned flags = squeezed[i++];
        for (unsigned bit = 0; bit < 8; ++bit)
            plain.push_back((flags >> bit & 1u) != 0 ? squeezed[i++] : Byte{0});
    }
}

}  // namespace

void encode(const World& world, Encoded& out) {
    thread_local Encoded plain;
    thread_local std::array<Encoded, kMaxCollectors> collectors;
    plain.clear();
    // The visitors only read through Writing; they are written once for both directions.
    auto& mutable_world = const_cast<World&>(world);
    Writing writing(plain);
    visit_rest(writing, mutable_world);
    for (std::size_t c = 0; c < kMaxCollectors; ++c) {
        collectors[c].clear();
        Writing apart(collectors[c]);
        visit_collector(apart, mutable_world.collectors[c]);
    }
    std::sort(collectors.begin(), collectors.end());
    for (const Encoded& collector : collectors)
        plain.insert(plain.end(), collector.begin(), collector.end());
    squeeze(plain, out);
}

World decode(const Encoded& bytes) {
    thread_local Encoded plain;
    unsqueeze(bytes, plain);
    World world;
    Reading reading(plain.data());
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
