// Lists: of objects (both versions of the call), of versions, of uploads; with prefixes rolled up
// at a delimiter, and pages.
#include <algorithm>

#include "cloudsim/digests.h"
#include "cloudsim/s3/errors.h"
#include "cloudsim/s3/s3.h"
#include "cloudsim/s3/xml_names.h"
#include "cloudsim/text.h"
#include "cloudsim/xml.h"

namespace perdure::cloudsim {
namespace {

struct ListQuery {
    std::string prefix, delimiter, encoding;
    std::uint64_t most = 1000;

    std::string shown(const std::string& text) const {
        return encoding == "url" ? percent_encode_path(text) : text;
    }
    /// "a/b/" of "a/b/c" under prefix "a/"; nothing if the key is listed itself.
    std::optional<std::string> group_of(const std::string& key) const {
        if (delimiter.empty()) return std::nullopt;
        const std::size_t at = key.find(delimiter, prefix.size());
        if (at == std::string::npos) return std::nullopt;
        return key.substr(0, at + delimiter.size());
    }
};

ApiResult<ListQuery> read_query(const S3Call& call, const char* most_name) {
    ListQuery query{call.parameter("prefix"), call.parameter("delimiter"),
                    call.parameter("encoding-type")};
    if (const auto given = call.request.parameter(most_name)) {
        const auto most = parse_number(*given);
        if (!most || *most > 2147483647)
            return invalid_argument(
                "Provided " + std::string(most_name) + " not an integer or within integer range",
                most_name, std::string(*given));
        query.most = std::min<std::uint64_t>(*most, 1000);
    }
    if (!query.encoding.empty() && query.encoding != "url")
        return invalid_argument("Invalid Encoding Method specified in Request", "encoding-type",
                                query.encoding);
    return query;
}

void add_checksum_kind(XmlWriter& xml, const StoredChecksum& checksum) {
    if (checksum.algorithm.empty()) return;
    xml.text("ChecksumAlgorithm", checksum.algorithm).text("ChecksumType", checksum.type);
}

void add_object(XmlWriter& xml, const ListQuery& query, const std::string& key,
                const ObjectVersion& v, bool with_owner) {
    xml.open("Contents").text("Key", query.shown(key)).text("LastModified", iso_time(v.modified));
    xml.text("ETag", "\"" + v.etag + "\"");
    add_checksum_kind(xml, v.checksum);
    xml.number("Size", v.size).text("StorageClass", v.storage_class);
    if (with_owner) xml.open("Owner").text("ID", v.owner).close();
    xml.close();
}

/// One page of keys and of groups, in order; `last` is the last of them when there is more.
struct Page {
    std::uint64_t count = 0;
    bool is_truncated = false;
    std::string last;
    std::vector<std::string> groups;
};

/// Calls `add(key)` for keys of the page that are not rolled up. `after`: begin behind this key or
/// group.
template <class Map, class IsListed, class Add>
Page walk(const Map& map, const ListQuery& query, const std::string& after, IsListed&& is_listed,
          Add&& add) {
    Page page;
    const auto behind = [](std::string text) { return text + std::string(8, '\xff'); };
    auto at = map.lower_bound(std::max(query.prefix, after));
    while (at != map.end() && at->first.starts_with(query.prefix)) {
        const std::string& key = at->first;
        const auto group = query.group_of(key);
        const bool is_behind =
            !after.empty() &&
            (key <= after || (group && *group <= after && after.starts_with(*group)));
        if (is_behind || !is_listed(*at)) {
            // A whole group that lies before `after` is one step.
            at = is_behind && group && *group == after ? map.lower_bound(behind(*group))
                                                       : std::next(at);
            continue;
        }
        if (page.count == query.most) {
            page.is_truncated = query.most > 0;
            break;
        }
        ++page.count;
        page.last = group.value_or(key);
        if (group) {
            page.groups.push_back(*group);
            at = map.lower_bound(behind(*group));
        } else {
            add(*at);
            ++at;
        }
    }
    return page;
}

void add_groups(XmlWriter& xml, const ListQuery& query, const std::vector<std::string>& groups) {
    for (const std::string& group : groups)
        xml.open("CommonPrefixes").text("Prefix", query.shown(group)).close();
}

void add_head(XmlWriter& xml, const S3Call& call, const ListQuery& query) {
    xml.text("Name", call.bucket).text("Prefix", query.shown(query.prefix));
    if (!query.delimiter.empty()) xml.text("Delimiter", query.shown(query.delimiter));
    if (!query.encoding.empty()) xml.text("EncodingType", query.encoding);
}

Answer objects_page(const S3Call& call, const ListQuery& query, Bucket& bucket,
                    const std::string& after) {
    const bool is_v2 = call.operation == "ListObjectsV2";
    const bool with_owner = !is_v2 || call.parameter("fetch-owner") == "true";
    XmlWriter xml("ListBucketResult", kS3Namespace);
    add_head(xml, call, query);
    const Page page = walk(
        bucket.objects, query, after,
        [](const auto& entry) { return !entry.second.empty() && !entry.second.back().is_marker; },
        [&](const auto& entry) {
            add_object(xml, query, entry.first, entry.second.back(), with_owner);
        });
    add_groups(xml, query, page.groups);
    xml.number("MaxKeys", query.most).flag("IsTruncated", page.is_truncated);
    if (is_v2) {
        xml.number("KeyCount", page.count);
        if (call.request.parameter("start-after"))
            xml.text("StartAfter", query.shown(call.parameter("start-after")));
        if (call.request.parameter("continuation-token"))
            xml.text("ContinuationToken", call.parameter("continuation-token"));
        if (page.is_truncated) xml.text("NextContinuationToken", to_base64(as_bytes(page.last)));
    } else {
        xml.text("Marker", query.shown(call.parameter("marker")));
        if (page.is_truncated && !query.delimiter.empty())
            xml.text("NextMarker", query.shown(page.last));
    }
    return xml_answer(std::move(xml));
}

ApiResult<std::string> start_of(const S3Call& call) {
    if (call.operation == "ListObjects") return call.parameter("marker");
    const auto token = call.request.parameter("continuation-token");
    if (!token) return call.parameter("start-after");
    const auto bytes = from_base64(*token);
    if (!bytes)
        return invalid_argument("The continuation token provided is incorrect",
                                "continuation-token");
    return std::string(as_text(*bytes));
}

void add_version(XmlWriter& xml, const ListQuery& query, const std::string& key,
                 const ObjectVersion& v, bool is_latest) {
    xml.open(v.is_marker ? "DeleteMarker" : "Version");
    xml.text("Key", query.shown(key)).text("VersionId", v.id).flag("IsLatest", is_latest);
    xml.text("LastModified", iso_time(v.modified));
    if (!v.is_marker) {
        xml.text("ETag", "\"" + v.etag + "\"");
        add_checksum_kind(xml, v.checksum);
        xml.number("Size", v.size).text("StorageClass", v.storage_class);
    }
    xml.open("Owner").text("ID", v.owner).close().close();
}

/// Versions, newest first for each key, behind (key, id).
class VersionPage {
public:
    VersionPage(XmlWriter& xml, const ListQuery& query) : xml_(xml), query_(query) {}

