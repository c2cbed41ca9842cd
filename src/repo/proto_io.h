// Between protobuf messages and buffers. Included by repo's .cc files only: protobuf stays out of
// headers.
#pragma once

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

template <class Message>
Result<Message> decode(ByteView bytes, const char* what) {
    Message message;
    if (!message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
        return Error(ErrorKind::Corrupt, std::string("not a ") + what + " record");
    return message;
}

inline std::string to_proto(ByteView bytes) { return std::string(as_text(bytes)); }
template <class Tag, std::size_t n>
std::string to_proto(const Id<Tag, n>& id) {
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
