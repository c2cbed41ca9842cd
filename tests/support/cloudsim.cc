#include "support/cloudsim.h"

#include <gtest/gtest.h>

#include "net/http_client.h"

namespace perdure {

CloudSimServer::CloudSimServer(Clock* clock) : clock_(clock != nullptr ? *clock : system_clock()) {
    cloudsim::CloudSimOptions options;
    options.clock = &clock_;
    auto started = cloudsim::CloudSim::start(options);
    if (started) {
        server_ = std::move(*started);
    } else {
        problem_ = started.error().describe();
    }
}

CloudSimServer::~CloudSimServer() {
    if (server_ == nullptr || forgives_) return;
    for (const std::string& call : server_->unknown_calls())
        ADD_FAILURE() << "perdure-cloudsim has no " << call;
}

AwsCredentials CloudSimServer::credentials() const {
    return {kAccessKey, SecretText(kSecretKey), SecretText()};
}

std::string CloudSimServer::send(const std::string& path_and_query, const std::string& body,
                                 const std::vector<HttpHeader>& headers) {
    HttpRequest request;
    request.method = "PUT";
    request.url = Url::parse(origin() + path_and_query).value();
    request.headers = headers;
    request.body = as_bytes(body);
    sign(request, credentials(), {kRegion, "s3"}, kS3Signing, clock_.now());
    HttpOptions options;
    options.use_proxy = false;
    HttpClient client(options);
    auto answer = client.send(request, 1u << 20, {});
    if (!answer) return answer.error().describe();
    return answer->ok() ? "" : std::string(as_text(answer->body));
}

std::string CloudSimServer::make_bucket(const std::string& name, bool versioned, bool object_lock) {
    std::vector<HttpHeader> headers;
    if (object_lock) headers.push_back({"x-amz-bucket-object-lock-enabled", "true"});
    const std::string problem = send("/" + name, "", headers);
    if (!problem.empty() || !versioned) return problem;
    return send("/" + name + "?versioning",
                "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>", {});
}

}  // namespace perdure
