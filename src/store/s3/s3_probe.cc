#include "store/s3/s3_probe.h"

#include <charconv>
#include <pugixml.hpp>

#include "base/hex.h"
#include "base/try.h"
#include "store/s3/s3_error.h"
#include "store/s3/s3_setup.h"

namespace perdure {

namespace {

constexpr std::string_view kFirst = "perdure probes what this bucket does\n";
constexpr std::string_view kSecond = "perdure probes whether it can overwrite\n";

class Probe {
public:
    Probe(S3Bucket& bucket, Random& random, std::stop_token stop)
        : bucket_(bucket), stop_(std::move(stop)) {
        Buffer id(8);
        random.fill(id);
        key_ = bucket_.key_of("probe/" + to_hex(id));
    }

    Result<StoreCapabilities> run();

private:
    Result<HttpResponse> put(const std::string& key, std::string_view body, bool conditional,
                             const HttpHeader& checksum);
    Result<HttpResponse> ask(const char* method, const std::string& key,
                             std::vector<QueryPair> query);
    Result<void> try_creating();
    Result<void> try_a_wrong_checksum();
    Result<void> look_at_the_bucket();
    Result<void> try_deleting();

    S3Bucket& bucket_;
    const std::stop_token stop_;
    std::string key_;
    std::string version_;  // of the first content
    StoreCapabilities found_;
};

/// Did it, was refused it, or neither.
std::optional<bool> may(const HttpResponse& answer) {
    if (answer.ok()) return true;
    if (answer.status == 403 || answer.status == 412 || answer.status == 409) return false;
    return std::nullopt;
}

Result<HttpResponse> Probe::put(const std::string& key, std::string_view body, bool conditional,
                                const HttpHeader& checksum) {
    S3Request request{"PUT", key};
    request.body = as_bytes(body);
    request.headers.push_back(checksum);
    if (conditional) request.headers.push_back({"If-None-Match", "*"});
    return bucket_.send(request, stop_);
}

Result<HttpResponse> Probe::ask(const char* method, const std::string& key,
                                std::vector<QueryPair> query) {
    S3Request request{method, key};
    request.query = std::move(query);
    return bucket_.send(request, stop_);
}

Result<void> Probe::try_creating() {
    const auto first = PERDURE_TRY(put(key_, kFirst, true, checksum_header(as_bytes(kFirst))));
    if (!first.ok()) return s3_error(first, "s3:PutObject", bucket_.where(key_));
    version_ = first.header("x-amz-version-id").value_or("");
    const auto second = PERDURE_TRY(put(key_, kFirst, true, checksum_header(as_bytes(kFirst))));
    found_.conditional_create = second.status == 412 || second.status == 409;
    if (!*found_.conditional_create && !second.ok()) found_.conditional_create.reset();
    const auto over = PERDURE_TRY(put(key_, kSecond, false, checksum_header(as_bytes(kSecond))));
    found_.overwrites = may(over);
    return {};
}

Result<void> Probe::try_a_wrong_checksum() {
    const std::string key = key_ + "-sum";
    const auto answer = PERDURE_TRY(put(key, kFirst, true, checksum_header(as_bytes(kSecond))));
    if (answer.ok()) {
        found_.checks_sums = false;
        PERDURE_TRY(ask("DELETE", key, {}));
    } else if (answer.status == 400) {
        found_.checks_sums = true;
    }
    return {};
}

Result<void> Probe::look_at_the_bucket() {
    const auto versioning = PERDURE_TRY(ask("GET", "", {{"versioning", ""}}));
    if (versioning.ok())
        found_.keeps_versions =
            as_text(versioning.body).find("<Status>Enabled</Status>") != std::string_view::npos;
    else if (!version_.empty() && version_ != "null")
        found_.keeps_versions = true;
    const auto lock = PERDURE_TRY(ask("GET", "", {{"object-lock", ""}}));
    if (lock.ok())
        found_.object_lock =
            as_text(lock.body).find("<ObjectLockEnabled>Enabled") != std::string_view::npos;
    else if (lock.status == 404)
        found_.object_lock = false;
    if (auto dangers = PERDURE_TRY(load_dangers(bucket_, stop_)))
        found_.dangers = std::move(*dangers);
    return {};
}

Result<void> Probe::try_deleting() {
    const auto removed = PERDURE_TRY(ask("DELETE", key_, {}));
    found_.deletes = may(removed);
    if (!found_.keeps_versions.value_or(false) || version_.empty()) return {};
    const auto destroyed = PERDURE_TRY(ask("DELETE", key_, {{"versionId", version_}}));
    found_.destroys_versions = may(destroyed);
    return {};
}

Result<StoreCapabilities> Probe::run() {
    PERDURE_TRY(try_creating());
    PERDURE_TRY(try_a_wrong_checksum());
    PERDURE_TRY(look_at_the_bucket());
    PERDURE_TRY(try_deleting());
    return found_;
}

// ------------------------------------------------------------------------------------ lifecycle

bool touches(const pugi::xml_node& rule, std::string_view prefix) {
    if (std::string_view(rule.child_value("Status")) != "Enabled") return false;
    const pugi::xml_node filter = rule.child("Filter");
    const pugi::xml_node all = filter.child("And");
    // Our objects have no tags.
    if (filter.child("Tag") || all.child("Tag")) return false;
    std::string_view of = rule.child_value("Prefix");
    if (of.empty()) of = filter.child_value("Prefix");
    if (of.empty()) of = all.child_value("Prefix");
    return of.starts_with(prefix) || prefix.starts_with(of);
}

/// Those who write over objects have to be noticed before what they wrote over goes.
std::string lets_go_too_soon(const pugi::xml_node& rule) {
    constexpr unsigned kDaysToNotice = 14;
    const pugi::xml_node noncurrent = rule.child("NoncurrentVersionExpiration");
    const unsigned days = noncurrent.child("NoncurrentDays").text().as_uint(kDaysToNotice);
    if (!noncurrent || days >= kDaysToNotice) return "";
    return "lets go of what was overwritten or deleted after " + std::to_string(days) +
           " days: too soon to notice";
}

std::string what_it_does(const pugi::xml_node& rule) {
    const pugi::xml_node expiration = rule.child("Expiration");
    if (expiration.child("Days"))
        return std::string("deletes objects after ") + expiration.child_value("Days") + " days";
    if (expiration.child("Date"))
        return std::string("deletes objects on ") + expiration.child_value("Date");
    for (const pugi::xml_node move : rule.children("Transition")) {
        const std::string_view to = move.child_value("StorageClass");
        if (to == "GLACIER" || to == "DEEP_ARCHIVE")
            return "moves objects to " + std::string(to) + ", where they cannot be read at once";
    }
    return lets_go_too_soon(rule);
}

}  // namespace

std::vector<std::string> dangerous_rules(std::string_view lifecycle_xml, std::string_view prefix) {
    std::vector<std::string> dangers;
    pugi::xml_document document;
    document.load_buffer(lifecycle_xml.data(), lifecycle_xml.size());
    for (const pugi::xml_node rule : document.child("LifecycleConfiguration").children("Rule")) {
        const std::string id = rule.child_value("ID");
        if (!touches(rule, prefix)) continue;
        const std::string does = what_it_does(rule);
        // How long our own rule keeps versions was chosen at init; the name alone says nothing.
        const bool chosen = id == own_rule_id(prefix) && does == lets_go_too_soon(rule);
        if (!does.empty() && !chosen)
            dangers.push_back("the lifecycle rule \"" + id + "\" " + does);
    }
    return dangers;
}

Result<std::optional<std::vector<std::string>>> load_dangers(S3Bucket& bucket,
                                                             std::stop_token stop) {
    S3Request request{"GET", ""};
    request.query = {{"lifecycle", ""}};
    const HttpResponse rules = PERDURE_TRY(bucket.send(request, std::move(stop)));
    if (rules.ok())
        return std::optional(dangerous_rules(as_text(rules.body), bucket.location().prefix));
    const bool has_none = parse_s3_fault(rules).code == "NoSuchLifecycleConfiguration";
    return has_none ? std::optional(std::vector<std::string>()) : std::nullopt;
}

Result<StoreCapabilities> probe_bucket(S3Bucket& bucket, Random& random, std::stop_token stop) {
    return Probe(bucket, random, std::move(stop)).run();
}

}  // namespace perdure
