#include "store/s3/s3_store.h"

#include <algorithm>
#include <charconv>
#include <pugixml.hpp>

#include "base/try.h"
#include "store/s3/s3_error.h"

namespace perdure {

namespace {

constexpr std::size_t kMostObject = 512U << 20;  // no object is larger; bounds memory
constexpr std::uint64_t kPackSize = 64U << 20;

std::optional<std::uint64_t> number_of(std::string_view text) {
    std::uint64_t value = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (failed != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

std::string range_header(const ByteRange& range) {
    std::string text = "bytes=" + std::to_string(range.offset) + "-";
    if (range.length != ByteRange::kToEnd) text += std::to_string(range.offset + range.length - 1);
    return text;
}

/// packs/<class>/d/…: what may lie where reading is slow or dear.
bool is_data_pack(std::string_view name) {
    const auto slash = name.find('/', 6);
    return name.starts_with("packs/") && slash != std::string_view::npos &&
           name.substr(slash).starts_with("/d/");
}

bool is_true(const pugi::xml_node& node, const char* name) {
    return std::string_view(node.child_value(name)) == "true";
}

ObjectVersion version_of(const pugi::xml_node& entry) {
    ObjectVersion version;
    version.id = entry.child_value("VersionId");
    version.size = number_of(entry.child_value("Size")).value_or(0);
    version.modified_ns = parse_iso_date_ns(entry.child_value("LastModified")).value_or(0);
    version.is_deletion = std::string_view(entry.name()) == "DeleteMarker";
    version.is_newest = is_true(entry, "IsLatest");
    return version;
}

const char* name_of(LockMode mode) {
    return mode == LockMode::Compliance ? "COMPLIANCE" : "GOVERNANCE";
}

/// Requests carry whole seconds: a part of one more might be a day more than a policy allows.
std::int64_t whole_seconds(std::int64_t ns) { return ns - ns % 1'000'000'000; }
std::string date_of(std::int64_t until_ns) { return to_iso8601({until_ns}); }

/// S3 calls it an invalid request, as much else.
Error lock_error(const HttpResponse& answer, std::string_view action, const std::string& where) {
    Error error = s3_error(answer, action, where);
    if (parse_s3_fault(answer).message.find("Object Lock") == std::string::npos ||
        error.kind() == ErrorKind::Denied)
        return error;
    return Error(ErrorKind::Unsupported, error.describe())
        .with_hint(
            "this bucket has no Object Lock, which is chosen when it is made: `perdure init "
            "--create-bucket --object-lock`; or use a retention class without a lock");
}

/// Of a document that is there to its end: what was cut off would pass for a shorter listing.
pugi::xml_node root_of(const HttpResponse& answer, pugi::xml_document& document, const char* name) {
    if (!document.load_buffer(answer.body.data(), answer.body.size())) return {};
    const pugi::xml_node root = document.child(name);
    // Every listing says whether there is more.
    return root.child("IsTruncated") ? root : pugi::xml_node();
}

/// The entries of a page whose keys are ours, by name; a name's own as the server has them. Some
/// servers tell all markers first.
std::vector<std::pair<std::string_view, pugi::xml_node>> versions_in(const pugi::xml_node& page,
                                                                     std::string_view prefix) {
    std::vector<std::pair<std::string_view, pugi::xml_node>> entries;
    for (const pugi::xml_node entry : page.children()) {
        const std::string_view kind = entry.name(), key = entry.child_value("Key");
        if ((kind != "Version" && kind != "DeleteMarker") || !key.starts_with(prefix)) continue;
        const std::string_view name = key.substr(prefix.size());
        if (ObjectName::parse(name)) entries.emplace_back(name, entry);
    }
    std::stable_sort(entries.begin(), entries.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    return entries;
}

}  // namespace

S3Store::S3Store(std::unique_ptr<S3Bucket> bucket, S3Storage storage)
    : bucket_(std::move(bucket)), storage_(std::move(storage)) {}

StoreProperties S3Store::properties() const {
    StoreProperties properties;
    properties.connections = storage_.connections;
    properties.pack_size = kPackSize;
    properties.description = "bucket " + bucket_->where(bucket_->location().prefix);
    return properties;
}

Error S3Store::too_short(const std::string& key) const {
    return Error(ErrorKind::Corrupt, bucket_->where(key) + ": ends before what was asked for");
}

Error S3Store::no_listing(const std::string& prefix) const {
    return Error(ErrorKind::Corrupt,
                 bucket_->where(prefix) + ": the answer is no listing of S3, or was cut short")
        .with_hint("check the endpoint (http or https, host and port), and proxies on the way");
}

/// An answer of success, or its refusal as an Error.
Result<HttpResponse> S3Store::ask(S3Request request, std::string_view action,
                                  std::stop_token stop) {
    auto answer = PERDURE_TRY(bucket_->send(request, std::move(stop)));
    if (answer.ok()) return answer;
    return s3_error(answer, action, bucket_->where(request.key));
}

Result<void> S3Store::create(const ObjectName& name, ByteView bytes, std::stop_token stop) {
    return put(name, bytes, true, std::move(stop));
}

/// Over what lies there. Where versions are kept that stays one of them.
Result<void> S3Store::put_back(const ObjectName& name, ByteView bytes, std::stop_token stop) {
    return put(name, bytes, false, std::move(stop));
}

Result<void> S3Store::put(const ObjectName& name, ByteView bytes, bool only_if_absent,
                          std::stop_token stop) {
    S3Request put{"PUT", bucket_->key_of(name.text())};
    put.body = bytes;
    put.headers = {checksum_header(bytes)};
    if (only_if_absent) put.headers.push_back({"If-None-Match", "*"});
    const auto add = [&](const char* header, const std::string& value) {
        if (!value.empty()) put.headers.push_back({header, value});
    };
    add("x-amz-storage-class",
        is_data_pack(name.text()) ? storage_.data_class : storage_.other_class);
    add("x-amz-server-side-encryption", storage_.encryption);
    add("x-amz-server-side-encryption-aws-kms-key-id", storage_.kms_key);
    add("x-amz-acl", storage_.acl);
    const bool locks = PERDURE_TRY(add_lock(name, put, stop));
    auto answer = PERDURE_TRY(bucket_->send(put, std::move(stop)));
    if (answer.ok()) return {};
    return locks ? lock_error(answer, "s3:PutObject and s3:PutObjectRetention",
                              bucket_->where(put.key))
                 : s3_error(answer, "s3:PutObject", bucket_->where(put.key));
}

Result<Buffer> S3Store::load(const ObjectName& name, ByteRange range, std::stop_token stop) {
    if (range.length == 0) {
        const ObjectStat there = PERDURE_TRY(stat(name, stop));
        if (range.offset > there.size) return too_short(bucket_->key_of(name.text()));
        return Buffer();
    }
    return get({"GET", bucket_->key_of(name.text())}, name, range, std::move(stop));
}

Result<Buffer> S3Store::get(S3Request get, const ObjectName& name, ByteRange range,
                            std::stop_token stop) {
    const bool whole = range.offset == 0 && range.length == ByteRange::kToEnd;
    if (!whole) get.headers.push_back({"Range", range_header(range)});
    get.most = range.length == ByteRange::kToEnd ? kMostObject
                                                 : std::max<std::size_t>(range.length, get.most);
    HttpResponse answer = PERDURE_TRY(bucket_->send(get, stop));
    if (!answer.ok()) {
        // An empty object has no range that S3 could give.
        if (answer.status == 416 && range.length == ByteRange::kToEnd) {
            const ObjectStat there = PERDURE_TRY(stat(name, stop));
            if (range.offset == there.size) return Buffer();
        }
        if (answer.status == 403 && get.query.empty() && is_missing(get.key, std::move(stop)))
            return Error(ErrorKind::NotFound, bucket_->where(get.key) + ": no such object");
        const char* action = get.query.empty() ? "s3:GetObject" : "s3:GetObjectVersion";
        return s3_error(answer, action, bucket_->where(get.key));
    }
    const bool right_length =
        range.length == ByteRange::kToEnd || answer.body.size() == range.length;
    if ((!whole && answer.status != 206) || !right_length) return too_short(get.key);
    return std::move(answer.body);
}

/// A policy that allows listings below a prefix alone has S3 refuse what is missing like what is
/// forbidden; a listing tells them apart.
bool S3Store::is_missing(const std::string& key, std::stop_token stop) {
    S3Request list{"GET", ""};
    list.query = {{"list-type", "2"}, {"max-keys", "1"}, {"prefix", key}};
    const auto answer = bucket_->send(list, std::move(stop));
    if (!answer || !answer->ok()) return false;
    pugi::xml_document document;
    const pugi::xml_node result = root_of(*answer, document, "ListBucketResult");
    return result && key != result.child("Contents").child_value("Key");
}

Result<ObjectStat> S3Store::stat(const ObjectName& name, std::stop_token stop) {
    const S3Request head{"HEAD", bucket_->key_of(name.text())};
    const HttpResponse answer = PERDURE_TRY(bucket_->send(head, stop));
    if (!answer.ok()) return stat_with_reason(name, std::move(stop));
    ObjectStat found;
    if (const auto length = answer.header("content-length"))
        found.size = number_of(*length).value_or(0);
    if (const auto modified = answer.header("last-modified"))
        found.modified_ns = parse_http_date_ns(*modified).value_or(0);
    return found;
}

/// The answer to HEAD has no body to say why it is refused: no such key, or no such bucket?
Result<ObjectStat> S3Store::stat_with_reason(const ObjectName& name, std::stop_token stop) {
    S3Request get{"GET", bucket_->key_of(name.text())};
    get.headers.push_back({"Range", "bytes=0-0"});
    const HttpResponse answer = PERDURE_TRY(bucket_->send(get, stop));
    if (answer.status == 403 && is_missing(get.key, std::move(stop)))
        return Error(ErrorKind::NotFound, bucket_->where(get.key) + ": no such object");
    if (!answer.ok()) return s3_error(answer, "s3:GetObject", bucket_->where(get.key));
    ObjectStat found;  // it is there after all
    const auto range = answer.header("content-range").value_or("");
    found.size = number_of(range.substr(range.find('/') + 1)).value_or(answer.body.size());
    if (const auto modified = answer.header("last-modified"))
        found.modified_ns = parse_http_date_ns(*modified).value_or(0);
    return found;
}

/// Whether a page says truly where the next one begins: somewhere, and never twice the same.
Result<void> S3Store::goes_on(const std::string& prefix, const std::string& next,
                              std::set<std::string>& seen) const {
    if (!next.empty() && seen.insert(next).second) return {};
    return Error(ErrorKind::Corrupt,
                 bucket_->where(prefix) + (next.empty() ? ": the listing breaks off"
                                                        : ": the listing goes round in circles"))
        .with_hint("check the endpoint, and what lies between it and this machine");
}

Result<void> S3Store::list(std::string_view prefix, const Store::ListFn& fn, std::stop_token stop) {
    const std::string& ours = bucket_->location().prefix;
    std::string token;
    std::set<std::string> tokens;
    do {
        S3Request get{"GET", ""};
        get.query = {{"list-type", "2"}, {"prefix", ours + std::string(prefix)}};
        if (!token.empty()) get.query.push_back({"continuation-token", token});
        const HttpResponse answer = PERDURE_TRY(ask(std::move(get), "s3:ListBucket", stop));
        pugi::xml_document document;
        const pugi::xml_node result = root_of(answer, document, "ListBucketResult");
        if (!result) return no_listing(ours + std::string(prefix));
        for (const pugi::xml_node entry : result.children("Contents")) {
            const std::string_view key = entry.child_value("Key");
            if (!key.starts_with(ours)) continue;
            const std::string_view name = key.substr(ours.size());
            if (!ObjectName::parse(name)) continue;  // somebody else's
            const ObjectStat stat{number_of(entry.child_value("Size")).value_or(0),
                                  parse_iso_date_ns(entry.child_value("LastModified")).value_or(0)};
            if (!fn(name, stat)) return {};
        }
        const bool more = is_true(result, "IsTruncated");
        token = more ? result.child_value("NextContinuationToken") : "";
        if (more) PERDURE_TRY(goes_on(ours + std::string(prefix), token, tokens));
    } while (!token.empty());
    return {};
}

Result<void> S3Store::remove(const ObjectName& name, std::stop_token stop) {
    const S3Request remove{"DELETE", bucket_->key_of(name.text())};
    const HttpResponse answer = PERDURE_TRY(bucket_->send(remove, std::move(stop)));
    if (answer.ok() || parse_s3_fault(answer).code == "NoSuchKey") return {};
    return s3_error(answer, "s3:DeleteObject", bucket_->where(remove.key));
}

// ------------------------------------------------------------------------------------ versions

Result<void> S3Store::list(std::string_view prefix, const ObjectVersions::ListFn& fn,
                           std::stop_token stop) {
    const std::string& ours = bucket_->location().prefix;
    std::string key_marker, version_marker;
    std::set<std::string> markers;
    do {
        S3Request get{"GET", ""};
        get.query = {{"versions", ""}, {"prefix", ours + std::string(prefix)}};
        if (!key_marker.empty()) get.query.push_back({"key-marker", key_marker});
        if (!version_marker.empty()) get.query.push_back({"version-id-marker", version_marker});
        const HttpResponse answer = PERDURE_TRY(ask(std::move(get), "s3:ListBucketVersions", stop));
        pugi::xml_document document;
        const pugi::xml_node result = root_of(answer, document, "ListVersionsResult");
        if (!result) return no_listing(ours + std::string(prefix));
        for (const auto& [name, entry] : versions_in(result, ours))
            if (!fn(name, version_of(entry))) return {};
        const bool more = is_true(result, "IsTruncated");
        key_marker = more ? result.child_value("NextKeyMarker") : "";
        version_marker = more ? result.child_value("NextVersionIdMarker") : "";
        if (more) {
            const std::string both = key_marker.empty() ? "" : key_marker + "\n" + version_marker;
            PERDURE_TRY(goes_on(ours + std::string(prefix), both, markers));
        }
    } while (!key_marker.empty());
    return {};
}

Result<bool> S3Store::fall_back_to_first(const ObjectName& name, std::stop_token stop) {
    if (bucket_->has_shown_versions()) return false;
    const auto note = [&](std::string_view, const ObjectVersion& version) {
        if (!version.id.empty() && version.id != "null") bucket_->note_versions();
        return true;
    };
    // A server that does not answer this keeps none, or lets this credential see none.
    const auto listed = list(name.text(), ObjectVersions::ListFn(note), std::move(stop));
    static_cast<void>(listed.has_value());
    return false;
}

Result<Buffer> S3Store::load(const ObjectName& name, const std::string& version, ByteRange range,
                             std::stop_token stop) {
    if (range.length == 0) return Buffer();
    S3Request request{"GET", bucket_->key_of(name.text())};
    request.query = {{"versionId", version}};
    return get(std::move(request), name, range, std::move(stop));
}

// ------------------------------------------------------------------------------------ locks

Result<bool> S3Store::can_lock(std::stop_token stop) {
    S3Request get{"GET", ""};
    get.query = {{"object-lock", ""}};
    const HttpResponse answer = PERDURE_TRY(bucket_->send(get, std::move(stop)));
    if (answer.ok())
        return as_text(answer.body).find("<ObjectLockEnabled>Enabled") != std::string_view::npos;
    if (parse_s3_fault(answer).code == "ObjectLockConfigurationNotFoundError") return false;
    // A credential that may not ask may still lock.
    if (answer.status == 403) return true;
    Error error = s3_error(answer, "s3:GetBucketObjectLockConfiguration", bucket_->where(""));
    if (error.kind() == ErrorKind::NotFound || error.kind() == ErrorKind::Unsupported) return false;
    return error;
}

Result<std::int64_t> S3Store::now_ns(std::stop_token stop) {
    if (const auto now = bucket_->server_time()) return now->nanoseconds;
    // Any answer tells it, a refusal too.
    PERDURE_TRY(bucket_->send({"HEAD", ""}, std::move(stop)));
    if (const auto now = bucket_->server_time()) return now->nanoseconds;
    return Error(ErrorKind::Unsupported, bucket_->where("") + ": the server does not tell its time")
        .with_hint("objects are locked until a time of its clock: is a proxy on the way?");
}

/// Whether it did.
Result<bool> S3Store::add_lock(const ObjectName& name, S3Request& put, std::stop_token stop) {
    const auto period = lock_rule_ ? lock_rule_(name.text()) : std::nullopt;
    if (!period) return false;
    const std::int64_t now = PERDURE_TRY(now_ns(std::move(stop)));
    put.headers.push_back({"x-amz-object-lock-mode", name_of(period->mode)});
    put.headers.push_back({"x-amz-object-lock-retain-until-date", date_of(now + period->ns)});
    return true;
}

Result<void> S3Store::extend_lock(const ObjectName& name, const std::string& version,
                                  const ObjectLock& lock, std::stop_token stop) {
    const std::string body = "<Retention xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Mode>" +
                             std::string(name_of(lock.mode)) + "</Mode><RetainUntilDate>" +
                             date_of(lock.until_ns) + "</RetainUntilDate></Retention>";
    S3Request put{"PUT", bucket_->key_of(name.text())};
    put.query = {{"retention", ""}};
    if (!version.empty()) put.query.push_back({"versionId", version});
    put.body = as_bytes(body);
    put.headers = {{"Content-Type", "application/xml"}, checksum_header(put.body)};
    const HttpResponse answer = PERDURE_TRY(bucket_->send(put, stop));
    if (answer.ok()) return {};
    // What is locked for longer cannot be locked for less.
    if (answer.status == 403) {
        const auto there = lock_of(name, version, std::move(stop));
        if (there && *there && (*there)->covers({lock.mode, whole_seconds(lock.until_ns)}))
            return {};
    }
    return lock_error(answer, "s3:PutObjectRetention", bucket_->where(put.key));
}

Result<std::optional<ObjectLock>> S3Store::lock_of(const ObjectName& name,
                                                   const std::string& version,
                                                   std::stop_token stop) {
    S3Request get{"GET", bucket_->key_of(name.text())};
    get.query = {{"retention", ""}};
    if (!version.empty()) get.query.push_back({"versionId", version});
    const HttpResponse answer = PERDURE_TRY(bucket_->send(get, stop));
    if (!answer.ok()) {
        const std::string code = parse_s3_fault(answer).code;
        if (code == "NoSuchObjectLockConfiguration" || code == "InvalidRequest")
            return std::optional<ObjectLock>();
        if (code == "MethodNotAllowed")  // a marker of a deletion is the newest
            return Error(ErrorKind::NotFound, bucket_->where(get.key) + ": was deleted");
        return s3_error(answer, "s3:GetObjectRetention", bucket_->where(get.key));
    }
    pugi::xml_document document;
    document.load_buffer(answer.body.data(), answer.body.size());
    const pugi::xml_node retention = document.child("Retention");
    const std::string_view mode = retention.child_value("Mode");
    const auto until = parse_iso_date_ns(retention.child_value("RetainUntilDate"));
    if ((mode != "GOVERNANCE" && mode != "COMPLIANCE") || !until)
        return Error(ErrorKind::Corrupt, bucket_->where(get.key) + ": the answer is no lock of S3");
    if (*until <= PERDURE_TRY(now_ns(std::move(stop)))) return std::optional<ObjectLock>();
    return std::optional(
        ObjectLock{mode == "COMPLIANCE" ? LockMode::Compliance : LockMode::Governance, *until});
}

}  // namespace perdure
