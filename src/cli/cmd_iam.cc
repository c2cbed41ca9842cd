// perdure iam: what a cloud must allow.

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "app/iam_policy.h"
#include "app/open_s3.h"
#include "base/try.h"
#include "cli/command.h"

namespace perdure {

namespace {

struct PolicyArguments {
    std::string role;
    std::optional<std::uint32_t> writer;
    std::string kms_key;
    unsigned longest_lock_days = 0;
};

Result<void> run_policy(Context& context, const PolicyArguments& arguments) {
    const std::string& location = context.options.repository;
    if (!is_s3_location(location))
        return Error(ErrorKind::InvalidInput, location + ": policies are for repositories in S3")
            .with_hint("use -r s3://BUCKET/PREFIX");
    const S3Access access = PERDURE_TRY(open_s3_access(location, context.options.store));
    PolicyWishes wishes;
    wishes.role = PERDURE_TRY(parse_policy_role(arguments.role));
    wishes.bucket = access.bucket->location().bucket;
    wishes.prefix = access.bucket->location().prefix;
    if (access.region.starts_with("cn-")) wishes.partition = "aws-cn";
    if (arguments.writer) wishes.writer = WriterNumber{*arguments.writer};
    wishes.kms_key = arguments.kms_key;
    wishes.longest_lock_days = arguments.longest_lock_days;
    fmt::print("{}", PERDURE_TRY(iam_policy(wishes)));
    return {};
}

}  // namespace

void add_iam_command(CLI::App& app, Context& context) {
    auto* command = app.add_subcommand("iam", "what a cloud must allow");
    command->require_subcommand(1);
    auto* policy = command->add_subcommand(
        "policy", "print the least that a role needs, as a policy of AWS IAM");
    auto a = std::make_shared<PolicyArguments>();
    policy->add_option("--role", a->role, "writer, maintainer, restorer or auditor")->required();
    policy->add_option("--writer", a->writer, "the number of the writer");
    policy->add_option("--kms-key", a->kms_key, "ARN of the key that the bucket encrypts with");
    policy->add_option(
        "--longest-lock-days", a->longest_lock_days,
        "longest Object Lock that may be set, period and window together (default: none)");
    run_command(*policy, context, [&context, a] { return run_policy(context, *a); });
}

}  // namespace perdure
