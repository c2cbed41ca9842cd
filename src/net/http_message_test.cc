#include "net/http_message.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace perdure {
namespace {

std::string every_byte() {
    std::string text;
    for (int byte = 0; byte < 256; ++byte) text.push_back(static_cast<char>(byte));
    return text;
}

TEST(PercentEncode, KeepsTheUnreservedCharactersAlone) {
    constexpr std::string_view kUnreserved =
        "-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~";
    EXPECT_EQ(percent_encode(kUnreserved), kUnreserved);
    std::string kept;
    for (char c : every_byte())
        if (percent_encode({&c, 1}).size() == 1) kept.push_back(c);
    EXPECT_EQ(kept, kUnreserved);
}

TEST(PercentEncode, WritesUpperCaseDigitsAndSpaceAsAnEscape) {
    EXPECT_EQ(percent_encode("a b+c/d=\xc3\xbc"), "a%20b%2Bc%2Fd%3D%C3%BC");
    EXPECT_EQ(percent_encode_path("/a b+c/d"), "/a%20b%2Bc/d");
}

TEST(PercentDecode, UndoesEitherEncoding) {
    EXPECT_EQ(percent_decode(percent_encode(every_byte())), every_byte());
    EXPECT_EQ(percent_decode(percent_encode_path(every_byte())), every_byte());
}

TEST(PercentDecode, TakesLowerCaseDigitsAndLeavesWhatIsNoEscape) {
    EXPECT_EQ(percent_decode("%c3%BC+%"), "\xc3\xbc+%");
    EXPECT_EQ(percent_decode("100%zz%4"), "100%zz%4");
    EXPECT_EQ(percent_decode("%2%41"), "%2A");
}

TEST(PercentDecode, ReadsAnyBytesWithinTheirBounds) {
    SeededRandom random(1);
    for (int round = 0; round < 2000; ++round) {
        std::string text(random.below(20), '\0');
        for (char& c : text) c = "%2fFg/"[random.below(6)];
        EXPECT_LE(percent_decode(text).size(), text.size());
        EXPECT_EQ(percent_decode(percent_encode(text)), text);
    }
}

TEST(Url, HostHeaderHasAPortThatIsNotTheDefault) {
    Url url{"https", "s3.example", 0, "/", {}};
    EXPECT_EQ(url.host_header(), "s3.example");
    url.port = 443;
    EXPECT_EQ(url.host_header(), "s3.example");
    url.port = 80;
    EXPECT_EQ(url.host_header(), "s3.example:80");
    url.scheme = "http";
    EXPECT_EQ(url.host_header(), "s3.example");
    url.port = 443;
    EXPECT_EQ(url.host_header(), "s3.example:443");
}

TEST(Url, HostHeaderPutsAnIpv6AddressInBrackets) {
    Url url{"http", "fd00:ec2::254", 0, "/", {}};
    EXPECT_EQ(url.host_header(), "[fd00:ec2::254]");
    url.port = 8080;
    EXPECT_EQ(url.host_header(), "[fd00:ec2::254]:8080");
}

TEST(Url, TargetLeavesThePathAndEncodesTheQueryInItsOrder) {
    Url url{"https", "s3.example", 0, "", {}};
    EXPECT_EQ(url.target(), "/");
    url.path = "/a%20b//../c";
    EXPECT_EQ(url.target(), "/a%20b//../c");
    url.query = {{"uploads", ""}, {"prefix", "a b/c+d"}, {"a", "1"}};
    EXPECT_EQ(url.target(), "/a%20b//../c?uploads=&prefix=a%20b%2Fc%2Bd&a=1");
}

TEST(HttpHeader, NamesAreTheSameInEitherCase) {
    EXPECT_TRUE(same_header_name("X-Amz-Date", "x-amz-dATE"));
    EXPECT_FALSE(same_header_name("X-Amz-Date", "X-Amz-Dat"));
    EXPECT_FALSE(same_header_name("a@", "a`"));  // one bit apart, as letters are
}

TEST(Url, IsReadBackAsItIsWritten) {
    for (const char* text :
         {"http://127.0.0.1:8080/a%2Fb/c?x=1%202&y=", "https://host/", "https://[::1]:9000/x"}) {
        const auto url = Url::parse(text);
        ASSERT_TRUE(url) << text;
        EXPECT_EQ(url->scheme + "://" + url->host_header() + url->target(), text);
    }
    const auto bare = Url::parse("https://host?flag#part");
    ASSERT_TRUE(bare);
    EXPECT_EQ(bare->path, "");
    EXPECT_EQ(bare->target(), "/?flag=");
}

TEST(Url, WhatIsNoneIsNone) {
    for (const char* text :
         {"", "host", "ftp://host/", "http://", "http:///path", "http://host:0/", "http://host:x/",
          "http://host:99999/", "http://user:secret@host/", "http://[::1", "http://a b/"})
        EXPECT_FALSE(Url::parse(text)) << text;
}

}  // namespace
}  // namespace perdure
