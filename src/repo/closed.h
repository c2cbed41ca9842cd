// closed/<w>/<n>: how the numbers of a writer below n ended, stated by a maintainer (FORMAT.md
// §16).
//
// A record is made only by who has read an authentic object at every points/<w>/<m> that it speaks
// of, or a barrier at log/<w>/<m>; ends are created once, so what it states holds for ever. It
// guards against a store that lets such a name be overwritten: an object with another digest is
// void. Records continue each other; each states what ended since the one before, and which of the
// older points have expired since.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "repo/point.h"
#include "repo/record_cache.h"

namespace perdure {

class Repository;
struct Problem;

struct SettledNumber {
    SessionNumber number{};
    std::optional<Digest> end;  // of what ended it; nothing where a barrier stands
    bool expired = false;       // once stated, for ever
    friend bool operator==(const SettledNumber&, const SettledNumber&) = default;
};

struct ClosedRecord {
    SessionName name;  // closed/<w>/<n>: every number below n has ended
    std::vector<SettledNumber> settled;
    std::optional<SessionDigest> previous;  // the record it continues, by that object's digest
};
Buffer encode_closed(const ClosedRecord&);
/// Corrupt also if it speaks of a number that is not below its own.
Result<ClosedRecord> decode_closed(ByteView);

/// What all closed records of a repository state together.
class SettledNumbers {
public:
    /// Of one writer, or of all. Records that cannot be believed state nothing; they are added to
    /// `problems`.
    static Result<SettledNumbers> load(const Repository&, std::optional<WriterNumber>,
                                       std::vector<Problem>& problems, std::stop_token);

    const std::map<SessionName, SettledNumber>& numbers() const { return numbers_; }
    /// Nothing if no record speaks of it.
    const SettledNumber* find(SessionName) const;
    /// Whether an end with that digest is what stands at that name, as far as was stated.
    bool contradicts(SessionName, const Digest& end) const;
    /// The newest record of that writer.
    std::optional<SessionDigest> newest_of(WriterNumber) const;

private:
    void take(const Repository&, const ListedObject&, SessionName, ByteView object,
              std::vector<Problem>&);

    std::map<SessionName, SettledNumber> numbers_;
    std::map<WriterNumber, SessionDigest> newest_;
};

}  // namespace perdure
