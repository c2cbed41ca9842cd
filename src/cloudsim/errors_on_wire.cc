#include "cloudsim/errors_on_wire.h"

#include "cloudsim/xml.h"

namespace perdure::cloudsim {
namespace {

std::string s3_body(const ApiError& error, const std::string& resource,
                    const std::string& request_id) {
    XmlWriter xml("Error");
    xml.text("Code", error.code).text("Message", error.message);
    for (const QueryPair& detail : error.details) xml.text(detail.name, detail.value);
    xml.text("Resource", resource)
        .text("RequestId", request_id)
        .text("HostId", request_id + "cloudsim");
    return xml.take();
}

std::string query_body(const ApiError& error, const std::string& request_id) {
    XmlWriter xml("ErrorResponse", " xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"");
    xml.open("Error").text("Type", error.status >= 500 ? "Receiver" : "Sender");
    xml.text("Code", error.code).text("Message", error.message).close();
    xml.text("RequestId", request_id);
    return xml.take();
}

}  // namespace

Answer error_answer(Service service, const ApiError& error, const std::string& resource,
                    const std::string& request_id) {
    Answer answer;
    answer.status = error.status;
    answer.error_code = error.code;
    answer.headers = error.headers;
    answer.set("Content-Type", service == Service::S3 ? "application/xml" : "text/xml");
    if (error.status == 304) return answer;
    answer.text = service == Service::S3 ? s3_body(error, resource, request_id)
                                         : query_body(error, request_id);
    return answer;
}

}  // namespace perdure::cloudsim
