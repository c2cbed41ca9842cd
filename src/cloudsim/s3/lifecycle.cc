#include "cloudsim/s3/lifecycle.h"

#include <algorithm>
#include <pugixml.hpp>

#include "cloudsim/s3/errors.h"
#include "cloudsim/s3/object_lock.h"
#include "cloudsim/text.h"
#include "cloudsim/xml.h"

namespace perdure::cloudsim {
namespace {

ApiResult<std::optional<std::uint64_t>> positive(const pugi::xml_node& node, const char* name) {
    if (!node.child(name)) return std::optional<std::uint64_t>();
    const auto value = parse_number(child_text(node, name));
    if (!value || *value == 0)
        return invalid_argument("'" + std::string(name) + "' must be a positive integer");
    return value;
}

void read_tag(const pugi::xml_node& tag, LifecycleRule& rule) {
    if (tag) rule.tags[child_text(tag, "Key")] = child_text(tag, "Value");
}

void read_filter(const pugi::xml_node& filter, LifecycleRule& rule) {
    if (filter.child("Prefix")) rule.prefix = child_text(filter, "Prefix");
    for (const pugi::xml_node tag : filter.children("Tag")) read_tag(tag, rule);
    if (filter.child("ObjectSizeGreaterThan"))
        rule.larger_than = parse_number(child_text(filter, "ObjectSizeGreaterThan"));
    if (filter.child("ObjectSizeLessThan"))
        rule.smaller_than = parse_number(child_text(filter, "ObjectSizeLessThan"));
    if (const pugi::xml_node all = filter.child("And")) read_filter(all, rule);
}

ApiResult<void> read_expiration(const pugi::xml_node& node, LifecycleRule& rule) {
    rule.expire_days = PERDURE_TRY(positive(node, "Days"));
    if (node.child("Date")) {
        rule.expire_date = parse_iso_time(child_text(node, "Date"));
        if (!rule.expire_date || rule.expire_date->nanoseconds % kDay != 0)
            return invalid_argument("'Date' must be at midnight GMT");
    }
    rule.expires_markers = child_text(node, "ExpiredObjectDeleteMarker") == "true";
    return {};
}

ApiResult<LifecycleRule> read_rule(const pugi::xml_node& node) {
    LifecycleRule rule;
    rule.id = child_text(node, "ID");
    const std::string status = child_text(node, "Status");
    if (status != "Enabled" && status != "Disabled") return malformed_xml();
    rule.is_enabled = status == "Enabled";
    if (node.child("Prefix")) rule.prefix = child_text(node, "Prefix");
    read_filter(node.child("Filter"), rule);
    if (!node.child("Filter") && !node.child("Prefix")) return malformed_xml();
    if (const auto expiration = node.child("Expiration"))
        PERDURE_TRY(read_expiration(expiration, rule));
    if (const auto noncurrent = node.child("NoncurrentVersionExpiration")) {
        rule.noncurrent_days = PERDURE_TRY(positive(noncurrent, "NoncurrentDays"));
        rule.newer_noncurrent = PERDURE_TRY(positive(noncurrent, "NewerNoncurrentVersions"));
        if (!rule.noncurrent_days) return malformed_xml();
    }
    if (const auto abort = node.child("AbortIncompleteMultipartUpload"))
        rule.abort_days = PERDURE_TRY(positive(abort, "DaysAfterInitiation"));
    for (const pugi::xml_node t : node.children("Transition"))
        rule.transitions.push_back(
            {parse_number(child_text(t, "Days")).value_or(0), child_text(t, "StorageClass")});
    for (const pugi::xml_node t : node.children("NoncurrentVersionTransition"))
        rule.noncurrent_transitions.push_back(
            {parse_number(child_text(t, "NoncurrentDays")).value_or(0),
             child_text(t, "StorageClass")});
    const bool acts = rule.expire_days || rule.expire_date || rule.expires_markers ||
                      rule.noncurrent_days || rule.abort_days || !rule.transitions.empty() ||
                      !rule.noncurrent_transitions.empty();
    if (!acts) return invalid_request("At least one action needs to be specified in a rule");
    if (rule.abort_days && (!rule.tags.empty() || rule.larger_than || rule.smaller_than))
        return invalid_request(
            "AbortIncompleteMultipartUpload cannot be specified with Tags or object sizes");
    return rule;
}

bool selects(const LifecycleRule& rule, const std::string& key, const ObjectVersion& version) {
    if (!key.starts_with(rule.prefix)) return false;
    if (rule.larger_than && version.size <= *rule.larger_than) return false;
    if (rule.smaller_than && version.size >= *rule.smaller_than) return false;
    return std::all_of(rule.tags.begin(), rule.tags.end(), [&](const auto& tag) {
        const auto found = version.tags.find(tag.first);
        return found != version.tags.end() && found->second == tag.second;
    });
}

void transition(const std::vector<LifecycleRule::Transition>& transitions, Time since, Time now,
                ObjectVersion& version) {
    for (const auto& t : transitions)
        if (!version.is_marker && lifecycle_time(since, t.days) <= now)
            version.storage_class = t.storage_class;
}

/// One rule on the versions of one key.
class KeyRun {
public:
    KeyRun(S3State& state, Bucket& bucket, std::string key, Time now)
        : state_(state), bucket_(bucket), key_(std::move(key)), now_(now) {}

