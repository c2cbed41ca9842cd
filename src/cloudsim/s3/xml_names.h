// Names and documents of S3's XML.
#pragma once

#include <string_view>

namespace perdure::cloudsim {

constexpr std::string_view kS3Namespace = " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"";
constexpr const char* kDefaultEncryption =
    "<ServerSideEncryptionConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Rule>"
    "<ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm>"
    "</ApplyServerSideEncryptionByDefault><BucketKeyEnabled>false</BucketKeyEnabled></Rule>"
    "</ServerSideEncryptionConfiguration>";
constexpr const char* kDefaultPublicAccessBlock =
    "<PublicAccessBlockConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
    "<BlockPublicAcls>true</BlockPublicAcls><IgnorePublicAcls>true</IgnorePublicAcls>"
    "<BlockPublicPolicy>true</BlockPublicPolicy><RestrictPublicBuckets>true</RestrictPublicBuckets>"
    "</PublicAccessBlockConfiguration>";
constexpr const char* kDefaultOwnership =
    "<OwnershipControls xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Rule>"
    "<ObjectOwnership>BucketOwnerEnforced</ObjectOwnership></Rule></OwnershipControls>";

}  // namespace perdure::cloudsim
