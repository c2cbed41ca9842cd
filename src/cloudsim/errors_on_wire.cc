#include "cloudsim/errors_on_wire.h"

#include <array>
#include <nlohmann/json.hpp>

#include "cloudsim/xml.h"

namespace perdure::cloudsim {
namespace {

// Services of the Query protocol and of XML like it; every other one that is asked speaks JSON.
constexpr std::array<std::string_view, 5> kQueryServices = {"sts", "iam", "elasticloadbalancing",
                                                            "route53", "sns"};

std::string s3_body(const ApiError& error, const std::string& resource,
                    const std::string& request_id) {
    XmlWriter xml("Error");
    xml.text("Code", error.code).text("Message", error.message);
    for (const QueryPair& detail : error.details) xml.text(detail.name, detail.value);
    xml.text("Resource", resource).text("RequestId", request_id);
    xml.text("HostId", request_id + "cloudsim");
    return xml.take();
}

std::string query_body(const ApiError& error, const std::string& request_id) {
    XmlWriter xml("ErrorResponse", " xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"");
    xml.open("Error").text("Type", error.status >= 500 ? "Receiver" : "Sender");
    xml.text("Code", error.code).text("Message", error.message).close();
    xml.text("RequestId", request_id);
    return xml.take();
}

std::string ec2_body(const ApiError& error, const std::string& request_id) {
    XmlWriter xml("Response");
    xml.open("Errors").open("Error").text("Code", error.code).text("Message", error.message);
    xml.close().close().text("RequestID", request_id);
    return xml.take();
}

std::string body_of(ErrorForm form, const ApiError& error, const std::string& resource,
                    const std::string& request_id) {
    switch (form) {
        case ErrorForm::S3: return s3_body(error, resource, request_id);
        case ErrorForm::Query: return query_body(error, request_id);
        case ErrorForm::Ec2: return ec2_body(error, request_id);
        case ErrorForm::Json: break;
    }
    return nlohmann::json{{"__type", error.code}, {"message", error.message}}.dump();
}

}  // namespace

ErrorForm error_form(Service service, const std::optional<Claim>& claim) {
    if (service == Service::S3) return ErrorForm::S3;
    if (service != Service::Unknown || !claim) return ErrorForm::Query;
    if (claim->service == "ec2") return ErrorForm::Ec2;
    for (const std::string_view name : kQueryServices)
        if (claim->service == name) return ErrorForm::Query;
    return ErrorForm::Json;
}

Answer error_answer(ErrorForm form, const ApiError& error, const std::string& resource,
                    const std::string& request_id) {
    Answer answer;
    answer.status = error.status;
    answer.error_code = error.code;
    answer.headers = error.headers;
    const bool is_json = form == ErrorForm::Json;
    if (is_json) answer.set("x-amzn-ErrorType", error.code);
    answer.set("Content-Type", is_json                 ? "application/x-amz-json-1.1"
                               : form == ErrorForm::S3 ? "application/xml"
                                                       : "text/xml");
    answer.text = body_of(form, error, resource, request_id);
    return answer;
}

}  // namespace perdure::cloudsim
