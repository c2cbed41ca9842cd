// An IAM policy, as `perdure-cloudsim` takes it.
#include "cloudsim/policy.h"

#include "support/fuzz.h"

using namespace perdure;
using namespace perdure::cloudsim;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::string_view text = as_text(fuzz::view(data + 1, size - 1));
    auto policy = Policy::parse(text, static_cast<PolicyKind>(data[0] % 3));
    if (!policy) return 0;
    const PolicySubject subject{"123456789012", "arn:aws:iam::123456789012:user/u",
                                "arn:aws:iam::123456789012:user/u", ""};
    const PolicyContext context{{"s3:prefix", {"p/"}}, {"aws:sourceip", {"127.0.0.1"}}};
    const PolicyQuestion question{subject, "s3:GetObject", "arn:aws:s3:::bucket/object", context};
    const auto said = policy->evaluate(question);
    fuzz::expect(said == policy->evaluate(question), "a question has one answer");
    auto again = Policy::parse(policy->text(), static_cast<PolicyKind>(data[0] % 3));
    fuzz::expect(again && again->evaluate(question) == said, "its text is the same policy");
    return 0;
}