    void apply(const LifecycleRule& rule) {
        expire_current(rule);
        for (const std::string& id : expired_noncurrent(rule))
            (void)state_.erase_version(bucket_, key_, id).has_value();
        drop_lonely_marker(rule);
        transition_all(rule);
    }

private:
    std::vector<ObjectVersion>* versions() {
        const auto found = bucket_.objects.find(key_);
        return found == bucket_.objects.end() ? nullptr : &found->second;
    }

    void expire_current(const LifecycleRule& rule) {
        const ObjectVersion* current = bucket_.current(key_);
        if (current == nullptr || !selects(rule, key_, *current)) return;
        const bool due =
            (rule.expire_days && lifecycle_time(current->modified, *rule.expire_days) <= now_) ||
            (rule.expire_date && *rule.expire_date <= now_);
        if (!due) return;
        if (bucket_.versioning.empty()) {
            (void)state_.erase_version(bucket_, key_, current->id).has_value();
            return;
        }
        ObjectVersion marker;
        marker.is_marker = true;
        marker.modified = now_;
        marker.owner = bucket_.account;
        (void)state_.add(bucket_, key_, marker).has_value();
    }

    std::vector<std::string> expired_noncurrent(const LifecycleRule& rule) {
        std::vector<std::string> ids;
        const auto* all = versions();
        if (all == nullptr || !rule.noncurrent_days) return ids;
        std::uint64_t newer = 0;
        for (std::size_t i = all->size() - 1; i-- > 0; ++newer) {
            const ObjectVersion& version = (*all)[i];
            if (newer < rule.newer_noncurrent.value_or(0) || !selects(rule, key_, version))
                continue;
            // It is noncurrent since the next one was made.
            if (lifecycle_time((*all)[i + 1].modified, *rule.noncurrent_days) > now_) continue;
            if (!is_locked(version, now_, false)) ids.push_back(version.id);
        }
        return ids;
    }

    void drop_lonely_marker(const LifecycleRule& rule) {
        const auto* all = versions();
        if (all == nullptr || all->size() != 1 || !all->front().is_marker ||
            !key_.starts_with(rule.prefix))
            return;
        // The expiration of current versions takes it too, once it is as old.
        const bool due =
            rule.expires_markers ||
            (rule.expire_days && lifecycle_time(all->front().modified, *rule.expire_days) <= now_);
        if (due) (void)state_.erase_version(bucket_, key_, all->front().id).has_value();
    }

    void transition_all(const LifecycleRule& rule) {
        auto* all = versions();
        if (all == nullptr || (rule.transitions.empty() && rule.noncurrent_transitions.empty()))
            return;
        for (std::size_t i = 0; i < all->size(); ++i) {
            ObjectVersion& version = (*all)[i];
            if (!selects(rule, key_, version)) continue;
            const bool is_current = i + 1 == all->size();
            transition(is_current ? rule.transitions : rule.noncurrent_transitions,
                       is_current ? version.modified : (*all)[i + 1].modified, now_, version);
        }
        (void)state_.save_key(bucket_, key_).has_value();
    }

    S3State& state_;
    Bucket& bucket_;
    const std::string key_;
    const Time now_;
};

void abort_uploads(S3State& state, Bucket& bucket, const LifecycleRule& rule, Time now) {
    if (!rule.abort_days) return;
    std::vector<std::string> ids;
    for (const auto& [id, upload] : bucket.uploads)
        if (upload.key.starts_with(rule.prefix) &&
            lifecycle_time(upload.initiated, *rule.abort_days) <= now)
            ids.push_back(id);
    for (const std::string& id : ids) state.erase_upload(bucket, id, false);
}

}  // namespace

Time lifecycle_time(Time from, std::uint64_t days) {
    const std::int64_t due = from.nanoseconds + static_cast<std::int64_t>(days) * kDay;
    return {(due + kDay - 1) / kDay * kDay};
}

ApiResult<std::vector<LifecycleRule>> parse_lifecycle(const pugi::xml_node& root) {
    std::vector<LifecycleRule> rules;
    for (const pugi::xml_node node : root.children("Rule")) {
        LifecycleRule rule = PERDURE_TRY(read_rule(node));
        rules.push_back(std::move(rule));
        const std::string& id = rules.back().id;
        const auto same = std::count_if(rules.begin(), rules.end(),
                                        [&](const LifecycleRule& r) { return r.id == id; });
        if (!id.empty() && same > 1)
            return invalid_argument("Rule ID must be unique. Found same ID for more than one rule");
    }
    if (rules.empty() || rules.size() > 1000) return malformed_xml();
    return rules;
}

ApiResult<void> check_lifecycle(const pugi::xml_node& root) {
    PERDURE_TRY(parse_lifecycle(root));
    return {};
}

void apply_lifecycle(S3State& state, Bucket& bucket, Time now) {
    const auto found = bucket.documents.find("lifecycle");
    if (found == bucket.documents.end()) return;
    pugi::xml_document document;
    document.load_string(found->second.c_str());
    auto rules = parse_lifecycle(document.document_element());
    if (!rules) return;
    for (const LifecycleRule& rule : *rules) {
        if (!rule.is_enabled) continue;
        abort_uploads(state, bucket, rule, now);
        std::vector<std::string> keys;
        for (auto at = bucket.objects.lower_bound(rule.prefix);
             at != bucket.objects.end() && at->first.starts_with(rule.prefix); ++at)
            keys.push_back(at->first);
        for (std::string& key : keys) KeyRun(state, bucket, std::move(key), now).apply(rule);
    }
}

}  // namespace perdure::cloudsim
