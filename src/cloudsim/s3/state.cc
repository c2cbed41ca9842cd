#include "cloudsim/s3/state.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/try.h"
#include "cloudsim/text.h"
#include "crypto/sha256.h"

namespace perdure::cloudsim {
namespace {

using nlohmann::json;

std::string folder_of(const std::string& bucket) { return "s3/" + bucket; }
std::string file_of_key(const std::string& bucket, const std::string& key) {
    return folder_of(bucket) + "/objects/" + sha256_of(as_bytes(key)).hex() + ".json";
}
std::string file_of_upload(const std::string& bucket, const std::string& id) {
    return folder_of(bucket) + "/uploads/" + id + ".json";
}

json to_json(const StoredChecksum& c) {
    return {{"algorithm", c.algorithm}, {"value", c.value}, {"type", c.type}};
}

StoredChecksum checksum_from(const json& value) {
    return {value.value("algorithm", ""), value.value("value", ""), value.value("type", "")};
}

Time time_from(const json& value, const char* name) { return {value.value(name, std::int64_t{0})}; }

json to_json(const ObjectPart& part) {
    return {{"blob", part.blob->name()},
            {"number", part.number},
            {"etag", part.etag},
            {"checksum", to_json(part.checksum)},
            {"modified", part.modified.nanoseconds}};
}

json to_json(const ObjectVersion& v) {
    json parts = json::array();
    for (const ObjectPart& part : v.parts) parts.push_back(to_json(part));
    return {{"id", v.id},
            {"is_marker", v.is_marker},
            {"modified", v.modified.nanoseconds},
            {"size", v.size},
            {"etag", v.etag},
            {"parts", parts},
            {"storage_class", v.storage_class},
            {"headers", v.headers},
            {"tags", v.tags},
            {"checksum", to_json(v.checksum)},
            {"lock_mode", v.lock_mode},
            {"lock_until", v.lock_until.nanoseconds},
            {"legal_hold", v.legal_hold},
            {"encryption", v.encryption},
            {"kms_key", v.kms_key},
            {"restore_ready", v.restore_ready.nanoseconds},
            {"restore_until", v.restore_until.nanoseconds},
            {"owner", v.owner},
            {"upload_id", v.upload_id}};
}

void discard(const ObjectVersion& version) {
    for (const ObjectPart& part : version.parts) part.blob->discard();
}

}  // namespace

ObjectVersion* Bucket::current(const std::string& key) {
    const auto found = objects.find(key);
    if (found == objects.end() || found->second.empty() || found->second.back().is_marker)
        return nullptr;
    return &found->second.back();
}

ObjectVersion* Bucket::version(const std::string& key, const std::string& id) {
    const auto found = objects.find(key);
    if (found == objects.end()) return nullptr;
    for (ObjectVersion& v : found->second)
        if (v.id == id) return &v;
    return nullptr;
}

Bucket* S3State::find(const std::string& name) {
    const auto found = buckets_.find(name);
    return found == buckets_.end() ? nullptr : &found->second;
}

Result<void> S3State::save_bucket(const Bucket& b) const {
    if (!files_.are_kept()) return {};
    return files_.save(folder_of(b.name) + "/bucket.json", {{"name", b.name},
                                                            {"account", b.account},
                                                            {"region", b.region},
                                                            {"created", b.created.nanoseconds},
                                                            {"versioning", b.versioning},
                                                            {"has_lock", b.has_lock},
                                                            {"documents", b.documents}});
}

Result<void> S3State::save_key(const Bucket& bucket, const std::string& key) const {
    if (!files_.are_kept()) return {};
    const std::string file = file_of_key(bucket.name, key);
    const auto found = bucket.objects.find(key);
    if (found == bucket.objects.end()) {
        files_.remove(file);
        return {};
    }
    json versions = json::array();
    for (const ObjectVersion& version : found->second) versions.push_back(to_json(version));
    return files_.save(file, {{"key", key}, {"versions", versions}});
}

Result<void> S3State::save_upload(const Bucket& bucket, const Upload& upload) const {
    if (!files_.are_kept()) return {};
    json parts = json::array();
    for (const auto& [number, part] : upload.parts) parts.push_back(to_json(part));
    return files_.save(file_of_upload(bucket.name, upload.id),
                       {{"id", upload.id},
                        {"key", upload.key},
                        {"initiator", upload.initiator},
                        {"initiated", upload.initiated.nanoseconds},
                        {"draft", to_json(upload.draft)},
                        {"parts", parts},
                        {"checksum_algorithm", upload.checksum_algorithm},
                        {"checksum_type", upload.checksum_type}});
}

void S3State::erase_bucket(const std::string& name) {
    buckets_.erase(name);
    files_.remove_folder(folder_of(name));
}

void S3State::erase_upload(Bucket& bucket, const std::string& id, bool keeps_blobs) {
    const auto found = bucket.uploads.find(id);
    if (found == bucket.uploads.end()) return;
    if (!keeps_blobs)
        for (const auto& [number, part] : found->second.parts) part.blob->discard();
    files_.remove(file_of_upload(bucket.name, id));
    bucket.uploads.erase(found);
}

Result<void> S3State::add(Bucket& bucket, const std::string& key, ObjectVersion& version) const {
    std::vector<ObjectVersion>& versions = bucket.objects[key];
    version.id = bucket.versioning == "Enabled" ? random_hex(16) : "null";
    if (version.id == "null") {
        std::erase_if(versions, [](const ObjectVersion& old) {
            if (old.id == "null") discard(old);
            return old.id == "null";
        });
    }
    versions.push_back(version);
    return save_key(bucket, key);
}

Result<void> S3State::erase_version(Bucket& bucket, const std::string& key,
                                    const std::string& id) const {
    const auto found = bucket.objects.find(key);
    if (found == bucket.objects.end()) return {};
    std::erase_if(found->second, [&](const ObjectVersion& old) {
        if (old.id == id) discard(old);
        return old.id == id;
    });
    if (found->second.empty()) bucket.objects.erase(found);
    return save_key(bucket, key);
}

Result<ObjectPart> S3State::part_from(const json& value, std::set<std::string>& blobs) {
    ObjectPart part;
    const std::string name = value.value("blob", "");
    part.blob = PERDURE_TRY(blobs_.open(name));
    blobs.insert(name);
    part.number = value.value("number", 1u);
    part.etag = value.value("etag", "");
    part.checksum = checksum_from(value["checksum"]);
    part.modified = time_from(value, "modified");
    return part;
}

Result<ObjectVersion> S3State::version_from(const json& value, std::set<std::string>& blobs) {
    ObjectVersion v;
    v.id = value.value("id", "");
    v.is_marker = value.value("is_marker", false);
    v.modified = time_from(value, "modified");
    v.size = value.value("size", std::uint64_t{0});
    v.etag = value.value("etag", "");
    for (const json& record : value["parts"]) {
        ObjectPart part = PERDURE_TRY(part_from(record, blobs));
        v.parts.push_back(std::move(part));
    }
    v.storage_class = value.value("storage_class", "STANDARD");
    v.headers = value.value("headers", TextMap());
    v.tags = value.value("tags", TextMap());
    v.checksum = checksum_from(value["checksum"]);
    v.lock_mode = value.value("lock_mode", "");
    v.lock_until = time_from(value, "lock_until");
    v.legal_hold = value.value("legal_hold", false);
    v.encryption = value.value("encryption", "");
    v.kms_key = value.value("kms_key", "");
    v.restore_ready = time_from(value, "restore_ready");
    v.restore_until = time_from(value, "restore_until");
    v.owner = value.value("owner", "");
    v.upload_id = value.value("upload_id", "");
    return v;
}

Result<void> S3State::load_bucket(const std::string& name, std::set<std::string>& blobs) {
    const std::string folder = folder_of(name);
    const json value = PERDURE_TRY(files_.load(folder + "/bucket.json"));
    Bucket bucket;
    bucket.name = name;
    bucket.account = value.value("account", "");
    bucket.region = value.value("region", "");
    bucket.created = time_from(value, "created");
    bucket.versioning = value.value("versioning", "");
    bucket.has_lock = value.value("has_lock", false);
    bucket.documents = value.value("documents", TextMap());
    for (const std::string& file : files_.list(folder + "/objects")) {
        const json record = PERDURE_TRY(files_.load(folder + "/objects/" + file));
        auto& versions = bucket.objects[record.value("key", "")];
        for (const json& v : record["versions"]) {
            ObjectVersion version = PERDURE_TRY(version_from(v, blobs));
            versions.push_back(std::move(version));
        }
    }
    for (const std::string& file : files_.list(folder + "/uploads")) {
        const json record = PERDURE_TRY(files_.load(folder + "/uploads/" + file));
        Upload upload;
        upload.id = record.value("id", "");
        upload.key = record.value("key", "");
        upload.initiator = record.value("initiator", "");
        upload.initiated = time_from(record, "initiated");
        upload.draft = PERDURE_TRY(version_from(record["draft"], blobs));
        upload.checksum_algorithm = record.value("checksum_algorithm", "");
        upload.checksum_type = record.value("checksum_type", "");
        for (const json& p : record["parts"]) {
            ObjectPart part = PERDURE_TRY(part_from(p, blobs));
            upload.parts[part.number] = part;
        }
        bucket.uploads[upload.id] = std::move(upload);
    }
    buckets_[name] = std::move(bucket);
    return {};
}

Result<void> S3State::load() {
    std::set<std::string> blobs;
    for (const std::string& name : files_.list("s3")) PERDURE_TRY(load_bucket(name, blobs));
    blobs_.remove_all_but(blobs);
    return {};
}

}  // namespace perdure::cloudsim
