// The settings of -o for repositories in S3:
//   s3.region, s3.profile                  in place of AWS_REGION and AWS_PROFILE
//   s3.bucket-lookup                       auto, dns (the bucket in the host's name) or path
//   s3.connections, s3.attempts            parallel requests, and how often one is tried
//   s3.connect-timeout, s3.idle-timeout    seconds to connect, and without a byte either way
//   s3.timeout                             seconds of a call, in which its attempts begin
//   s3.storage-class                       of data packs: any class
//   s3.other-storage-class                 of all else: classes that are readable at once
//   s3.encryption, s3.kms-key              AES256, aws:kms or aws:kms:dsse, and its key
//   s3.acl                                 bucket-owner-full-control
//   s3.role-arn, s3.external-id, s3.role-session-name   a role to assume
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "net/aws_credentials.h"
#include "store/s3/s3_location.h"
#include "store/s3/s3_store.h"

namespace perdure {

struct S3Settings {
    std::string region, profile;
    BucketIn bucket_in = BucketIn::Auto;
    S3Storage storage;
    std::uint32_t attempts = 8;
    std::uint32_t connect_s = 10, idle_s = 30, call_s = 1800;
    std::optional<AwsRole> role;
};

/// InvalidInput, naming the setting, for one that is unknown or cannot be right.
Result<S3Settings> parse_s3_settings(const std::vector<std::string>& settings);

}  // namespace perdure