    void run(const Bucket& bucket, const std::string& after_key, const std::string& after_id) {
        auto at = bucket.objects.lower_bound(std::max(query_.prefix, after_key));
        for (; at != bucket.objects.end() && at->first.starts_with(query_.prefix) && !is_truncated;
             ++at) {
            const std::string& key = at->first;
            const auto group = query_.group_of(key);
            if (group) {
                if ((!after_key.empty() && *group <= after_key) ||
                    (!groups.empty() && groups.back() == *group))
                    continue;
                if (take(*group, "")) groups.push_back(*group);
                continue;
            }
            if (!after_key.empty() && key <= after_key && (key < after_key || after_id.empty()))
                continue;
            add_all(key, at->second, key == after_key ? after_id : "");
        }
    }

    bool is_truncated = false;
    std::string last_key, last_id;
    std::vector<std::string> groups;

private:
    void add_all(const std::string& key, const std::vector<ObjectVersion>& versions,
                 const std::string& after_id) {
        bool is_behind = after_id.empty();
        for (std::size_t i = versions.size(); i-- > 0;) {
            if (is_behind) {
                if (!take(key, versions[i].id)) return;
                add_version(xml_, query_, key, versions[i], i + 1 == versions.size());
            }
            is_behind = is_behind || versions[i].id == after_id;
        }
    }

    bool take(const std::string& key, const std::string& id) {
        is_truncated = count_ == query_.most;
        if (is_truncated) return false;
        ++count_;
        last_key = key;
        last_id = id;
        return true;
    }

