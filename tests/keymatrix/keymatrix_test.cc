// The matrix of FORMAT.md, "Who may do what": a test for each cell that this version can act out.
// "Reads" means that the role's keys open the object; "makes" that readers believe what the role
// made and signed.

#include <gtest/gtest.h>

#include <functional>

#include "repo/block_reader.h"
#include "repo/proto_io.h"
#include "support/repo_fixture.h"

namespace perdure {
namespace {

enum class Actor { Owner, Writer, Maintainer, Verifier, Storage };

const char* name_of(Actor actor) {
    switch (actor) {
        case Actor::Owner: return "Owner";
        case Actor::Writer: return "Writer";
        case Actor::Maintainer: return "Maintainer";
        case Actor::Verifier: return "Verifier";
        case Actor::Storage: return "Storage";
    }
    return "";
}

Role role_of(Actor actor) {
    switch (actor) {
        case Actor::Owner: return Role::Owner;
        case Actor::Writer: return Role::Writer;
        case Actor::Maintainer: return Role::Maintainer;
        case Actor::Verifier: return Role::Verifier;
        case Actor::Storage: return Role::Owner;  // what a forger would claim to be
    }
    return Role::None;
}

/// A repository with one of each role, and a victim whose objects the others try to make.
class Matrix {
public:
    Matrix() {
        victim = fixture.enrol("victim");
        writer = enrol(Role::Writer);
        maintainer = enrol(Role::Maintainer);
        verifier = enrol(Role::Verifier);
        const auto committed = commit_point(*fixture.repository, victim, "host");
        EXPECT_TRUE(committed);
        victims_point = committed->session;
        const LocalCache no_cache;
        auto session = WriteSession::begin(*fixture.repository, victim, no_cache, {}, {});
        EXPECT_TRUE(session);
        victims_open_session = (*session)->name();
    }

    WriterIdentity enrol(Role role) {
        Certificate certificate;
        certificate.role = role;
        certificate.name = "role";
        auto identity = fixture.repository->enrol(certificate, {});
        EXPECT_TRUE(identity);
        return *identity;
    }

    const WriterIdentity* identity_of(Actor actor) const {
        switch (actor) {
            case Actor::Writer: return &writer;
            case Actor::Maintainer: return &maintainer;
            case Actor::Verifier: return &verifier;
            default: return nullptr;
        }
    }

    std::unique_ptr<Repository> open_as(Actor actor) {
        if (actor == Actor::Owner) return fixture.must_open("correct horse");
        Credentials credentials;
        if (const auto* identity = identity_of(actor)) credentials.writer = *identity;
        auto opened =
            Repository::open(fixture.store, credentials, fixture.clock, system_random(), {});
        EXPECT_TRUE(opened) << opened.error().describe();
        return std::move(*opened);
    }

    /// A record made with all the keys that `actor` has.
    Buffer make(Actor actor, ObjectType type, const ObjectName& name, const Buffer& body) {
        const OwnerKeys& owner = fixture.repository->keyring().owner();
        const WriterIdentity* identity = identity_of(actor);
        const SigningKey own(identity != nullptr ? identity->signing_seed : key_of(99));
        const bool is_owner = actor == Actor::Owner;
        const SignWith sign{
            {role_of(actor), identity != nullptr ? identity->enrolment : WriterNumber{0},
             EpochNumber{1}},
            is_owner ? &owner.signing : &own,
            nullptr};
        const DomainKeys domain = actor == Actor::Storage
                                      ? DomainKeys{{1, 1}, key_of(98), key_of(97)}
                                      : *fixture.repository->domain_keys();
        return seal_record({fixture.repository->id(), type, name.text()}, body, sign,
                           {Sealing::IndexKey, domain.index_key, 1, 1});
    }
    void plant(Actor actor, ObjectType type, const ObjectName& name, const Buffer& body) {
        fixture.store.plant(name, make(actor, type, name, body));
        fixture.reopen();
    }

    Digest digest_of_object(const ObjectName& name) {
        return digest_of(fixture.store.contents().at(name.text()));
    }

