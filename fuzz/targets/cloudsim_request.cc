// What a client may send to perdure-cloudsim: heads, signatures, chunks, policies, ranges.
#include "cloudsim/chunked_body.h"
#include "cloudsim/digests.h"
#include "cloudsim/policy.h"
#include "cloudsim/s3/conditions.h"
#include "cloudsim/signature.h"
#include "cloudsim/text.h"
#include "support/fuzz.h"

using namespace perdure;
using namespace perdure::cloudsim;

namespace {

void try_head(std::string_view text) {
    const auto request = parse_head(text);
    if (!request) return;
    fuzz::expect(request->path.starts_with('/'), "a path begins with a slash");
    auto claim = read_claim(*request);
    if (!claim || !*claim) return;
    const VerifyOptions options{true, Time{1'800'000'000'000'000'000}, 900};
    auto verified =
        verify_signature(*request, **claim, SecretText("secret"), "UNSIGNED-PAYLOAD", options);
    fuzz::expect(!verified, "nobody guesses a signature");
}

void try_policy(std::string_view text) {
    const PolicySubject subject{"123456789012", "arn:aws:iam::123456789012:user/u", "", "", false,
                                false};
    const PolicyContext context = {{"s3:prefix", {"a/b"}}, {"aws:username", {"u"}}};
    const PolicyQuestion question{subject, "s3:GetObject", "arn:aws:s3:::b/k", context, false};
    for (const PolicyKind kind : {PolicyKind::Identity, PolicyKind::Resource, PolicyKind::Trust}) {
        auto policy = Policy::parse(text, kind);
        if (!policy) continue;
        (void)policy->evaluate(question);
        (void)policy->is_public();
    }
}

void try_values(std::string_view text) {
    ByteRange range;
    if (parse_range(text, 1000, range) == RangeKind::Range)
        fuzz::expect(range.first <= range.last && range.last < 1000,
                     "a range lies within its object");
    if (const auto bytes = from_base64(text))
        fuzz::expect(to_base64(*bytes) == text, "Base64 has one form");
    (void)parse_iso_time(text);
    (void)parse_http_time(text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    const std::uint8_t which = input.u8();
    const std::string_view text = as_text(input.rest());
    switch (which % 4) {
        case 0: try_head(text); break;
        case 1: {
            auto decoded = decode_chunks(input.rest(), std::nullopt, nullptr, true);
            if (decoded) fuzz::expect(decoded->bytes.size() <= text.size(), "chunks do not grow");
            break;
        }
        case 2: try_policy(text); break;
        default: try_values(text);
    }
    return 0;
}
