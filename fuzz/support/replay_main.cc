// fuzz_NAME FOLDER [MUTATIONS]: runs every file of a corpus, and so many changes of each, through
// one target. What CI does without clang. The same inputs in every run. An input that ends the
// process, or takes longer than kMostSeconds, is printed in hex.
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "base/hex.h"
#include "support/fuzz.h"
#include "support/mutate.h"

#if defined(__SANITIZE_ADDRESS__)
extern "C" void __sanitizer_set_death_callback(void (*callback)());
// Memory is bounded: a parser that asks for more than this at once, or holds more than that, ends.
extern "C" const char* __asan_default_options();
extern "C" const char* __asan_default_options() {
    return "max_allocation_size_mb=256:hard_rss_limit_mb=2048:allocator_may_return_null=0";
}
#endif

namespace perdure::fuzz {
namespace {

constexpr unsigned kMostSeconds = 20;
constexpr std::size_t kMostBytes = 64U << 10;
constexpr unsigned long kMutations = 2000;

// Read where the process ends; plain so that a signal handler may.
ByteView running;

void print_running() {
    constexpr char kHead[] = "fuzz: the input was ";
    if (::write(STDERR_FILENO, kHead, sizeof kHead - 1) < 0) return;
    for (const std::byte byte : running) {
        const char* digits = "0123456789abcdef";
        const auto value = std::to_integer<unsigned>(byte);
        const char text[2] = {digits[value >> 4], digits[value & 15]};
        if (::write(STDERR_FILENO, text, 2) < 0) return;
    }
    if (::write(STDERR_FILENO, "\n", 1) < 0) return;
}

void on_signal(int signal) {
    print_running();
    std::signal(signal, SIG_DFL);
    std::raise(signal);
}

void watch() {
    std::signal(SIGABRT, on_signal);
    std::signal(SIGALRM, on_signal);
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_set_death_callback(print_running);
#endif
}

void run(ByteView input) {
    // A copy of exactly that size: the sanitizer sees a read behind its end.
    const Buffer exact = to_buffer(input);
    running = exact;
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(exact.data()), exact.size());
    running = {};
}

std::vector<Buffer> read_corpus(const std::filesystem::path& folder) {
    std::vector<std::filesystem::path> files;
    std::error_code missing;  // then there are no files
    for (const auto& file : std::filesystem::directory_iterator(folder, missing))
        files.push_back(file.path());
    std::sort(files.begin(), files.end());
    std::vector<Buffer> inputs;
    for (const auto& file : files) {
        std::ifstream in(file, std::ios::binary);
        const std::string text{std::istreambuf_iterator<char>(in), {}};
        inputs.push_back(to_buffer(as_bytes(text)));
    }
    return inputs;
}

int replay(const char* folder, unsigned long mutations) {
    const std::vector<Buffer> corpus = read_corpus(folder);
    if (corpus.empty()) {
        std::fprintf(stderr, "fuzz: there is no corpus in %s\n", folder);
        return 2;
    }
    watch();
    unsigned long inputs = 0;
    for (std::size_t seed = 0; seed < corpus.size(); ++seed) {
        SeededRandom random(seed + 1);
        ::alarm(kMostSeconds);
        run(corpus[seed]);
        for (unsigned long i = 0; i < mutations; ++i) {
            if (i % 64 == 0) ::alarm(kMostSeconds);
            const Buffer& other = corpus[random.below(corpus.size())];
            run(mutate(corpus[seed], other, kMostBytes, random));
        }
        inputs += 1 + mutations;
    }
    ::alarm(0);
    std::printf("COUNT fuzz_targets 1\nCOUNT fuzz_inputs %lu\n", inputs);
    return 0;
}

}  // namespace
}  // namespace perdure::fuzz

int main(int count, char** words) {
    if (count < 2 || count > 3) {
        std::fprintf(stderr, "usage: %s FOLDER [MUTATIONS]\n", words[0]);
        return 2;
    }
    const unsigned long mutations =
        count == 3 ? std::strtoul(words[2], nullptr, 10) : perdure::fuzz::kMutations;
    return perdure::fuzz::replay(words[1], mutations);
}