    RepoFixture fixture;
    WriterIdentity victim, writer, maintainer, verifier;
    SessionName victims_point, victims_open_session;
};

struct Cell {
    std::string name;
    std::function<void(Matrix&)> run;
};

// ------------------------------------------------------------------------------------ reading

void expect_opens(Matrix& m, Actor actor, ObjectType type, const ObjectName& name, bool expected) {
    const auto repository = m.open_as(actor);
    const auto object = m.fixture.store.load(name, ByteRange::all(), {});
    ASSERT_TRUE(object) << name.text();
    EXPECT_EQ(repository->open_sealed(type, name, *object).has_value(), expected);
}

std::vector<Cell> reading_cells() {
    std::vector<Cell> cells;
    const auto add = [&](Actor actor, const char* what, std::function<void(Matrix&)> run) {
        cells.push_back({std::string(name_of(actor)) + "Reads" + what, std::move(run)});
    };
    for (const Actor actor :
         {Actor::Owner, Actor::Writer, Actor::Maintainer, Actor::Verifier, Actor::Storage}) {
        const bool keyed = actor != Actor::Storage;
        const bool owner = actor == Actor::Owner;
        add(actor, "ConfigAndEpochs",
            [=](Matrix& m) { EXPECT_EQ(m.open_as(actor)->epoch().number, EpochNumber{1}); });
        const auto record = [&](const char* what, ObjectType type, auto name) {
            add(actor, what, [=](Matrix& m) { expect_opens(m, actor, type, name(m), keyed); });
        };
        record("Enrolments", ObjectType::Enrolment,
               [](Matrix& m) { return names::enrolment(m.victim.enrolment); });
        record("LogEntries", ObjectType::LogEntry,
               [](Matrix& m) { return names::log_entry(m.victims_point); });
        record("PointHeaders", ObjectType::Point,
               [](Matrix& m) { return names::point(m.victims_point); });
        record("Indexes", ObjectType::Index,
               [](Matrix& m) { return names::index(m.victims_point); });
        record("Hints", ObjectType::Hints, [](Matrix& m) { return names::hints(m.victims_point); });
        add(actor, "PointBodies", [=](Matrix& m) {
            const Point point = *m.fixture.repository->load_point(m.victims_point, {});
            const auto body = m.open_as(actor)->load_body(point, {});
            EXPECT_EQ(body.has_value(), owner);
            if (!owner) {
                EXPECT_EQ(body.error().kind(), ErrorKind::Denied);
            }
        });
        add(actor, "Blocks", [=](Matrix& m) {
            const auto index = *m.fixture.repository->load_index(m.victims_point, std::nullopt, {});
            const auto repository = m.open_as(actor);
            PackRegistry registry;
            PackCatalog catalog(*repository, registry);
            catalog.learn(*index);
            BlockReader reader(*repository, catalog, 1 << 20);
            const PackNumber pack = registry.number_of(index->packs[0].pack);
            EXPECT_EQ(reader.read(pack, 0, {}).has_value(), owner);
        });
        add(actor, "SessionSecrets", [=](Matrix& m) {
            const Point point = *m.fixture.repository->load_point(m.victims_point, {});
            const auto repository = m.open_as(actor);
            EXPECT_EQ(
                repository->keyring()
                    .open_secret(repository->id(), m.victims_point, point.header.sealed_secret)
                    .has_value(),
                owner);
        });
    }
    cells.push_back({"WriterReadsItsOwnPointBodiesNeither", [](Matrix& m) {
                         const auto committed = commit_point(*m.fixture.repository, m.writer, "h");
                         ASSERT_TRUE(committed);
                         const auto repository = m.open_as(Actor::Writer);
                         const auto point = repository->load_point(committed->session, {});
                         ASSERT_TRUE(point);
                         EXPECT_EQ(repository->load_body(*point, {}).error().kind(),
                                   ErrorKind::Denied);
                     }});
    cells.push_back({"WriterReadsItsOwnBlocksNeither", [](Matrix& m) {
                         const auto committed = commit_point(*m.fixture.repository, m.writer, "h");
                         ASSERT_TRUE(committed);
                         const auto repository = m.open_as(Actor::Writer);
                         const auto index =
                             repository->load_index(committed->session, std::nullopt, {});
                         ASSERT_TRUE(index);
                         PackRegistry registry;
                         PackCatalog catalog(*repository, registry);
                         catalog.learn(**index);
                         BlockReader reader(*repository, catalog, 1 << 20);
                         const auto block =
                             reader.read(registry.number_of((*index)->packs[0].pack), 0, {});
                         ASSERT_FALSE(block);
                         EXPECT_EQ(block.error().kind(), ErrorKind::Denied);
                     }});
    return cells;
}

// ------------------------------------------------------------------------------------ making

std::size_t listed(Matrix& m) { return m.fixture.repository->list_points({})->points.size(); }

void make_certificate(Matrix& m, Actor actor, bool believed) {
    const EnrolmentList before = *m.fixture.repository->enrolments({});
    Enrolment enrolment;
    enrolment.number = before.next;
    enrolment.previous = before.last_digest;
    enrolment.certificate.verify_key = SigningKey(key_of(1)).verify_key();
    m.plant(actor, ObjectType::Enrolment, names::enrolment(before.next),
            encode_enrolment(enrolment));
    EXPECT_EQ(m.fixture.repository->is_enrolled(before.next, {}), believed);
}

void make_enrolment_barrier(Matrix& m, Actor actor, bool believed) {
    const EnrolmentList before = *m.fixture.repository->enrolments({});
    Enrolment barrier;
    barrier.kind = EnrolmentKind::Barrier;
    barrier.number = before.next;
    barrier.previous = before.last_digest;
    barrier.list = 1;
    m.plant(actor, ObjectType::Enrolment, names::enrolment(before.next), encode_enrolment(barrier));
    EXPECT_EQ(m.fixture.repository->enrolments({})->by_number.contains(before.next), believed);
}

void make_log_entry(Matrix& m, Actor actor, LogKind kind, bool believed) {
    LogRecord record;
    record.kind = kind;
    record.session = {m.victim.enrolment,
                      SessionNumber{number(m.victims_open_session.session) + 1}};
    record.previous = m.digest_of_object(names::log_entry(m.victims_open_session));
    record.list = kind == LogKind::Barrier ? 1 : 0;
    m.plant(actor, ObjectType::LogEntry, names::log_entry(record.session),
            encode_log_record(record));
    EXPECT_EQ(m.fixture.repository->load_log_entry(record.session, nullptr, {}).has_value(),
              believed);
}

/// An end of the victim's open session.
void make_end(Matrix& m, Actor actor, EndKind kind, bool believed) {
    PointHeader header;
    header.kind = kind;
    header.session = m.victims_open_session;
    header.log_entry = m.digest_of_object(names::log_entry(header.session));
    header.host = "host";
    m.plant(actor, ObjectType::Point, names::point(header.session), encode_point_header(header));
    EXPECT_EQ(m.fixture.repository->load_point(header.session, {}).has_value(), believed);
    EXPECT_EQ(listed(m), is_point(kind) && believed ? 2U : 1U);
    EXPECT_EQ(m.fixture.repository->list_points({})->problems.size(), believed ? 0U : 1U);
}

void make_own_end(Matrix& m, Actor actor, EndKind kind, bool believed) {
    const WriterIdentity& own = *m.identity_of(actor);
    if (believed) {
        const auto committed = commit_point(*m.fixture.repository, own, "h", kind);
        ASSERT_TRUE(committed) << committed.error().describe();
        m.fixture.reopen();
        EXPECT_TRUE(m.fixture.repository->load_point(committed->session, {}));
        return;
    }
    EXPECT_FALSE(commit_point(*m.fixture.repository, own, "h", kind));
    const SessionName planted = plant_point(m.fixture.store, *m.fixture.repository, own, "h", kind);
    m.fixture.reopen();
    EXPECT_FALSE(m.fixture.repository->load_point(planted, {}));
}

void make_index(Matrix& m, Actor actor, bool believed) {
    Index index;
    index.session = m.victims_open_session;
    m.plant(actor, ObjectType::Index, names::index(index.session), encode_index(index));
    EXPECT_EQ(m.fixture.repository->load_index(index.session, std::nullopt, {}).has_value(),
              believed);
}

void make_hints(Matrix& m, Actor actor, bool believed) {
    const ObjectName name = names::hints(m.victims_open_session);
    m.plant(actor, ObjectType::Hints, name, encode_hints({}));
    const Buffer object = *m.fixture.store.load(name, ByteRange::all(), {});
    EXPECT_EQ(
        m.fixture.repository->open_by_writer(ObjectType::Hints, name, m.victim.enrolment, object)
            .has_value(),
        believed);
}

void make_fate(Matrix& m, Actor actor, bool believed) {
    Fate fate;
    fate.kind = FateKind::Expired;
    fate.number = 1;
    fate.point = {m.victims_point, m.digest_of_object(names::point(m.victims_point))};
    m.plant(actor, ObjectType::Fate, names::fate(m.victims_point, 1), encode_fate(fate));
    EXPECT_EQ(listed(m), believed ? 0U : 1U);
    EXPECT_EQ(m.fixture.repository->list_points({})->problems.size(), believed ? 0U : 1U);
}

void make_decision(Matrix& m, Actor actor, ObjectType type, const ObjectName& name, bool believed) {
    m.plant(actor, type, name, Buffer());
    const Buffer object = *m.fixture.store.load(name, ByteRange::all(), {});
    EXPECT_EQ(m.fixture.repository->open_by_maintainer(type, name, object).has_value(), believed);
}

std::vector<Cell> making_cells() {
    std::vector<Cell> cells;
    for (const Actor actor :
         {Actor::Owner, Actor::Writer, Actor::Maintainer, Actor::Verifier, Actor::Storage}) {
        const auto add = [&](const char* what, std::function<void(Matrix&)> run) {
            cells.push_back({std::string(name_of(actor)) + "Makes" + what, std::move(run)});
        };
        const bool owner = actor == Actor::Owner;
        const bool decides = owner || actor == Actor::Maintainer;
        add("Certificates", [=](Matrix& m) { make_certificate(m, actor, owner); });
        add("EnrolmentBarriers", [=](Matrix& m) { make_enrolment_barrier(m, actor, decides); });
        add("AnothersLogSession",
            [=](Matrix& m) { make_log_entry(m, actor, LogKind::Session, false); });
        add("LogBarriers", [=](Matrix& m) { make_log_entry(m, actor, LogKind::Barrier, decides); });
        add("AnothersPoint", [=](Matrix& m) { make_end(m, actor, EndKind::Files, false); });
        add("AnothersEndRecord", [=](Matrix& m) { make_end(m, actor, EndKind::EndRecord, false); });
        add("AnothersCheckpoint",
            [=](Matrix& m) { make_end(m, actor, EndKind::Checkpoint, false); });
        add("Fences", [=](Matrix& m) { make_end(m, actor, EndKind::Fence, decides); });
        add("AnothersIndex", [=](Matrix& m) { make_index(m, actor, false); });
        add("AnothersHints", [=](Matrix& m) { make_hints(m, actor, false); });
        add("Fates", [=](Matrix& m) { make_fate(m, actor, decides); });
        add("CondemnedLists", [=](Matrix& m) {
            make_decision(m, actor, ObjectType::CondemnedList, names::condemned_list(1), decides);
        });
        add("Verdicts", [=](Matrix& m) {
            make_decision(m, actor, ObjectType::Verdict, names::verdict(1), decides);
        });
    }
    for (const Actor actor : {Actor::Writer, Actor::Maintainer, Actor::Verifier}) {
        const auto add = [&](const char* what, EndKind kind, bool believed) {
            cells.push_back({std::string(name_of(actor)) + "MakesItsOwn" + what,
                             [=](Matrix& m) { make_own_end(m, actor, kind, believed); }});
        };
        const bool maintainer = actor == Actor::Maintainer;
        add("Point", EndKind::Files, actor != Actor::Verifier);
        add("Checkpoint", EndKind::Checkpoint, actor != Actor::Verifier);
        add("EndRecord", EndKind::EndRecord, true);
        add("Copy", EndKind::Copy, maintainer);
        add("Repaired", EndKind::Repaired, maintainer);
    }
    return cells;
}

// ------------------------------------------------------------------------------------ the tests

std::vector<Cell> all_cells() {
    std::vector<Cell> cells = reading_cells();
    for (Cell& cell : making_cells()) cells.push_back(std::move(cell));
    return cells;
}

class KeyMatrix : public ::testing::TestWithParam<Cell> {};

TEST_P(KeyMatrix, Holds) {
    Matrix matrix;
    GetParam().run(matrix);
}

INSTANTIATE_TEST_SUITE_P(Cells, KeyMatrix, ::testing::ValuesIn(all_cells()),
                         [](const auto& cell) { return cell.param.name; });

/// Keeps gtest from printing a cell as bytes.
void PrintTo(const Cell& cell, std::ostream* out) { *out << cell.name; }

TEST(KeyMatrix, AWriterMayNotGiveItselfAnotherRole) {
    // The certificate says what a writer is; the role in its signature must be that one.
    Matrix m;
    Fate fate;
    fate.kind = FateKind::Expired;
    fate.number = 1;
    fate.point = {m.victims_point, m.digest_of_object(names::point(m.victims_point))};
    const SigningKey key(m.writer.signing_seed);
    const ObjectName name = names::fate(m.victims_point, 1);
    for (const Role claimed : {Role::Maintainer, Role::Owner, Role::Verifier}) {
        m.fixture.store.plant(
            name, seal_record({m.fixture.repository->id(), ObjectType::Fate, name.text()},
                              encode_fate(fate),
                              {{claimed, m.writer.enrolment, EpochNumber{1}}, &key, nullptr},
                              {Sealing::IndexKey, m.writer.domains[0].index_key, 1, 1}));
        EXPECT_EQ(listed(m), 1U);
    }
}

TEST(KeyMatrix, ASlotWithoutThePasswordGivesNothing) {
    Matrix m;
    const auto slots = m.fixture.repository->key_slots({});
    ASSERT_TRUE(slots);
    ASSERT_FALSE(slots->empty());
    for (const KeySlotState& slot : *slots) {
        ASSERT_TRUE(slot.slot);
        EXPECT_EQ(
            unwrap_seed(m.fixture.repository->id(), *slot.slot, Passphrase("guess")).error().kind(),
            ErrorKind::WrongKey);
    }
}

}  // namespace
}  // namespace perdure
