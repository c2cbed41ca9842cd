#include "repo/closed.h"

#include "base/in_order.h"
#include "base/try.h"
#include "repo/proto_io.h"
#include "repo/repository.h"

namespace perdure {

Buffer encode_closed(const ClosedRecord& in) {
    v1::Closed record;
    record.set_writer(number(in.name.writer));
    record.set_below(number(in.name.session));
    for (const SettledNumber& settled : in.settled) {
        auto* out = record.add_settled();
        out->set_number(number(settled.number));
        if (settled.end) out->set_digest(to_proto(*settled.end));
        out->set_expired(settled.expired);
        out->set_barrier(!settled.end);
    }
    if (in.previous) {
        auto* out = record.mutable_previous();
        out->set_writer(number(in.previous->session.writer));
        out->set_number(number(in.previous->session.session));
        out->set_digest(to_proto(in.previous->digest));
    }
    return encode(record);
}

Result<ClosedRecord> decode_closed(ByteView bytes) {
    const auto in = PERDURE_TRY(decode<v1::Closed>(bytes, "closed record"));
    ClosedRecord record;
    record.name = {WriterNumber{in.writer()}, SessionNumber{in.below()}};
    for (const auto& settled : in.settled()) {
        SettledNumber out;
        out.number = SessionNumber{settled.number()};
        if (!settled.barrier()) out.end = PERDURE_TRY(id_from<Digest>(settled.digest(), "digest"));
        out.expired = settled.expired();
        if (settled.number() == 0 || settled.number() >= in.below())
            return Error(ErrorKind::Corrupt,
                         "a closed record speaks of a number that is not below its own");
        record.settled.push_back(out);
    }
    if (in.has_previous())
        record.previous = SessionDigest{
            {WriterNumber{in.previous().writer()}, SessionNumber{in.previous().number()}},
            PERDURE_TRY(id_from<Digest>(in.previous().digest(), "digest"))};
    return record;
}

const SettledNumber* SettledNumbers::find(SessionName session) const {
    const auto at = numbers_.find(session);
    return at == numbers_.end() ? nullptr : &at->second;
}

bool SettledNumbers::contradicts(SessionName session, const Digest& end) const {
    const SettledNumber* settled = find(session);
    return settled != nullptr && settled->end != end;
}

std::optional<SessionDigest> SettledNumbers::newest_of(WriterNumber writer) const {
    const auto at = newest_.find(writer);
    return at == newest_.end() ? std::nullopt : std::optional(at->second);
}

void SettledNumbers::take(const Repository& repository, const ListedObject& listed,
                          SessionName name, ByteView object, std::vector<Problem>& problems) {
    const auto opened = repository.open_by_maintainer(ObjectType::Closed, listed.name, object);
    auto record = opened ? decode_closed(opened->body) : Result<ClosedRecord>(opened.error());
    if (record && record->name != name)
        record = Error(ErrorKind::Corrupt, "is another number's record");
    if (!record) {
        if (!repository.lacks_key_of(object))
            problems.push_back({listed.name.text(), record.error().describe()});
        return;
    }
    newest_[name.writer] = {name, digest_of(object)};
    for (const SettledNumber& stated : record->settled) {
        const auto [at, is_new] =
            numbers_.try_emplace(SessionName{name.writer, stated.number}, stated);
        if (is_new) continue;
        at->second.expired = at->second.expired || stated.expired;
        if (at->second.end != stated.end)
            problems.push_back(
                {listed.name.text(),
                 "states another end of " + short_text(at->first) + " than a record before it"});
    }
}

/// By rising numbers, as names sort: what was stated first holds.
Result<SettledNumbers> SettledNumbers::load(const Repository& repository,
                                            std::optional<WriterNumber> writer,
                                            std::vector<Problem>& problems, std::stop_token stop) {
    std::vector<std::pair<SessionName, ListedObject>> found;
    for (ListedObject& object : PERDURE_TRY(list_objects(
             repository.store(), writer ? names::closed_prefix(*writer) : "closed/", stop))) {
        if (const auto name = names::parse_closed(object.name.text()))
            found.emplace_back(*name, std::move(object));
    }
    SettledNumbers all;
    const InOrder order = order_records(repository.store(), found.size());
    PERDURE_TRY(make_in_order<Buffer>(
        order,
        [&](std::size_t i, std::stop_token by) {
            return repository.load_record(found[i].second, std::move(by));
        },
        [&](std::size_t i, const Buffer& object) -> Result<void> {
            all.take(repository, found[i].second, found[i].first, object, problems);
            return {};
        },
        stop));
    return all;
}

}  // namespace perdure
