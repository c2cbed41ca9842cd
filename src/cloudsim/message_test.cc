#include "cloudsim/message.h"

#include <gtest/gtest.h>

#include "base/hex.h"
#include "cloudsim/digests.h"
#include "cloudsim/http_connection.h"
#include "cloudsim/text.h"

namespace perdure::cloudsim {
namespace {

TEST(Head, IsReadAsItWasSent) {
    const auto request =
        parse_head("PUT /a%20b//c?x=1%2B+2&uploads&=v HTTP/1.1\r\nHost: h:1\r\nX-A:  v \r\nx-a: w");
    ASSERT_TRUE(request);
    EXPECT_EQ(request->method, "PUT");
    EXPECT_EQ(request->path, "/a%20b//c");
    EXPECT_EQ(request->parameter("x"), "1++2");
    EXPECT_EQ(request->parameter("uploads"), "");
    EXPECT_FALSE(request->parameter("none"));
    EXPECT_EQ(request->header("x-A"), "v");
    EXPECT_EQ(request->headers.size(), 3u);
}

TEST(Head, AProxysTargetLosesItsOrigin) {
    EXPECT_EQ(parse_head("GET http://bucket.s3.amazonaws.com/k HTTP/1.1")->path, "/k");
    EXPECT_EQ(parse_head("GET http://bucket.s3.amazonaws.com HTTP/1.1")->path, "/");
}

TEST(Head, WhatCouldBeReadInTwoWaysIsNoRequest) {
    for (const char* head : {"", "GET", "GET /", "GET / HTTP/2", "GET  HTTP/1.1", "GET x HTTP/1.1",
                             "G@T / HTTP/1.1", "GET / HTTP/1.1\r\nNoColon",
                             "GET / HTTP/1.1\r\nSpace : v", "GET / HTTP/1.1\r\nA: b\nC: d",
                             "GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2",
                             "GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked",
                             "GET / HTTP/1.1\r\nHost: a\r\nHost: b", "GET /\x01 HTTP/1.1"})
        EXPECT_FALSE(parse_head(head)) << head;
}

TEST(Form, PlusIsASpace) {
    const auto form = parse_form("Action=A&x=1+2%2B&&y");
    ASSERT_EQ(form.size(), 3u);
    EXPECT_EQ(form[1].value, "1 2+");
    EXPECT_EQ(form[2].name, "y");
}

TEST(BodyPlan, ReservesWhatWillBeRead) {
    Request request;
    EXPECT_EQ(plan_body(request, 100)->reserved, 0u);
    request.headers = {{"Content-Length", "100"}};
    EXPECT_EQ(plan_body(request, 100)->reserved, 100u);
    EXPECT_FALSE(plan_body(request, 99));
    request.headers = {{"Content-Length", "-1"}};
    EXPECT_FALSE(plan_body(request, 100));
    request.headers = {{"Transfer-Encoding", "chunked"}};
    EXPECT_TRUE(plan_body(request, 100)->chunked);
    request.headers = {{"Transfer-Encoding", "gzip"}};
    EXPECT_FALSE(plan_body(request, 100));
}

TEST(Digests, GiveThePublishedCheckValues) {
    const ByteView text = as_bytes("123456789");
    EXPECT_EQ(to_hex(checksum_of(Checksum::Crc32, text)), "cbf43926");
    EXPECT_EQ(to_hex(checksum_of(Checksum::Crc32c, text)), "e3069283");
    EXPECT_EQ(to_hex(checksum_of(Checksum::Crc64Nvme, text)), "ae8b14860a799888");
    EXPECT_EQ(to_hex(checksum_of(Checksum::Sha1, text)),
              "f7c3bc1d808e04732adf679965ccc34ca7ae3441");
    EXPECT_EQ(to_hex(md5_of(text)), "25f9e794323b453885f5181f1b624d0b");
}

TEST(Base64, OnlyItsCanonicalFormIsRead) {
    for (const char* text : {"", "a", "ab", "abc", "abcd"})
        EXPECT_EQ(as_text(from_base64(to_base64(as_bytes(text))).value()), text);
    for (const char* text : {"a", "ab=c", "YQ=", "YR==", "Y Q=", "===="})
        EXPECT_FALSE(from_base64(text)) << text;
}

TEST(Times, AreWrittenAndReadAsAwsDoes) {
    const Time time{1'440'938'160'000'000'000};
    EXPECT_EQ(iso_time(time), "2015-08-30T12:36:00.000Z");
    EXPECT_EQ(http_time(time), "Sun, 30 Aug 2015 12:36:00 GMT");
    EXPECT_EQ(parse_iso_time("2015-08-30T12:36:00.123Z"), time);
    EXPECT_EQ(parse_iso_time("2015-08-30T12:36:00Z"), time);
    EXPECT_EQ(parse_http_time("Sun, 30 Aug 2015 12:36:00 GMT"), time);
    EXPECT_TRUE(parse_iso_time("2015-08-30"));
    for (const char* text :
         {"", "2015", "2015-08-30T12:36:00+02:00", "2015-13-30", "2015-08-30T12:36:00Zx"})
        EXPECT_FALSE(parse_iso_time(text)) << text;
}

}  // namespace
}  // namespace perdure::cloudsim
