// For tests that open the same few repositories some 10^5 times: libsodium's verification of a
// signature, its keys from a seed and its opening of a sealed box are pure functions, and half of
// the time. Linked into a test program, these take their place and remember what libsodium
// answered to the very same bytes.

#include <dlfcn.h>
#include <sodium.h>

#include <map>
#include <mutex>
#include <string>

#include "base/bytes.h"
#include "base/check.h"
#include "crypto/hash.h"

namespace perdure {
namespace {

using Verify = int(const unsigned char*, const unsigned char*, unsigned long long,
                   const unsigned char*);
using MakeKeys = int(unsigned char*, unsigned char*, const unsigned char*);
using Open = int(unsigned char*, const unsigned char*, unsigned long long, const unsigned char*,
                 const unsigned char*);

template <class Function>
Function* real(const char* name) {
    auto* found = reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
    PERDURE_CHECK(found != nullptr);
    return found;
}

/// Of all that a function was given: its parts with their lengths.
class Asked {
public:
    explicit Asked(char function) { text_ += function; }
    Asked& with(const unsigned char* bytes, unsigned long long length) {
        const std::uint64_t size = length;
        text_.append(reinterpret_cast<const char*>(&size), sizeof size);
        text_.append(reinterpret_cast<const char*>(bytes), length);
        return *this;
    }
    Digest digest() const { return digest_of(as_bytes(text_)); }

private:
    std::string text_;
};

struct Answer {
    int status = 0;
    std::string out;
};

class Memory {
public:
    /// `ask` fills in what libsodium answers.
    template <class Ask>
    Answer answer(const Digest& asked, Ask&& ask) {
        {
            const std::lock_guard lock(mutex_);
            if (const auto at = answers_.find(asked); at != answers_.end()) return at->second;
        }
        Answer answer = ask();
        const std::lock_guard lock(mutex_);
        if (answers_.size() >= kMost) answers_.clear();
        answers_.emplace(asked, answer);
        return answer;
    }

private:
    static constexpr std::size_t kMost = 200'000;
    std::mutex mutex_;
    std::map<Digest, Answer> answers_;
};

Memory& memory() {
    static Memory all;
    return all;
}

}  // namespace
}  // namespace perdure

using perdure::Answer;
using perdure::Asked;
using perdure::memory;

extern "C" int crypto_sign_verify_detached(const unsigned char* signature,
                                           const unsigned char* message, unsigned long long length,
                                           const unsigned char* key) {
    static auto* const verify = perdure::real<perdure::Verify>("crypto_sign_verify_detached");
    const auto asked = Asked('v')
                           .with(signature, crypto_sign_BYTES)
                           .with(message, length)
                           .with(key, crypto_sign_PUBLICKEYBYTES)
                           .digest();
    return memory()
        .answer(asked,
                [&] {
                    return Answer{verify(signature, message, length, key), {}};
                })
        .status;
}

extern "C" int crypto_sign_seed_keypair(unsigned char* public_key, unsigned char* secret_key,
                                        const unsigned char* seed) {
    static auto* const make = perdure::real<perdure::MakeKeys>("crypto_sign_seed_keypair");
    const auto asked = Asked('k').with(seed, crypto_sign_SEEDBYTES).digest();
    const Answer answer = memory().answer(asked, [&] {
        Answer made;
        made.status = make(public_key, secret_key, seed);
        made.out.assign(reinterpret_cast<char*>(public_key), crypto_sign_PUBLICKEYBYTES);
        made.out.append(reinterpret_cast<char*>(secret_key), crypto_sign_SECRETKEYBYTES);
        return made;
    });
    answer.out.copy(reinterpret_cast<char*>(public_key), crypto_sign_PUBLICKEYBYTES);
    answer.out.copy(reinterpret_cast<char*>(secret_key), crypto_sign_SECRETKEYBYTES,
                    crypto_sign_PUBLICKEYBYTES);
    return answer.status;
}

extern "C" int crypto_box_seal_open(unsigned char* message, const unsigned char* box,
                                    unsigned long long length, const unsigned char* public_key,
                                    const unsigned char* secret_key) {
    static auto* const open_box = perdure::real<perdure::Open>("crypto_box_seal_open");
    const auto asked = Asked('o')
                           .with(box, length)
                           .with(public_key, crypto_box_PUBLICKEYBYTES)
                           .with(secret_key, crypto_box_SECRETKEYBYTES)
                           .digest();
    const std::size_t size = length < crypto_box_SEALBYTES ? 0 : length - crypto_box_SEALBYTES;
    const Answer answer = memory().answer(asked, [&] {
        Answer opened;
        opened.status = open_box(message, box, length, public_key, secret_key);
        if (opened.status == 0) opened.out.assign(reinterpret_cast<char*>(message), size);
        return opened;
    });
    answer.out.copy(reinterpret_cast<char*>(message), size);
    return answer.status;
}
