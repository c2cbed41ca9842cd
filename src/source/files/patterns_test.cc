#include "source/files/patterns.h"

#include <gtest/gtest.h>

#include <string>

namespace perdure {
namespace {

struct Row {
    const char* pattern;
    const char* path;
    bool excluded;
};

const Row kRows[] = {
    // absolute: that path alone
    {"/a/b", "/a/b", true},
    {"/a/b", "/x/a/b", false},
    {"/a", "/a/b", false},
    {"/a/", "/a", true},
    {"//a/./b//", "/a/b", true},
    // relative: at every depth, ending at the entry
    {"b", "/b", true},
    {"b", "/a/b", true},
    {"b", "/a/bb", false},
    {"a/b", "/a/b", true},
    {"a/b", "/x/y/a/b", true},
    {"a/b", "/a/x/b", false},
    {"a/b", "/a/b/c", false},
    {"b/", "/a/b", true},
    {"./b", "/a/b", true},
    // case, dots, bytes
    {"B", "/a/b", false},
    {".*", "/a/.git", true},
    {"*", "/a/.git", true},
    {"\xff*", "/a/\xff\xfe", true},
    {"a\nb", "/a\nb", true},
    // * within a component
    {"*.o", "/src/x.o", true},
    {"*.o", "/src/.o", true},
    {"*.o", "/src/x.obj", false},
    {"a*b*c", "/aXXbYYc", true},
    {"a*b*c", "/abcabc", true},
    {"a*b*c", "/abcab", false},
    {"*a", "/bab", false},
    {"/a*c", "/a/c", false},
    {"/*/c", "/a/c", true},
    {"/*/c", "/a/b/c", false},
    {"a**c", "/abbc", true},
    {"***", "/x", true},
    // ? is one character
    {"a?c", "/abc", true},
    {"a?c", "/ac", false},
    {"a?c", "/a/c", false},
    {"a?c",
     "/a\xc3\xa9"
     "c",
     true},
    {"a??c",
     "/a\xc3\xa9"
     "c",
     false},
    {"a?c",
     "/a\xc3"
     "c",
     true},
    {"?", "/\xf0\x9f\x98\x80", true},
    {"*?", "/\xc3\xa9", true},
    // sets
    {"[abc]x", "/bx", true},
    {"[abc]x", "/dx", false},
    {"[a-c]x", "/bx", true},
    {"[^a-c]x", "/bx", false},
    {"[^a-c]x", "/dx", true},
    {"[!a-c]x", "/dx", true},
    {"[]]", "/]", true},
    {"[^]]", "/]", false},
    {"[a-]", "/-", true},
    {"[\\]a]", "/]", true},
    {"[\\-a]", "/-", true},
    {"[\xc3\xa0-\xc3\xaf]", "/\xc3\xa9", true},
    {"*[^\xc3\xa9]", "/\xc3\xa9", false},
    {"x[0-9][0-9]", "/x42", true},
    {"x[0-9][0-9]", "/x4", false},
    // escapes
    {"\\*", "/*", true},
    {"\\*", "/a", false},
    {"\\!a", "/!a", true},
    {"a\\?*", "/a?b", true},
    {"a\\?*", "/axb", false},
    {"\\\\", "/\\", true},
    // ** is any number of components
    {"/a/**/b", "/a/b", true},
    {"/a/**/b", "/a/x/b", true},
    {"/a/**/b", "/a/x/y/z/b", true},
    {"/a/**/b", "/x/a/b", false},
    {"/a/**", "/a", true},
    {"/a/**", "/a/b/c", true},
    {"/a/**", "/ab", false},
    {"**/b", "/a/x/b", true},
    {"/**/b", "/b", true},
    {"/a/**/b/**/c", "/a/b/c", true},
    {"/a/**/b/**/c", "/a/1/b/2/b/3/c", true},
    {"/a/**/b/**/c", "/a/1/c/2/b", false},
    {"/a/**/*.o", "/a/b/c.o", true},
    {"**", "/anything", true},
    // the root of everything is never excluded
    {"**", "/", false},
    {"*", "/", false},
};

TEST(Patterns, EachRowMatchesAsDocumented) {
    for (const auto& row : kRows) {
        auto patterns = Patterns::parse({row.pattern});
        ASSERT_TRUE(patterns) << row.pattern << ": " << patterns.error().describe();
        EXPECT_EQ(patterns->exclude(row.path), row.excluded) << row.pattern << " on " << row.path;
    }
}

TEST(Patterns, TheLastMatchDecides) {
    const auto patterns = Patterns::parse({"*.log", "!keep.log", "/tmp/keep.log"}).value();
    EXPECT_TRUE(patterns.exclude("/a/x.log"));
    EXPECT_FALSE(patterns.exclude("/a/keep.log"));
    EXPECT_TRUE(patterns.exclude("/tmp/keep.log"));
    EXPECT_FALSE(patterns.exclude("/a/x.txt"));
}

TEST(Patterns, NegationAloneExcludesNothing) {
    EXPECT_FALSE(Patterns::parse({"!a"}).value().exclude("/a"));
}

TEST(Patterns, MalformedOnesAreInvalidInput) {
    for (const char* bad :
         {"", "!", "[a", "[]", "[^]", "a/[b/c]", "x\\", "../a", "/a/../b", ".", "/"}) {
        auto patterns = Patterns::parse({bad});
        ASSERT_FALSE(patterns) << bad;
        EXPECT_EQ(patterns.error().kind(), ErrorKind::InvalidInput) << bad;
    }
}

TEST(Patterns, ManyStarsAreNotExponential) {
    std::string pattern;
    std::string path;
    for (int i = 0; i < 40; ++i) {
        pattern += "**/a*a*a*a*a*b/";
        path += "/" + std::string(200, 'a');
    }
    EXPECT_FALSE(Patterns::parse({pattern}).value().exclude(path));
    EXPECT_FALSE(Patterns::parse({"**/x" + pattern + "**/a*"}).value().exclude(path));
}

}  // namespace
}  // namespace perdure
