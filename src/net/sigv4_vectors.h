// Requests with the signatures that AWS publishes for them. For tests alone.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

#include "net/sigv4.h"

namespace perdure {

struct SigningVector {
    std::string_view name;
    std::string_view request;  // "GET /path?query", header lines, an empty line, the body
    std::string_view header_signature;
    std::string_view query_signature;
    SigningOptions options = {};
    std::string_view token = {};         // of the credentials
    std::string_view header_token = {};  // in the request before it is signed
};

constexpr std::string_view kNone;
constexpr std::string_view kShortToken =
    "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267";
constexpr std::string_view kLongToken =
    "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfI"
    "eoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0"
    "wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDry"
    "pNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==";

constexpr SigningOptions kDefaults;
// The suite also has paths that are not normalised and still encoded twice, which no service asks
// for. Those paths have no escapes, so encoding them once gives the same.
constexpr SigningOptions kUnnormalized{PathRule::EncodedOnce};
constexpr SigningOptions kBodyHashHeader{PathRule::NormalizedEncodedTwice, PayloadHash::Body, true};
constexpr SigningOptions kUnsignedBody{PathRule::NormalizedEncodedTwice, PayloadHash::Unsigned,
                                       true};
constexpr SigningOptions kTokenAfter{PathRule::NormalizedEncodedTwice, PayloadHash::Body, false,
                                     SessionTokenRule::AddedAfterSigning};

/// The signing test suite of AWS (version 4, 38 cases) and additions: host example.amazonaws.com,
/// key AKIDEXAMPLE, region us-east-1, service "service", 2015-08-30T12:36:00Z, presigned for an
/// hour. Four query signatures are botocore's, as the suite's were not at hand: those of
/// get-header-value-multiline, post-sts-header-before, get-vanilla-query-order-key and
/// -order-value.
constexpr SigningVector kSuiteVectors[] = {
    {"get-header-key-duplicate", "GET /\nMy-Header1:value2\nMy-Header1:value2\nMy-Header1:value1",
     "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea",
     "3349ee0b81b4b589da0ff28a395c3591e04de515651dd74f298fa992d1507a97"},
    {"get-header-value-multiline", "GET /\nMy-Header1:value1\n  value2\n     value3",
     "cfd34249e4b1c8d6b91ef74165d41a32e5fab3306300901bb65a51a73575eefd",
     "e6f5def831211aca02987a44b96826706278c7bc078112ae0263659c5b2f2d56"},
    {"get-header-value-order",
     "GET /\nMy-Header1:value4\nMy-Header1:value1\nMy-Header1:value3\nMy-Header1:value2",
     "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01",
     "313720e71ca6202fdcfa9b20f88de01a4eb0638a83c833b1c184359a4eda864e"},
    {"get-header-value-trim", "GET /\nMy-Header1: value1\nMy-Header2: \"a   b   c\"",
     "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
     "e7bb0fd515e125e1aec2ecc4c0c17484fb06f6846b927c35e46005dd3df3acd4"},
    {"get-relative-normalized", "GET /example/..",
     "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
     "e93c787ed7f371d5c6b165c1b38ede9550f4dce4144713e844b25b7192d3865d"},
    {"get-relative-relative-normalized", "GET /example1/example2/../..",
     "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
     "e93c787ed7f371d5c6b165c1b38ede9550f4dce4144713e844b25b7192d3865d"},
    {"get-relative-relative-unnormalized", "GET /example1/example2/../..",
     "dc33e0856fd4baca4d7aa2146c38958283844764f38c74252a333df5e613003b",
     "b45db0bfd1cf15003493b733e33aa208dd981bd0e63037a6ed953f71d2118a16", kUnnormalized},
    {"get-relative-unnormalized", "GET /example/..",
     "eca7ead57bb5aa5c8e28007acd4ff04e1ff9a0ff3b237ec1554a184887ff9282",
     "cbcb213b928a077e43275df47b500f1dfaa864ab3f5a18f6b95f4ff0938167ee", kUnnormalized},
    {"get-slash-dot-slash-normalized", "GET /./",
     "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
     "e93c787ed7f371d5c6b165c1b38ede9550f4dce4144713e844b25b7192d3865d"},
    {"get-slash-dot-slash-unnormalized", "GET /./",
     "68714168e6557f8f2de0ef956fc24dc2593a4bd2961f8df51898d8a134695145",
     "a9b13e8f3484d9505bf1a6f347219f8f35b0fe8f128ceea597efc146a3dfe90c", kUnnormalized},
    {"get-slash-normalized", "GET //",
     "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
     "e93c787ed7f371d5c6b165c1b38ede9550f4dce4144713e844b25b7192d3865d"},
    {"get-slash-pointless-dot-normalized", "GET /./example",
     "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5",
     "35034b1a0bdd969f346975386daf8aedfd4976573b8348cf4f67eaa41c5857de"},
    {"get-slash-pointless-dot-unnormalized", "GET /./example",
     "beb03f223f7deae4146464f06e29eebbee9c8afbe15c290cf07aa8b119e14cff",
     "72b11f16d9530b18204bfb71f2d6ab085894c0ed8d352730a6e76234c58b5e10", kUnnormalized},
    {"get-slash-unnormalized", "GET //",
     "c88bcd3d312d75078c0cd961d6deae3f4c754924b01669efcfcb439fd5e5b76e",
     "b2a9542809db687769200f56a844a03f2bd0291d6eb90232d5101c6a579446cd", kUnnormalized},
    {"get-slashes-normalized", "GET //example//",
     "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84",
     "c1834e8fb0307243711f0f907f6ab7311ed300d87f13792d7ee4da89ab93e082"},
    {"get-slashes-unnormalized", "GET //example//",
     "87cca117541a147f6df867677d98a7d80dff226d2bfca9e4ffa899665623c7e5",
     "822a5a9ba28072c5ab2bb4a6307d0c88276d40e49fec6b724c03fb4d4ba60fc2", kUnnormalized},
    {"get-space-normalized", "GET /example space/",
     "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741",
     "7a1f416954786484c9824d93c1f26ef64acb9b1b6c9154d08c9f07d0e394abf6"},
    {"get-space-unnormalized", "GET /example space/",
     "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741",
     "7a1f416954786484c9824d93c1f26ef64acb9b1b6c9154d08c9f07d0e394abf6", kUnnormalized},
    {"get-unreserved", "GET /-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
     "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
     "95968482db1b9e0fadef6efc1bd24689f77c77d9ef56919c96a28cc92e0d6005"},
    {"get-utf8", "GET /\xe1\x88\xb4",
     "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85",
     "10eae3f14a260bd3911cc6d008d3c576d143b05b62f09782a7a4b37f52178e44"},
    {"get-vanilla", "GET /", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
     "e93c787ed7f371d5c6b165c1b38ede9550f4dce4144713e844b25b7192d3865d"},
    {"get-vanilla-empty-query-key", "GET /?Param1=value1",
     "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb",
     "49096700cbbaa5753443850f40df10f904fc2fdb544dc9512203cc77c471a9de"},
    {"get-vanilla-query", "GET /",
     "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
     "e93c787ed7f371d5c6b165c1b38ede9550f4dce4144713e844b25b7192d3865d"},
    {"get-vanilla-query-order-encoded", "GET /?Param-3=Value3&Param=Value2&%E1%88%B4=Value1",
     "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac",
     "c5f1848ceec943ac2ca68ee720460c23aaae30a2300586597ada94c4a65e4787"},
    {"get-vanilla-query-order-key-case", "GET /?Param2=value2&Param1=value1",
     "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
     "86012e2c9ad4d77369f5d81c11f75158aae4f895a085212cc6d3f923d300bed5"},
    {"get-vanilla-query-unreserved",
     "GET /?-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz="
     "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
     "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197",
     "8e76a88a7433637b12778d5592799b29ad21ecd6cf6325051c21d86f0acda2bf"},
    {"get-vanilla-utf8-query", "GET /?\xe1\x88\xb4=bar",
     "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04",
     "0bdd809b1519ac4f0c1dc3540e2cc46bd0c7f778eda408b2ebf3b913d21ff600"},
    {"get-vanilla-with-session-token", "GET /",
     "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8",
     "7ff2b50b376cb4d151970630573d6291dc128cc5c2a12ffb237f73cc53f67b6c", kDefaults, kShortToken},
    {"post-header-key-case", "POST /",
     "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
     "2ce6e6d2e0cf2f9d1b55fafec88cd20574c31dc2e7631979f71ba2310083e95b"},
    {"post-header-key-sort", "POST /\nMy-Header1:value1",
     "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
     "c09d07e0d55871f10f2a6d350d994acf6825a3cae70673d7def55616e6119dd7"},
    {"post-header-value-case", "POST /\nMy-Header1:VALUE1",
     "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d",
     "0698bc9e4f7f9139065ba2909c0e99da257e8e2a42492a097bcd46d792391fed"},
    {"post-sts-header-after", "POST /",
     "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
     "2ce6e6d2e0cf2f9d1b55fafec88cd20574c31dc2e7631979f71ba2310083e95b", kTokenAfter, kLongToken},
    {"post-sts-header-before", "POST /",
     "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead",
     "46c2e3c63c1dbe7d39f8ada16fe7f001c1f56c5791441565323677f96308871c", kDefaults, kLongToken},
    {"post-vanilla", "POST /", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
     "2ce6e6d2e0cf2f9d1b55fafec88cd20574c31dc2e7631979f71ba2310083e95b"},
    {"post-vanilla-empty-query-value", "POST /?Param1=value1",
     "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11",
     "a9ef26247f293bffe40eeff86a0480ba8c14d31503b2e0c3399e3a16bf1a3682"},
    {"post-vanilla-query", "POST /?Param1=value1",
     "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11",
     "a9ef26247f293bffe40eeff86a0480ba8c14d31503b2e0c3399e3a16bf1a3682"},
    {"post-x-www-form-urlencoded",
     "POST /\nContent-Type:application/x-www-form-urlencoded\nContent-Length:13\n\nParam1=value1",
     "d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b",
     "c2348f57d08c84939944d6c878b3f7be56316f8e7fd6817e81eded279a362d69", kBodyHashHeader},
    {"post-x-www-form-urlencoded-parameters",
     "POST /\nContent-Type:application/x-www-form-urlencoded; charset=utf-8\n"
     "Content-Length:13\n\nParam1=value1",
     "328d1b9eaadca9f5818ef05e8392801e091653bafec24fcab71e7344e7f51422",
     "1b8d9ac4ab8553a224622753bae7714608a7c61f8994dbd385150e6da12114df", kBodyHashHeader},
    // Additions: of later and earlier states of the suite, and of the SDKs for Rust and Kotlin.
    {"post-unsigned-payload", "POST /\nContent-Length:13\n\nParam1=value1",
     "9fb60e8938d2178a7d63b49e055d1e65d8f6226f38846e8e0293bf43ce29050c",
     "d5b951b200c7f96f239466b3e1978083ccd08678d4aea2b0bebaa6b2cf3d8c13", kUnsignedBody},
    {"post-sts-header-before with the token in the request", "POST /",
     "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead",
     "aca67b49ed321f377645504bccbd5a65f9085c536ff1961bc49c835d30827b16", kDefaults, kNone,
     kLongToken},
    {"get-vanilla-query-order-key", "GET /?Param1=value2&Param1=Value1",
     "eedbc4e291e521cf13422ffca22be7d2eb8146eecf653089df300a15b2382bd1",
     "96b0a99b135f8ee6548552ab19cd75b54929fc58360aad2b949c7fde8aed3803"},
    {"get-vanilla-query-order-value", "GET /?Param1=value2&Param1=value1",
     "5772eed61e12b33fae39ee5e7012498b51d56abc0abb7c60486157bd471c4694",
     "7eeada500bcbbd9aac29eaf91a810c6ec56caafdfc367e83e111bc2050a23e95"},
    {"get-query-plus", "GET /?c+d",
     "ae684ce3aadc299e3ac7d9216fcc039c7edf40dea57cf5b3005821dd2f176654",
     "0eab864b028f58edbf5290cbe84acc5db34e5f92786a96fe01434e515f9342b8"},
    {"get-percent-encoded", "GET /foo/bar/baz%3Cqux%3Aquux",
     "64ee2b4fb5e80890c58f8ccc1221231f3e3a556ba0f9c485d32bb2742a74e8ac",
     "d1f120edc32fec5ee3797a82306977229dca6d3614e3c530897b87db9442533c"},
    {"get-percent-single-encoded", "GET /foo/bar/baz%3Cqux%3Aquux",
     "dad1caab96f91a79dbba9fa5b6381af14f5d1be97a92e0dc2210d64cf26ef9d0",
     "28d98975551533fb83f0f934855275c437e6e8cc4df41c64cb5353356a179476", kUnnormalized},
};

/// The examples of the S3 API reference: host examplebucket.s3.amazonaws.com, key
/// AKIAIOSFODNN7EXAMPLE, region us-east-1, 2013-05-24T00:00:00Z. Its presigned one is a test of its
/// own.
constexpr SigningVector kS3Vectors[] = {
    {"GET Object", "GET /test.txt\nRange:bytes=0-9",
     "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41", kNone, kS3Signing},
    {"PUT Object",
     "PUT /test%24file.text\nDate:Fri, 24 May 2013 00:00:00 GMT\n"
     "x-amz-storage-class:REDUCED_REDUNDANCY\n\nWelcome to Amazon S3.",
     "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd", kNone, kS3Signing},
    {"GET Bucket Lifecycle", "GET /?lifecycle",
     "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543", kNone, kS3Signing},
    {"GET Bucket (List Objects)", "GET /?max-keys=2&prefix=J",
     "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7", kNone, kS3Signing},
};

/// Newlines may stand within a header's value when a space follows; names and values of the query
/// are decoded as a server would.
inline HttpRequest request_of(const SigningVector& vector, std::string_view host) {
    HttpRequest request;
    request.url = {"https", std::string(host), 0, "", {}};
    std::string_view rest = vector.request;
    const auto take = [](std::string_view& text, std::string_view end) {
        const std::string_view taken = text.substr(0, text.find(end));
        text.remove_prefix(std::min(text.size(), taken.size() + end.size()));
        return taken;
    };
    std::string_view head = take(rest, "\n\n");
    request.body = as_bytes(rest);
    std::string_view line = take(head, "\n");
    request.method = take(line, " ");
    request.url.path = take(line, "?");
    while (!line.empty()) {
        std::string_view pair = take(line, "&");
        const std::string name = percent_decode(take(pair, "="));
        request.url.query.push_back({name, percent_decode(pair)});
    }
    while (!head.empty()) {
        line = take(head, "\n");
        if (line.front() == ' ') {
            request.headers.back().value.append("\n").append(line);
            continue;
        }
        const std::string_view name = take(line, ":");
        request.headers.push_back({std::string(name), std::string(line)});
    }
    if (!vector.header_token.empty())
        request.headers.push_back({"X-Amz-Security-Token", std::string(vector.header_token)});
    return request;
}

}  // namespace perdure
