// Between protobuf messages and buffers. Included by repo's .cc files only: protobuf stays out of
// headers.
#pragma once

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/stubs/logging.h>
#include <google/protobuf/wire_format_lite.h>

#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "perdure.pb.h"
#include "repo/ids.h"

namespace perdure {

template <class Message>
Buffer encode(const Message& message) {
    Buffer bytes(message.ByteSizeLong());
    message.SerializeToArray(bytes.data(), static_cast<int>(bytes.size()));
    return bytes;
}

/// What is wrong with a record is for its reader to say: the library would write to standard error.
inline void keep_protobuf_silent() {
    static const bool silent = (google::protobuf::SetLogHandler(nullptr), true);
    static_cast<void>(silent);
}

template <class Message>
Result<Message> decode(ByteView bytes, const char* what) {
    keep_protobuf_silent();
    Message message;
    if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
        return Error(ErrorKind::Corrupt, std::string("not a ") + what + " record");
    return message;
}

/// Calls `on_field(number, whole field, its value)` for each field of a message, in order; the
/// value is empty where it is a number. For messages too large to be taken apart at once.
template <class OnField>
Result<void> for_each_field(ByteView message, const char* what, OnField&& on_field) {
    using google::protobuf::internal::WireFormatLite;
    const auto* begin = reinterpret_cast<const std::uint8_t*>(message.data());
    google::protobuf::io::CodedInputStream in(begin, static_cast<int>(message.size()));
    for (;;) {
        const auto at = static_cast<std::size_t>(in.CurrentPosition());
        const std::uint32_t tag = in.ReadTag();
        if (tag == 0 && at == message.size()) return {};
        std::uint32_t length = 0;
        ByteView value;
        bool whole = tag != 0;
        if (whole &&
            WireFormatLite::GetTagWireType(tag) == WireFormatLite::WIRETYPE_LENGTH_DELIMITED) {
            whole = in.ReadVarint32(&length);
            const auto from = static_cast<std::size_t>(in.CurrentPosition());
            whole = whole && length <= message.size() - from && in.Skip(static_cast<int>(length));
            if (whole) value = message.subspan(from, length);
        } else if (whole) {
            whole = WireFormatLite::SkipField(&in, tag);
        }
        if (!whole) return Error(ErrorKind::Corrupt, std::string("not a ") + what + " record");
        const auto end = static_cast<std::size_t>(in.CurrentPosition());
        auto done =
            on_field(WireFormatLite::GetTagFieldNumber(tag), message.subspan(at, end - at), value);
        if (!done) return done;
    }
}

inline std::string to_proto(ByteView bytes) { return std::string(as_text(bytes)); }
template <class Tag, std::size_t kSize>
std::string to_proto(const Id<Tag, kSize>& id) {
    return std::string(as_text(id.view()));
}

template <class IdType>
Result<IdType> id_from(const std::string& field, const char* what) {
    const auto id = IdType::from_bytes(as_bytes(field));
    if (!id) return Error(ErrorKind::Corrupt, std::string(what) + " has a wrong length");
    return *id;
}

inline void to_proto(const BirthPack& pack, v1::BirthPack* out) {
    out->set_writer(number(pack.session.writer));
    out->set_session(number(pack.session.session));
    out->set_pack(to_proto(pack.pack));
}
inline Result<BirthPack> from_proto(const v1::BirthPack& in) {
    auto id = id_from<PackId>(in.pack(), "pack id");
    if (!id) return std::move(id).error();
    return BirthPack{{WriterNumber{in.writer()}, SessionNumber{in.session()}}, *id};
}

}  // namespace perdure
