#include "cloudsim/s3/object_lock.h"

#include <pugixml.hpp>

#include "cloudsim/s3/errors.h"
#include "cloudsim/text.h"
#include "cloudsim/xml.h"

namespace perdure::cloudsim {
namespace {

bool is_mode(const std::string& mode) { return mode == "GOVERNANCE" || mode == "COMPLIANCE"; }

/// The bucket's default retention, if it has one.
void set_default(const Bucket& bucket, Time now, ObjectVersion& version) {
    const auto found = bucket.documents.find("object-lock");
    if (found == bucket.documents.end()) return;
    pugi::xml_document document;
    document.load_string(found->second.c_str());
    const pugi::xml_node retention =
        document.document_element().child("Rule").child("DefaultRetention");
    if (!retention) return;
    const std::uint64_t days = parse_number(child_text(retention, "Days")).value_or(0) +
                               365 * parse_number(child_text(retention, "Years")).value_or(0);
    version.lock_mode = child_text(retention, "Mode");
    version.lock_until = now + static_cast<std::int64_t>(days) * kDay;
}

}  // namespace

ApiResult<void> check_lock_configuration(const pugi::xml_node& root, const Bucket& bucket) {
    if (bucket.versioning != "Enabled")
        return s3_error(
            409, "InvalidBucketState",
            "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration");
    if (child_text(root, "ObjectLockEnabled") != "Enabled") return malformed_xml();
    const pugi::xml_node rule = root.child("Rule");
    if (!rule) return {};
    const pugi::xml_node retention = rule.child("DefaultRetention");
    const bool days = bool(retention.child("Days")), years = bool(retention.child("Years"));
    if (!is_mode(child_text(retention, "Mode")) || days == years) return malformed_xml();
    const auto value = parse_number(child_text(retention, days ? "Days" : "Years"));
    if (!value || *value == 0 || *value > (days ? 36500u : 100u))
        return invalid_argument("Default retention period must be a positive integer value.");
    return {};
}

bool has_lock_headers(const S3Call& call) {
    return call.request.header("x-amz-object-lock-mode") ||
           call.request.header("x-amz-object-lock-retain-until-date") ||
           call.request.header("x-amz-object-lock-legal-hold");
}

ApiResult<void> set_lock(const S3& s3, const S3Call& call, const Bucket& bucket,
                         ObjectVersion& version) {
    const std::string mode = call.header("x-amz-object-lock-mode");
    const std::string until = call.header("x-amz-object-lock-retain-until-date");
    const std::string hold = call.header("x-amz-object-lock-legal-hold");
    if (!has_lock_headers(call)) {
        if (bucket.has_lock) set_default(bucket, call.now, version);
        return {};
    }
    if (!bucket.has_lock) return invalid_request("Bucket is missing Object Lock Configuration");
    if (!hold.empty()) {
        if (hold != "ON" && hold != "OFF")
            return invalid_argument("Legal Hold must be either of 'ON' or 'OFF'",
                                    "x-amz-object-lock-legal-hold", hold);
        PERDURE_TRY(s3.allow(call, bucket, "s3:PutObjectLegalHold", call.key));
        version.legal_hold = hold == "ON";
    }
    if (mode.empty() != until.empty())
        return invalid_argument(
            "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied");
    if (mode.empty()) {
        set_default(bucket, call.now, version);
        return {};
    }
    const auto time = parse_iso_time(until);
    if (!is_mode(mode))
        return invalid_argument("Unknown wormMode directive.", "x-amz-object-lock-mode", mode);
    if (!time || *time <= call.now)
        return invalid_argument("The retain until date must be in the future!",
                                "x-amz-object-lock-retain-until-date", until);
    const std::int64_t days = (time->nanoseconds - call.now.nanoseconds + kDay - 1) / kDay;
    PERDURE_TRY(s3.allow(call, bucket, "s3:PutObjectRetention", call.key,
                         {{"s3:object-lock-remaining-retention-days", {std::to_string(days)}}}));
    version.lock_mode = mode;
    version.lock_until = *time;
    return {};
}

bool is_locked(const ObjectVersion& version, Time now, bool bypasses) {
    if (version.legal_hold) return true;
    if (version.lock_mode.empty() || version.lock_until <= now) return false;
    return version.lock_mode == "COMPLIANCE" || !bypasses;
}

ApiResult<bool> bypasses_governance(const S3& s3, const S3Call& call, const Bucket& bucket,
                                    const std::string& key) {
    if (lower_case(call.header("x-amz-bypass-governance-retention")) != "true") return false;
    PERDURE_TRY(s3.allow(call, bucket, "s3:BypassGovernanceRetention", key));
    return true;
}

ApiResult<void> check_retention_change(const ObjectVersion& version, const std::string& mode,
                                       Time until, Time now, bool bypasses) {
    const ApiError denied = access_denied("Access Denied because object protected by object lock.");
    if (version.lock_mode.empty() || version.lock_until <= now) return {};
    const bool is_weaker =
        until < version.lock_until || (version.lock_mode == "COMPLIANCE" && mode != "COMPLIANCE");
    if (!is_weaker) return {};
    if (version.lock_mode == "COMPLIANCE" || !bypasses) return denied;
    return {};
}

}  // namespace perdure::cloudsim
