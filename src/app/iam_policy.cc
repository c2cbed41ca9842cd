#include "app/iam_policy.h"

#include <nlohmann/json.hpp>
#include <vector>

#include "base/try.h"
#include "repo/names.h"

namespace perdure {

namespace {

using Json = nlohmann::ordered_json;
using Names = std::vector<std::string>;

class Policy {
public:
    explicit Policy(const PolicyWishes& wishes) : wishes_(wishes) {}

    void list() {
        Json statement = allow("List", {"s3:ListBucket", "s3:ListBucketVersions"});
        statement["Resource"] = bucket();
        if (!wishes_.prefix.empty())
            statement["Condition"] = {{"StringLike", {{"s3:prefix", wishes_.prefix + "*"}}}};
        add(std::move(statement));
        Json look = allow("Look", {"s3:GetBucketVersioning", "s3:GetBucketObjectLockConfiguration",
                                   "s3:GetLifecycleConfiguration"});
        look["Resource"] = bucket();
        add(std::move(look));
    }
    void read(const Names& names) {
        add_on_objects("Read", {"s3:GetObject", "s3:GetObjectVersion"}, names);
        allow_key("kms:Decrypt");
    }
    /// Only where nothing is: the request has to say so.
    void create(const Names& names) {
        Json statement = on_objects("Create", {"s3:PutObject"}, names);
        statement["Condition"] = {{"Null", {{"s3:if-none-match", "false"}}}};
        add(std::move(statement));
        allow_key("kms:GenerateDataKey");
    }
    void remove(const Names& names) { add_on_objects("Remove", {"s3:DeleteObject"}, names); }
    /// Only further on: ending a lock takes s3:BypassGovernanceRetention besides, which nobody has.
    void lock(unsigned days, const Names& names) {
        if (days == 0) return;
        Json statement =
            on_objects("Lock", {"s3:PutObjectRetention", "s3:GetObjectRetention"}, names);
        statement["Condition"] = {
            {"NumericLessThanEquals",
             {{"s3:object-lock-remaining-retention-days", std::to_string(days)}}}};
        add(std::move(statement));
    }
    std::string text() const {
        return Json{{"Version", "2012-10-17"}, {"Statement", statements_}}.dump(2) + "\n";
    }

private:
    static Json allow(const char* id, const Names& actions) {
        return {{"Sid", id}, {"Effect", "Allow"}, {"Action", actions}};
    }
    std::string bucket() const { return "arn:" + wishes_.partition + ":s3:::" + wishes_.bucket; }
    Json on_objects(const char* id, const Names& actions, const Names& names) const {
        Json statement = allow(id, actions);
        for (const std::string& name : names)
            statement["Resource"].push_back(bucket() + "/" + wishes_.prefix + name);
        return statement;
    }
    void add_on_objects(const char* id, const Names& actions, const Names& names) {
        add(on_objects(id, actions, names));
    }
    void allow_key(const char* action) {
        if (wishes_.kms_key.empty()) return;
        Json statement =
            allow(std::string_view(action) == "kms:Decrypt" ? "Decrypt" : "Encrypt", {action});
        statement["Resource"] = wishes_.kms_key;
        add(std::move(statement));
    }
    void add(Json statement) { statements_.push_back(std::move(statement)); }

    const PolicyWishes& wishes_;
    Json statements_ = Json::array();
};

/// What a session reads: no key slots. Of packs, also of those that a maintainer has moved blocks
/// into, the manifests: without them nothing that is stored already is found, and a writer's key
/// opens nothing else there.
Names session_reads() {
    return {"perdure",  "epochs/*", "writers/*", "log/*",    "points/*", "index/*", "hints/*",
            "merged/*", "gc/*",     "fate/*",    "closed/*", "probe/*",  "packs/*"};
}

Names writer_creates(WriterNumber writer) {
    const std::string log = names::log_prefix(writer);  // "log/<w>/"
    const std::string w = log.substr(4, log.size() - 5);
    return {"log/" + w + "/*",   "points/" + w + "/*",  "index/" + w + "/*",
            "hints/" + w + "/*", "packs/*/" + w + "-*", "probe/*"};
}

}  // namespace

Result<PolicyRole> parse_policy_role(std::string_view word) {
    if (word == "writer") return PolicyRole::Writer;
    if (word == "maintainer") return PolicyRole::Maintainer;
    if (word == "restorer") return PolicyRole::Restorer;
    if (word == "auditor") return PolicyRole::Auditor;
    return Error(ErrorKind::InvalidInput, "\"" + std::string(word) + "\" is no role")
        .with_hint("use writer, maintainer, restorer or auditor");
}

Result<std::string> iam_policy(const PolicyWishes& wishes) {
    Policy policy(wishes);
    policy.list();
    switch (wishes.role) {
        case PolicyRole::Writer: {
            if (!wishes.writer)
                return Error(ErrorKind::InvalidInput, "a writer's policy is for one writer")
                    .with_hint("give its number with --writer; `perdure key writer list` has it");
            Names reads = session_reads();
            // Lock horizons: what a session may build on.
            if (wishes.longest_lock_days > 0) reads.emplace_back("ledger/*");
            policy.read(reads);
            policy.create(writer_creates(*wishes.writer));
            policy.lock(wishes.longest_lock_days, writer_creates(*wishes.writer));
            break;
        }
        case PolicyRole::Maintainer:
            policy.read({"*"});
            policy.create({"epochs/*", "keys/*", "writers/*", "log/*", "points/*", "index/*",
                           "packs/*", "hints/*", "merged/*", "gc/*", "fate/*", "closed/*",
                           "ledger/*", "imports/*", "parity/*", "aside/*", "probe/*"});
            policy.remove(
                {"packs/*", "index/*", "hints/*", "merged/*", "parity/*", "keys/*", "probe/*"});
            policy.lock(wishes.longest_lock_days, {"*"});
            break;
        case PolicyRole::Restorer: policy.read({"*"}); break;
        case PolicyRole::Auditor: {
            Names reads = session_reads();
            // No key slots: who could guess a password has nothing to guess with.
            for (const char* more : {"ledger/*", "imports/*", "parity/*", "aside/*"})
                reads.emplace_back(more);
            policy.read(reads);
            policy.create({"ledger/*", "probe/*"});
            policy.lock(wishes.longest_lock_days, {"ledger/*"});
            break;
        }
    }
    return policy.text();
}

}  // namespace perdure