    XmlWriter& xml_;
    const ListQuery& query_;
    std::uint64_t count_ = 0;
};

}  // namespace

ApiResult<Answer> list_objects(S3& s3, S3Call& call) {
    const ListQuery query = PERDURE_TRY(read_query(call, "max-keys"));
    if (call.operation == "ListObjectsV2" && call.parameter("list-type") != "2")
        return invalid_argument("Invalid List Type specified in Request", "list-type",
                                call.parameter("list-type"));
    const std::string after = PERDURE_TRY(start_of(call));
    return s3.with_bucket(call, [&](Bucket& bucket) -> ApiResult<Answer> {
        PERDURE_TRY(s3.allow(call, bucket, "s3:ListBucket", ""));
        return objects_page(call, query, bucket, after);
    });
}

ApiResult<Answer> list_object_versions(S3& s3, S3Call& call) {
    const ListQuery query = PERDURE_TRY(read_query(call, "max-keys"));
    const std::string after_key = call.parameter("key-marker"),
                      after_id = call.parameter("version-id-marker");
    if (after_key.empty() && !after_id.empty())
        return invalid_argument("A version-id marker cannot be specified without a key marker.",
                                "version-id-marker", after_id);
    return s3.with_bucket(call, [&](Bucket& bucket) -> ApiResult<Answer> {
        PERDURE_TRY(s3.allow(call, bucket, "s3:ListBucketVersions", ""));
        XmlWriter xml("ListVersionsResult", kS3Namespace);
        add_head(xml, call, query);
        xml.text("KeyMarker", query.shown(after_key)).text("VersionIdMarker", after_id);
        VersionPage page(xml, query);
        page.run(bucket, after_key, after_id);
        add_groups(xml, query, page.groups);
        if (page.is_truncated && query.most > 0) {
            xml.text("NextKeyMarker", query.shown(page.last_key));
            if (!page.last_id.empty()) xml.text("NextVersionIdMarker", page.last_id);
        }
        xml.number("MaxKeys", query.most).flag("IsTruncated", page.is_truncated && query.most > 0);
        return xml_answer(std::move(xml));
    });
}

namespace {

/// Those behind the markers, by key and then by id.
std::vector<const Upload*> uploads_behind(const S3Call& call, const ListQuery& query,
                                          const Bucket& bucket) {
    const std::string key = call.parameter("key-marker"),
                      after_id = call.parameter("upload-id-marker");
    std::vector<const Upload*> uploads;
    for (const auto& [id, upload] : bucket.uploads) {
        const bool is_behind =
            upload.key > key || (upload.key == key && !after_id.empty() && id > after_id);
        if (upload.key.starts_with(query.prefix) && (key.empty() || is_behind))
            uploads.push_back(&upload);
    }
    std::stable_sort(uploads.begin(), uploads.end(),
                     [](const Upload* a, const Upload* b) { return a->key < b->key; });
    return uploads;
}

void add_upload(XmlWriter& xml, const ListQuery& query, const Bucket& bucket,
                const Upload& upload) {
    xml.open("Upload").text("Key", query.shown(upload.key)).text("UploadId", upload.id);
    xml.open("Initiator").text("ID", upload.initiator).close();
    xml.open("Owner").text("ID", bucket.account).close();
    xml.text("StorageClass", upload.draft.storage_class);
    xml.text("Initiated", iso_time(upload.initiated));
    if (!upload.checksum_algorithm.empty())
        xml.text("ChecksumAlgorithm", upload.checksum_algorithm)
            .text("ChecksumType", upload.checksum_type);
    xml.close();
}

Answer uploads_page(const S3Call& call, const ListQuery& query, const Bucket& bucket) {
    XmlWriter xml("ListMultipartUploadsResult", kS3Namespace);
    xml.text("Bucket", call.bucket).text("KeyMarker", query.shown(call.parameter("key-marker")));
    xml.text("UploadIdMarker", call.parameter("upload-id-marker"));
    xml.text("Prefix", query.shown(query.prefix));
    if (!query.delimiter.empty()) xml.text("Delimiter", query.shown(query.delimiter));
    if (!query.encoding.empty()) xml.text("EncodingType", query.encoding);
    std::vector<std::string> groups;
    std::uint64_t count = 0;
    const Upload* last = nullptr;
    bool is_truncated = false;
    for (const Upload* upload : uploads_behind(call, query, bucket)) {
        const auto group = query.group_of(upload->key);
        if (group && !groups.empty() && groups.back() == *group) continue;
        is_truncated = count == query.most;
        if (is_truncated) break;
        ++count;
        last = upload;
        if (group) {
            groups.push_back(*group);
        } else {
            add_upload(xml, query, bucket, *upload);
        }
    }
    add_groups(xml, query, groups);
    if (is_truncated && last != nullptr)
        xml.text("NextKeyMarker", query.shown(last->key)).text("NextUploadIdMarker", last->id);
    xml.number("MaxUploads", query.most).flag("IsTruncated", is_truncated);
    return xml_answer(std::move(xml));
}

}  // namespace

ApiResult<Answer> list_multipart_uploads(S3& s3, S3Call& call) {
    const ListQuery query = PERDURE_TRY(read_query(call, "max-uploads"));
    return s3.with_bucket(call, [&](Bucket& bucket) -> ApiResult<Answer> {
        PERDURE_TRY(s3.allow(call, bucket, "s3:ListBucketMultipartUploads", ""));
        return uploads_page(call, query, bucket);
    });
}

}  // namespace perdure::cloudsim
