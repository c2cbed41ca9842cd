#include "cloudsim/cloud_sim.h"

#include <nlohmann/json.hpp>
#include <thread>

#include "base/try.h"
#include "cloudsim/admin.h"
#include "cloudsim/authentication.h"
#include "cloudsim/errors_on_wire.h"
#include "cloudsim/s3/errors.h"
#include "cloudsim/sts.h"
#include "cloudsim/text.h"

namespace perdure::cloudsim {

class CloudSim::Services {
public:
    Services(const CloudSimOptions& options)
        : world(options.clock != nullptr ? *options.clock : system_clock(), options.state),
          s3(world),
          metadata(world),
          admin(world, s3, metadata, faults, calls) {}

    Result<void> load() {
        if (!world.files.are_kept()) return {};
        PERDURE_TRY(world.identities.load());
        if (auto clock = world.files.load("clock.json"))
            world.clock.advance(clock->value("advanced", std::int64_t{0}));
        return s3.load();
    }

    Delivered handle(Request&& request);

    World world;
    S3 s3;
    InstanceMetadata metadata;
    FaultPlan faults;
    CallLog calls;
    Admin admin;
    std::unique_ptr<HttpServer> server;  // last: its threads use the rest

private:
    /// A request on its way: what is known of it so far.
    struct Case {
        Request& request;
        Service service = Service::S3;
        S3Place place;
        std::vector<QueryPair> form;
        std::string operation, request_id;
        std::optional<Claim> claim;
        LoggedCall log;
    };
    ApiResult<void> recognise(Case& c);
    ApiResult<Answer> apply(Case& c);
    ApiResult<Answer> apply_s3(Case& c, const Authenticated& who);
    Delivered with_fault(Case& c, const FaultAction& fault);
    Answer answered(Case& c, ApiResult<Answer> result);
    Answer apply_and_answer(Case& c) { return answered(c, apply(c)); }
    void finish(Case& c, Delivered& delivered);
};

ApiResult<void> CloudSim::Services::recognise(Case& c) {
    c.claim = PERDURE_TRY(read_claim(c.request));
    c.form = PERDURE_TRY(read_form(c.request));
    c.service = service_of(c.request, c.claim, c.form);
    if (c.service == Service::Sts) {
        for (const QueryPair& pair : c.form)
            if (pair.name == "Action") c.operation = pair.value;
        const auto known = sts_operations();
        if (std::find(known.begin(), known.end(), c.operation) != known.end()) return {};
        calls.add_unknown("sts:" + c.operation);
        return ApiError{501,
                        "NotImplemented",
                        "sts:" + c.operation + " is not implemented by perdure-cloudsim",
                        {},
                        {}};
    }
    if (c.service == Service::Unknown) {
        c.operation = c.claim->service;
        calls.add_unknown(c.claim->service + ":" + c.request.method + " " + c.request.path);
        return ApiError{
            501,
            "NotImplemented",
            "The service " + c.claim->service + " is not implemented by perdure-cloudsim",
            {},
            {}};
    }
    c.place = s3_place(c.request);
    c.operation = s3_operation(c.request, c.place);
    if (!c.operation.empty()) return {};
    c.operation = c.request.method;
    calls.add_unknown("s3:" + c.request.method + " " + c.request.path);
    return s3_error(501, "NotImplemented",
                    "A header or query you provided implies functionality that is not implemented");
}

ApiResult<Answer> CloudSim::Services::apply_s3(Case& c, const Authenticated& who) {
    S3Call call{c.request,
                who.caller,
                c.claim ? c.claim->region : "",
                c.operation,
                c.place.bucket,
                c.place.key,
                world.clock.now(),
                {},
                {},
                [this] { return server->next_event(); },
                {}};
    call.body = PERDURE_TRY(body_of(c.request, who.signing));
    return s3.handle(call);
}

ApiResult<Answer> CloudSim::Services::apply(Case& c) {
    const bool is_s3 = c.service == Service::S3;
    if (!is_s3 && !c.claim && !is_unsigned_sts(c.operation))
        return ApiError{
            403, "MissingAuthenticationToken", "Request is missing Authentication Token", {}, {}};
    const Authenticated who = PERDURE_TRY(authenticate(world, c.request, c.claim, is_s3));
    c.log.principal = who.caller.is_anonymous ? "anonymous" : who.caller.arn;
    if (is_s3) return apply_s3(c, who);
    return handle_sts(world, who.caller, c.form, c.request_id);
}

Answer CloudSim::Services::answered(Case& c, ApiResult<Answer> result) {
    if (result) return std::move(*result);
    const std::string resource = c.service == Service::S3 ? c.request.path : "";
    const ErrorForm form = error_form(c.service, c.claim);
    return error_answer(form, result.error(), resource, c.request_id);
}

Delivered CloudSim::Services::with_fault(Case& c, const FaultAction& fault) {
    using Kind = FaultAction::Kind;
    c.log.fault = fault.id;
    if (fault.delay_before_ms > 0) server->sleep_ms(fault.delay_before_ms);
    ApiError error{fault.status, fault.code, fault.message, {}, {}};
    if (fault.retry_after_seconds)
        error.headers.push_back({"Retry-After", std::to_string(*fault.retry_after_seconds)});
    Delivered delivered;
    if (fault.kind == Kind::Status) {
        delivered.answer = answered(c, error);
    } else if (fault.is_before()) {
        delivered.answer.status = 0;
    } else {
        Request again = fault.is_twice() ? c.request : Request();
        delivered.answer = apply_and_answer(c);
        if (fault.is_twice()) {
            c.log.applied_twice = true;
            c.request = std::move(again);
            Answer second = apply_and_answer(c);
            if (fault.kind == Kind::Twice) delivered.answer = std::move(second);
        }
        if (fault.kind == Kind::StatusAfter) delivered.answer = answered(c, error);
    }
    spoil(fault, delivered);
    return delivered;
}

void CloudSim::Services::finish(Case& c, Delivered& delivered) {
    Answer& answer = delivered.answer;
    answer.set("Date", http_time(world.clock.wall()));
    if (c.service == Service::S3) {
        answer.set("x-amz-request-id", c.request_id);
        answer.set("x-amz-id-2", c.request_id + "cloudsim");
        answer.set("Server", "AmazonS3");
    } else {
        answer.set("x-amzn-RequestId", c.request_id);
    }
    c.log.time = world.clock.now();
    c.log.service = name_of(c.service);
    c.log.operation = c.operation;
    c.log.bucket = c.place.bucket;
    c.log.key = c.place.key;
    c.log.region = c.claim ? c.claim->region : "";
    c.log.request_id = c.request_id;
    c.log.status = answer.status;
    c.log.code = answer.error_code;
    c.log.sent = answer.length();
    calls.add(std::move(c.log));
}

Delivered CloudSim::Services::handle(Request&& request) {
    if (InstanceMetadata::is_container(request)) return {metadata.handle_container(request), {}};
    if (request.path.starts_with(kAdminPrefix))
        return {admin.handle(request, server->counts()), {}};
    Case c{request, Service::S3, {}, {}, "", random_hex(8), std::nullopt, {}};
    c.log.connection = request.connection;
    c.log.received = request.body.size();
    Delivered delivered;
    if (InstanceMetadata::is_metadata(request)) {
        c.service = Service::Metadata;
        c.operation = request.method + " " + request.path;
    } else if (auto known = recognise(c); !known) {
        delivered.answer = answered(c, std::move(known).error());
        finish(c, delivered);
        return delivered;
    }
    const FaultTarget target{std::string(name_of(c.service)), c.operation, c.place.bucket,
                             c.place.key, c.claim ? c.claim->access_key_id : ""};
    const auto fault = faults.take(target, world.clock.monotonic_ns());
    if (c.service == Service::Metadata) {
        delivered = metadata.handle(request);
        if (fault) spoil(*fault, delivered);
    } else if (fault) {
        delivered = with_fault(c, *fault);
    } else {
        delivered.answer = apply_and_answer(c);
    }
    finish(c, delivered);
    return delivered;
}

CloudSim::CloudSim(std::unique_ptr<Services> services) : services_(std::move(services)) {}
CloudSim::~CloudSim() { services_->server.reset(); }

Result<std::unique_ptr<CloudSim>> CloudSim::start(CloudSimOptions options) {
    auto services = std::make_unique<Services>(options);
    PERDURE_TRY(services->load());
    ServerOptions server;
    server.host = options.host;
    server.port = options.port;
    server.most_connections = options.most_connections;
    Services* all = services.get();
    services->server = PERDURE_TRY(HttpServer::open(
        server, [all](Request&& request) { return all->handle(std::move(request)); }));
    return std::unique_ptr<CloudSim>(new CloudSim(std::move(services)));
}

std::uint16_t CloudSim::port() const { return services_->server->port(); }

std::string CloudSim::admin(const std::string& method, const std::string& what,
                            const std::string& body) {
    Request request;
    request.method = method;
    request.path = std::string(kAdminPrefix) + what;
    request.body = to_buffer(as_bytes(body));
    return services_->admin.handle(request, services_->server->counts()).text;
}

std::vector<LoggedCall> CloudSim::calls() const { return services_->calls.calls(); }
std::vector<std::string> CloudSim::unknown_calls() const { return services_->calls.unknown(); }

}  // namespace perdure::cloudsim
