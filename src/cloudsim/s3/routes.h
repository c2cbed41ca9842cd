// The table of S3's operations.
#pragma once

#include "cloudsim/s3/s3.h"

namespace perdure::cloudsim {

struct S3Route {
    enum class Level { Service, Bucket, Object };
    const char* operation;
    const char* method;
    Level level;
    std::string_view subresource;  // a name in the query; "": none
    bool copies;                   // with x-amz-copy-source
    S3Operation run;
};

const S3Route* find_s3_route(const Request& request, const S3Place& place);

}  // namespace perdure::cloudsim
