// The IAM policies that a repository in S3 asks for, by what a machine or person does there: the
// least that works.
//
// A writer creates, and only under its own prefixes and never over something; a restorer and an
// auditor change nothing, but for an auditor's ledger; a maintainer also deletes, but never a name
// that begins, ends or decides a number, nor a version. Nobody may end an Object Lock early.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "repo/ids.h"

namespace perdure {

enum class PolicyRole { Writer, Maintainer, Restorer, Auditor };
/// InvalidInput for a word that is none.
Result<PolicyRole> parse_policy_role(std::string_view word);

struct PolicyWishes {
    PolicyRole role = PolicyRole::Writer;
    std::string bucket;
    std::string prefix;                  // "" or ends in '/'
    std::string partition = "aws";       // or aws-cn
    std::optional<WriterNumber> writer;  // whose prefixes; for Writer
    std::string kms_key;                 // ARN of the key that the bucket encrypts with; "": none
    unsigned longest_lock_days = 0;      // that a maintainer may set; 0: none
};

/// JSON, indented. InvalidInput for a writer without its number.
Result<std::string> iam_policy(const PolicyWishes& wishes);

}  // namespace perdure
