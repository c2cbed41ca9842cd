#include "cloudsim/chunked_body.h"

#include <charconv>

#include "cloudsim/text.h"
#include "crypto/sha256.h"

namespace perdure::cloudsim {
namespace {

ApiError incomplete() {
    return {400, "IncompleteBody", "The request body terminated unexpectedly", {}, {}};
}
ApiError unsigned_chunk() {
    return {403, "SignatureDoesNotMatch", "The signature of a chunk does not match", {}, {}};
}

class Decoder {
public:
    Decoder(ByteView body, const SigningState* state)
        : rest_(as_text(body)), state_(state), last_(state != nullptr ? state->signature : "") {}

    ApiResult<DecodedBody> run(bool has_trailer) {
        DecodedBody decoded;
        while (true) {
            const std::size_t before = decoded.bytes.size();
            PERDURE_TRY(take_chunk(decoded.bytes));
            if (decoded.bytes.size() == before) break;
        }
        PERDURE_TRY(take_trailers(decoded, has_trailer));
        return decoded;
    }

private:
    std::optional<std::string_view> line() {
        const std::size_t end = rest_.find("\r\n");
        if (end == std::string_view::npos) return std::nullopt;
        const std::string_view found = rest_.substr(0, end);
        rest_.remove_prefix(end + 2);
        return found;
    }

    /// "400;chunk-signature=ab…", its bytes, and an empty line; the last has no bytes.
    ApiResult<void> take_chunk(Buffer& into) {
        const auto head = line();
        if (!head) return incomplete();
        std::uint64_t size = 0;
        const char* const head_end = head->data() + std::min(head->find(';'), head->size());
        const auto [end, failed] = std::from_chars(head->data(), head_end, size, 16);
        if (failed != std::errc() || end != head_end || size > rest_.size()) return incomplete();
        const std::string_view bytes = rest_.substr(0, size);
        rest_.remove_prefix(size);
        if (state_ != nullptr) PERDURE_TRY(check_chunk(*head, bytes));
        append(into, as_bytes(bytes));
        if (size == 0) return {};
        if (!rest_.starts_with("\r\n")) return incomplete();
        rest_.remove_prefix(2);
        return {};
    }

    ApiResult<void> check_chunk(std::string_view head, std::string_view bytes) {
        constexpr std::string_view kName = ";chunk-signature=";
        const std::size_t at = head.find(kName);
        if (at == std::string_view::npos) return unsigned_chunk();
        const std::string empty = sha256_of({}).hex();
        const std::string signature =
            sign("AWS4-HMAC-SHA256-PAYLOAD", empty + "\n" + sha256_of(as_bytes(bytes)).hex());
        if (head.substr(at + kName.size()) != signature) return unsigned_chunk();
        last_ = signature;
        return {};
    }

    std::string sign(std::string_view kind, const std::string& what) const {
        const std::string text = std::string(kind) + "\n" + state_->time + "\n" + state_->scope +
                                 "\n" + last_ + "\n" + what;
        return hmac_sha256(state_->key.reveal(), as_bytes(text)).hex();
    }

    ApiResult<void> take_trailers(DecodedBody& decoded, bool has_trailer) {
        std::string covered, signature;
        while (!rest_.empty()) {
            const auto next = line();
            if (!next) return incomplete();
            if (next->empty()) continue;
            const std::size_t colon = next->find(':');
            if (colon == std::string_view::npos) return incomplete();
            const std::string name = lower_case(next->substr(0, colon));
            const std::string value(trimmed(next->substr(colon + 1)));
            if (name == "x-amz-trailer-signature") {
                signature = value;
                continue;
            }
            covered += name + ":" + value + "\n";
            decoded.trailers.push_back({name, value});
        }
        if (state_ == nullptr || !has_trailer) return {};
        if (signature != sign("AWS4-HMAC-SHA256-TRAILER", sha256_of(as_bytes(covered)).hex()))
            return unsigned_chunk();
        return {};
    }

    std::string_view rest_;
    const SigningState* const state_;
    std::string last_;
};

}  // namespace

ApiResult<DecodedBody> decode_chunks(ByteView body, std::optional<std::uint64_t> decoded_length,
                                     const SigningState* state, bool has_trailer) {
    DecodedBody decoded = PERDURE_TRY(Decoder(body, state).run(has_trailer));
    if (decoded_length && decoded.bytes.size() != *decoded_length) return incomplete();
    return decoded;
}

}  // namespace perdure::cloudsim
