#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "base/try.h"
#include "cli/command.h"
#include "cli/json.h"
#include "cli/record_json.h"
#include "cli/record_name.h"
#include "repo/block_reader.h"
#include "repo/record.h"

namespace perdure {

namespace {

using nlohmann::json;

/// A record that is stored in clear. Its signature was checked when the repository was opened,
/// where it counts.
Result<Buffer> load_clear(const Repository& repository, ObjectType type, const ObjectName& name,
                          std::stop_token stop) {
    const Buffer object = PERDURE_TRY(repository.store().load(name, ByteRange::all(), stop));
    auto opened = open_record({repository.id(), type, name.text()}, object,
                              [](const FrameHeader&) -> Result<Key256> {
                                  return Error(ErrorKind::Corrupt, "is sealed, and should not be");
                              });
    if (!opened) return std::move(opened).error().context(name.text());
    return std::move(opened->body);
}

Result<json> cat_epoch(const Repository& repository, const std::string& name,
                       std::stop_token stop) {
    if (name.empty()) return record_json::of(repository.epoch());
    const auto number = decimal_of(name);
    if (!number || *number == 0) return not_one(name, "a number from 1");
    const Buffer body = PERDURE_TRY(
        load_clear(repository, ObjectType::Epoch, names::epoch(EpochNumber{*number}), stop));
    const Epoch epoch = PERDURE_TRY(decode_epoch(body));
    return record_json::of(epoch);
}

Result<json> cat_slot(const Repository& repository, const std::string& name, std::stop_token stop) {
    const auto id = SlotId::from_hex(name);
    if (!id) return not_one(name, "a slot's id, as `perdure key list` shows it");
    const Buffer body =
        PERDURE_TRY(load_clear(repository, ObjectType::KeySlot, names::key_slot(*id), stop));
    const KeySlot slot = PERDURE_TRY(decode_key_slot(body));
    return record_json::of(slot);
}

Result<json> cat_enrolment(const Repository& repository, const std::string& name,
                           std::stop_token stop) {
    const auto number = decimal_of(name);
    if (!number) return not_one(name, "a writer's number");
    const EnrolmentList list = PERDURE_TRY(repository.enrolments(stop));
    const auto found = list.by_number.find(WriterNumber{*number});
    if (found == list.by_number.end())
        return Error(ErrorKind::NotFound, "there is no enrolment " + name);
    return record_json::of(found->second);
}

Result<json> cat_manifest(const Repository& repository, const std::string& name,
                          std::stop_token stop) {
    const BirthPack pack = PERDURE_TRY(pack_of(name));
    PackRegistry registry;
    PackCatalog catalog(repository, registry);
    const auto access = PERDURE_TRY(catalog.find(registry.number_of(pack), stop));
    const PackManifest manifest = PERDURE_TRY(load_manifest(repository, access->table, stop));
    return record_json::of(manifest);
}

Result<json> cat_block(const Repository& repository, const std::string& name, bool page,
                       std::stop_token stop) {
    const BirthAddress address = PERDURE_TRY(address_of(name));
    PackRegistry registry;
    PackCatalog catalog(repository, registry);
    const PackNumber pack = registry.number_of(address.pack);
    if (page) {
        BlockReader blocks(repository, catalog, 0);
        const auto content = PERDURE_TRY(blocks.read(pack, address.slot, stop));
        return record_json::of_page(*content, registry);
    }
    const auto access = PERDURE_TRY(catalog.find(pack, stop));
    for (const SlotEntry& slot : access->table.slots) {
        if (slot.birth != address) continue;
        const Buffer bytes = PERDURE_TRY(repository.store().load(
            access->table.name(), {slot.offset, kBlockHeaderSize + slot.sealed_length}, stop));
        const BlockHeader header = PERDURE_TRY(parse_block_header(bytes, true));
        json fields = record_json::of(header);
        fields["object"] = access->table.name().text();
        fields["offset"] = slot.offset;
        return fields;
    }
    return Error(ErrorKind::NotFound, "there is no block " + name);
}

Result<json> cat_record(const Repository& repository, const std::string& what,
                        const std::string& name, std::stop_token stop) {
    if (what == "config") return record_json::of(repository.config());
    if (what == "epoch") return cat_epoch(repository, name, stop);
    if (what == "slot") return cat_slot(repository, name, stop);
    if (what == "enrolment") return cat_enrolment(repository, name, stop);
    if (what == "manifest") return cat_manifest(repository, name, stop);
    if (what == "page" || what == "block") return cat_block(repository, name, what == "page", stop);
    const SessionName session = PERDURE_TRY(session_of(name));
    if (what == "log")
        return repository.load_log_entry(session, nullptr, stop).map([](const LogRecord& log) {
            return record_json::of(log);
        });
    if (what == "index") {
        const auto index = PERDURE_TRY(repository.load_index(session, std::nullopt, stop));
        return record_json::of(*index);
    }
    const Point point = PERDURE_TRY(repository.load_point(session, stop));
    if (what == "body")
        return repository.load_body(point, stop).map([](const PointBody& body) {
            return record_json::of(body);
        });
    json fields = record_json::of(point.header);
    fields["digest"] = point.digest.hex();
    return fields;
}

Result<void> run_cat(Context& context, const std::string& what, const std::string& name) {
    const bool content = what == "body" || what == "page";
    const auto opened = PERDURE_TRY(context.open(content ? Need::Owner : Need::AnyKey));
    json record = PERDURE_TRY(cat_record(*opened.repository, what, name, context.stop()));
    if (context.options.json)
        print_json("record", {{"record", what},
                              {"name", name.empty() ? json() : json(name)},
                              {"content", std::move(record)}});
    else
        fmt::print("{}\n", record.dump(2, ' ', false, json::error_handler_t::replace));
    return {};
}

}  // namespace

void add_cat_command(CLI::App& app, Context& context) {
    auto* command =
        app.add_subcommand("cat", "print a record of the repository as JSON, for debugging");
    auto what = std::make_shared<std::string>();
    auto name = std::make_shared<std::string>();
    command->add_option("what", *what, "which kind of record")
        ->required()
        ->check(CLI::IsMember({"config", "epoch", "slot", "enrolment", "log", "point", "body",
                               "index", "manifest", "page", "block"}));
    command->add_option("name", *name, "which one");
    command->footer(
        "config; epoch [N]; slot ID; enrolment W; log, point, body, index W-N;\n"
        "manifest W-N/PACK; page, block W-N/PACK/SLOT. Records name each other in these forms.");
    run_command(*command, context,
                [&context, what, name] { return run_cat(context, *what, *name); });
}

}  // namespace perdure
