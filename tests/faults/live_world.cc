#include "tests/faults/live_world.h"

#include <poll.h>

#include <fstream>
#include <thread>
#include <utility>

namespace mneme::test {
namespace {

using google::longrunning::Operation;
using google::longrunning::Operations;
using v1::AdminService;

constexpr uint64_t kHeldMax = 24;
constexpr int kFixedRows = 2'000;
constexpr int kPollMillis = 1;
constexpr char kFixed[] = "fixed";

std::vector<float> FixedKeys() { return UnitRows(77, kFixedRows, kLiveKeyDim); }

v1::Durability LevelOf(Random& random) {
  constexpr v1::Durability kLevels[] = {v1::DURABILITY_DISK, v1::DURABILITY_DISK, v1::DURABILITY_OS,
                                        v1::DURABILITY_MEMORY};
  return kLevels[random.Below(std::size(kLevels))];
}

// Waits for a job; its error is the call's.
grpc::Status Await(Operations::Stub& operations, Operation operation) {
  while (!operation.done()) {
    google::longrunning::WaitOperationRequest request;
    request.set_name(operation.name());
    const grpc::Status status =
        CallLive(operations, &Operations::Stub::WaitOperation, request, &operation);
    if (!status.ok()) return status;
  }
  if (!operation.has_error()) return grpc::Status::OK;
  return grpc::Status(static_cast<grpc::StatusCode>(operation.error().code()),
                      operation.error().message(), operation.error().SerializeAsString());
}

}  // namespace

bool Facts::Observe(const std::string& fact, const std::string& value) {
  const bool possible = values_[fact].contains(value);
  values_[fact] = {value};
  return possible;
}

LiveWorld::LiveWorld(uint64_t schedule, Tally& tally) : schedule_(schedule), tally_(tally) {
  for (const LiveKind& kind : LiveKinds()) {
    memories_.push_back(std::make_unique<LiveMemory>(kind, schedule, tally));
    facts_.Known(std::string("memory ") + kind.name, "there");
  }
  facts_.Known(std::string("memory ") + kFixed, "there");
  facts_.Known("alias live", "");
  facts_.Known("frozen", "no");
}

bool LiveWorld::Start(const std::string& fail_points) {
  std::vector<std::string> flags = {"--log.level=warning", "--data.disk_bytes_reserve=16M"};
  if (!fail_points.empty()) flags.push_back("--debug.fail_points=" + fail_points);
  daemon_.reset();  // kill -9, if it still runs
  daemon_ = Daemon::Mnemed(MNEMED_PATH, directory_.path(), std::move(flags));
  exit_code_ = 0;
  return daemon_->port() != 0;
}

std::string LiveWorld::LastWords() const {
  std::ifstream log(directory_.path() + "/log");
  std::string last;
  for (std::string line; std::getline(log, line);) last = line;
  return last.empty() ? "it said nothing" : last;
}

void LiveWorld::MakeMemories() {
  const auto stub = v1::MemoryService::NewStub(daemon_->Connect());
  v1::CreateMemoryRequest create;
  v1::Memory memory;
  for (const LiveKind& kind : LiveKinds()) {
    create.set_memory_id(kind.name);
    *create.mutable_memory() = kind.spec();
    const grpc::Status status = CallLive(*stub, &Stub::CreateMemory, create, &memory);
    if (!status.ok()) Report(Finding::kWrong, "CreateMemory: " + status.error_message());
  }
  create.set_memory_id(kFixed);
  *create.mutable_memory() = LiveKinds()[0].spec();
  grpc::Status status = CallLive(*stub, &Stub::CreateMemory, create, &memory);
  v1::StoreRequest store;
  store.set_memory(std::string("memories/") + kFixed);
  SetMatrix(FixedKeys(), kLiveKeyDim, store.mutable_keys());
  for (int row = 0; row < kFixedRows; ++row)
    store.add_ids()->set_number(static_cast<uint64_t>(row));
  v1::StoreResponse stored;
  if (status.ok()) status = CallLive(*stub, &Stub::Store, store, &stored);
  if (!status.ok()) Report(Finding::kWrong, "the fixed memory: " + status.error_message());
}

void LiveWorld::Run(const Load& load) {
  ending_ = false;
  died_by_itself_ = false;
  const uint64_t before = acknowledged_.load();
  std::vector<std::thread> clients;
  std::vector<std::atomic<bool>> done(memories_.size() + 1);
  std::atomic<size_t> working{memories_.size() + 1};
  for (size_t i = 0; i < memories_.size(); ++i) {
    clients.emplace_back([&, i] {
      const auto stub = v1::MemoryService::NewStub(daemon_->Connect());
      LiveMemory& memory = *memories_[i];
      if (memory.kind().name == std::string("stream")) {
        Stream(*stub, memory, done[i]);
      } else {
        WriteItems(*stub, memory, Random(load.seed, i + 1), done[i]);
      }
      done[i] = true;  // all that it could
      --working;
    });
  }
  clients.emplace_back([&] {
    Administrate(daemon_->Connect(), done.back());
    done.back() = true;
    --working;
  });
  const auto enough = [&] {
    if (acknowledged_.load() < before + load.acknowledged) return false;
    for (const std::atomic<bool>& each : done) {
      if (load.all_kinds && !each) return false;
    }
    return true;
  };
  while (!enough() && working > 0 && daemon_->running()) poll(nullptr, 0, kPollMillis);
  died_by_itself_ = !daemon_->running();
  ending_ = load.end_by != SIGKILL;
  if (!died_by_itself_) exit_code_ = daemon_->Stop(load.end_by);
  ending_ = true;
  for (std::thread& client : clients) client.join();
}

void LiveWorld::WriteItems(Stub& stub, LiveMemory& memory, Random random,
                           std::atomic<bool>& done_all) {
  const LiveKind& kind = memory.kind();
  const bool stores_only = kind.batches_max > 0 || kind.ttl_ms > 0;
  for (uint64_t sent = 0; !ending_; ++sent) {
    const std::map<uint64_t, uint64_t> held = memory.held();
    uint64_t dice = random.Below(100);
    if (held.empty() || stores_only) dice = 0;
    if (held.size() > kHeldMax && !stores_only) dice = 85 + random.Below(15);
    if (!kind.keeps_items && dice >= 60 && dice < 85) dice = 0;
    const v1::Durability level = LevelOf(random);
    auto victim = held.begin();
    if (!held.empty()) std::advance(victim, random.Below(held.size()));
    LiveWrite* write = nullptr;
    if (dice < 60) {
      write = &memory.Next(LiveWrite::Kind::kStore, memory.NewBatch(), false, level);
    } else if (dice < 85) {
      write = &memory.Next(LiveWrite::Kind::kStore, victim->first, true, level);
      if (dice < 70 && !ReplaceByEtag(stub, memory, *write)) return memory.Refused(*write);
    } else {
      const bool by_filter = kind.keeps_items && dice >= 95;
      write = &memory.Next(by_filter ? LiveWrite::Kind::kDeleteByFilter : LiveWrite::Kind::kDelete,
                           victim->first, false, level);
      write->stored_by = victim->second;
    }
    const grpc::Status status = memory.Send(stub, *write);
    if (!status.ok() && EndOf(status) != Ended::kNotDone) return;
    if (status.ok()) ++acknowledged_;
    if (kind.ttl_ms > 0 && sent == 8 && !WaitForExpiry(stub)) return;
    if (sent >= 12) done_all = true;
  }
}

// Asks that the batch be replaced as it is now, and not otherwise. False when it cannot be read.
bool LiveWorld::ReplaceByEtag(Stub& stub, LiveMemory& memory, LiveWrite& write) {
  for (int row = 0; row < memory.kind().rows; ++row) {
    v1::GetItemRequest get;
    get.set_memory(memory.name());
    get.mutable_id()->set_number(write.batch * kIdsPerLiveBatch + static_cast<uint64_t>(row));
    v1::Item item;
    const grpc::Status status = CallLive(stub, &Stub::GetItem, get, &item);
    if (EndOf(status) == Ended::kWrong) {
      memory.Report(Finding::kLost, "an item that was acknowledged: " + status.error_message());
    }
    if (!status.ok()) return false;
    write.etags.push_back(item.etag());
  }
  return true;
}

bool LiveWorld::WaitForExpiry(Stub& stub) {
  v1::GetMemoryRequest get;
  get.set_name("memories/brief");
  v1::Memory memory;
  while (!ending_ && memory.state().expired_count() == 0) {
    if (!CallLive(stub, &Stub::GetMemory, get, &memory).ok()) return false;
    poll(nullptr, 0, kPollMillis);
  }
  return true;
}

// Chunks on their way at once: each is looked for after a kill.
constexpr uint32_t kStreamAhead = 16;

// One session for the whole of a memory's life: it goes on where what is in effect ends.
void LiveWorld::Stream(Stub& stub, LiveMemory& memory, std::atomic<bool>& done_all) {
  grpc::ClientContext context;
  auto stream = stub.StoreStream(&context);
  v1::StoreStreamRequest open;
  open.mutable_open()->set_memory(memory.name());
  open.mutable_open()->set_session_id("load");
  v1::StoreStreamResponse response;
  if (!stream->Write(open) || !stream->Read(&response)) {
    context.TryCancel();
    stream->Finish();
    return;
  }
  if (response.opened().last_sequence() != memory.last()) {
    memory.Report(Finding::kWrong, "the stream goes on after " +
                                       std::to_string(response.opened().last_sequence()) +
                                       ", in effect are " + std::to_string(memory.last()));
  }
  const uint32_t window = std::clamp(response.opened().window(), 1u, kStreamAhead);
  std::map<uint64_t, LiveWrite*> sent;
  uint64_t acks = 0;
  for (bool well = true; well && !ending_;) {
    while (well && sent.size() < window) {
      LiveWrite& write =
          memory.Next(LiveWrite::Kind::kStore, memory.last() + 1, false, v1::DURABILITY_DISK);
      v1::StoreStreamRequest request;
      request.mutable_chunk()->set_sequence(write.number);
      v1::StoreRequest& store = *request.mutable_chunk()->mutable_store();
      store = memory.StoreOf(write);
      store.clear_memory();
      store.clear_request_id();
      store.clear_durability();
      sent[write.number] = &write;
      well = stream->Write(request);
    }
    if (!(well = stream->Read(&response))) break;
    const v1::StoreStreamAck& ack = response.ack();
    if (sent.empty() || ack.sequence() != sent.begin()->first) {
      memory.Report(Finding::kWrong,
                    "chunk " + std::to_string(ack.sequence()) + " acknowledged out of turn");
      break;
    }
    memory.Acknowledged(*sent.begin()->second, ack.response().position(),
                        ack.response().durability());
    sent.erase(sent.begin());
    ++acknowledged_;
    done_all = ++acks >= 24;
  }
  context.TryCancel();
  stream->Finish();
}

// Aliases, freezing, memories that come and go, copies, backups: one change after another. Each is
// a fact with two possible values until it is answered.
void LiveWorld::Administrate(const std::shared_ptr<grpc::Channel>& channel,
                             std::atomic<bool>& done_all) {
  const auto memories = v1::MemoryService::NewStub(channel);
  const auto admin = AdminService::NewStub(channel);
  const auto operations = Operations::NewStub(channel);
  const std::string fixed = std::string("memories/") + kFixed;
  // False when the load is over.
  const auto change = [&](const std::string& fact, const std::string& value,
                          const std::function<grpc::Status()>& call) {
    if (ending_) return false;
    facts_.Sent(fact, value);
    const grpc::Status status = call();
    if (status.ok()) facts_.Known(fact, value);
    if (status.ok()) ++acknowledged_;
    if (EndOf(status) == Ended::kWrong && !ending_)
      Report(Finding::kWrong, fact + " to '" + value + "': " + status.error_message());
    return status.ok();
  };
  const auto erase = [&](const std::string& name) {
    return change("memory " + name, "gone", [&] {
      v1::DeleteMemoryRequest drop;
      drop.set_name("memories/" + name);
      drop.set_allow_missing(true);
      google::protobuf::Empty nothing;
      return CallLive(*memories, &Stub::DeleteMemory, drop, &nothing);
    });
  };
  const auto job = [&](const std::string& fact, const std::string& value, auto method,
                       const auto& request) {
    return change(fact, value, [&] {
      Operation operation;
      const grpc::Status status = CallLive(*admin, method, request, &operation);
      return status.ok() ? Await(*operations, std::move(operation)) : status;
    });
  };
  // What an earlier life left behind goes first.
  for (const auto& [fact, values] : std::map(facts_.all())) {
    const std::string name = fact.starts_with("memory x-") ? fact.substr(7) : "";
    if (!name.empty() && values.contains("there") && !erase(name)) return;
  }
  while (!ending_) {
    const std::string number = std::to_string(++cycle_);
    const std::string target = cycle_ % 2 == 0 ? "memories/dense" : "memories/ridge";
    if (!change("alias live", target, [&] {
          v1::SetAliasRequest set;
          set.mutable_alias()->set_name("memories/live");
          set.mutable_alias()->set_memory(target);
          v1::Alias alias;
          return CallLive(*admin, &AdminService::Stub::SetAlias, set, &alias);
        })) {
      return;
    }
    const std::string frozen = cycle_ % 2 == 0 ? "no" : "yes";
    if (!change("frozen", frozen, [&] {
          v1::UpdateMemoryRequest update;
          update.mutable_memory()->set_name(fixed);
          update.mutable_memory()->set_frozen(frozen == "yes");
          update.mutable_update_mask()->add_paths("frozen");
          v1::Memory memory;
          return CallLive(*memories, &Stub::UpdateMemory, update, &memory);
        })) {
      return;
    }
    const std::string made = "x-made-" + number;
    if (!change("memory " + made, "there",
                [&] {
                  v1::CreateMemoryRequest create;
                  create.set_memory_id(made);
                  *create.mutable_memory() = LiveKinds()[0].spec();
                  v1::Memory memory;
                  return CallLive(*memories, &Stub::CreateMemory, create, &memory);
                }) ||
        !erase(made)) {
      return;
    }
    v1::CloneMemoryRequest clone;
    clone.set_source(fixed);
    clone.set_memory_id("x-clone-" + number);
    if (!job("memory x-clone-" + number, "there", &AdminService::Stub::CloneMemory, clone)) return;
    if (!erase("x-clone-" + number)) return;
    if (cycle_ % 4 == 1) {
      if (!job("backups", "made", &AdminService::Stub::CreateBackup, v1::CreateBackupRequest()))
        return;
      v1::ListBackupsResponse backups;
      if (!CallLive(*admin, &AdminService::Stub::ListBackups, v1::ListBackupsRequest(), &backups)
               .ok())
        return;
      if (backups.backups_size() == 0) {
        Report(Finding::kLost, "a backup that was made is not listed");
        return;
      }
      v1::RestoreBackupRequest restore;
      restore.set_name(backups.backups(0).name());
      restore.add_memories(fixed);
      restore.set_memory_id("x-restored-" + number);
      if (!job("memory x-restored-" + number, "there", &AdminService::Stub::RestoreBackup, restore))
        return;
      if (!erase("x-restored-" + number)) return;
    }
    if (cycle_ % 4 == 1) done_all = true;
  }
}

void LiveWorld::Check() {
  const auto stub = v1::MemoryService::NewStub(daemon_->Connect());
  for (const std::unique_ptr<LiveMemory>& memory : memories_) memory->Check(*stub);
  CheckFacts();
}

void LiveWorld::CheckFacts() {
  const auto channel = daemon_->Connect();
  const auto stub = v1::MemoryService::NewStub(channel);
  const auto admin = AdminService::NewStub(channel);
  v1::ListMemoriesRequest list;
  list.set_page_size(1'000);
  v1::ListMemoriesResponse memories;
  v1::ListAliasesResponse aliases;
  grpc::Status status = CallLive(*stub, &Stub::ListMemories, list, &memories);
  if (status.ok()) {
    status = CallLive(*admin, &AdminService::Stub::ListAliases, v1::ListAliasesRequest(), &aliases);
  }
  if (!status.ok()) return Report(Finding::kLost, "the catalogue: " + status.error_message());
  std::set<std::string> there;
  for (const v1::Memory& memory : memories.memories()) {
    const std::string name = memory.name().substr(sizeof("memories/") - 1);
    there.insert(name);
    if (!facts_.Observe("memory " + name, "there"))
      Report(Finding::kGhost, "memory '" + name + "' is there");
    if (memory.state().health() != v1::HEALTH_SERVING)
      Report(Finding::kLost,
             "memory '" + name + "' does not serve: " + memory.state().health_reason());
    if (name == kFixed && !facts_.Observe("frozen", memory.frozen() ? "yes" : "no"))
      Report(Finding::kLost, "whether the memory is frozen is not as acknowledged");
    const bool copy = name.starts_with("x-clone") || name.starts_with("x-restored");
    if (copy || name == kFixed) CheckFixed(*stub, memory.name());
  }
  for (const auto& [fact, values] : std::map(facts_.all())) {
    if (!fact.starts_with("memory ") || there.contains(fact.substr(7))) continue;
    if (!facts_.Observe(fact, "gone")) Report(Finding::kLost, fact + " is gone");
  }
  const std::string live = aliases.aliases_size() == 0 ? "" : aliases.aliases(0).memory();
  if (!facts_.Observe("alias live", live))
    Report(Finding::kLost, "the alias stands for '" + live + "'");
}

void LiveWorld::CheckFixed(Stub& stub, const std::string& memory) {
  const std::vector<float> keys = FixedKeys();
  v1::RetrieveRequest retrieve;
  retrieve.set_memory(memory);
  SetMatrix({keys.end() - 8 * kLiveKeyDim, keys.end()}, kLiveKeyDim, retrieve.mutable_cues());
  retrieve.set_top(1);
  v1::RetrieveResponse recalled;
  const grpc::Status status = CallLive(stub, &Stub::Retrieve, retrieve, &recalled);
  if (!status.ok()) return Report(Finding::kLost, memory + ": " + status.error_message());
  for (int i = 0; i < recalled.results_size(); ++i) {
    const auto& top = recalled.results(i).top();
    if (top.size() != 1 || top[0].id().number() != static_cast<uint64_t>(kFixedRows - 8 + i))
      Report(Finding::kWrong, memory + " finds another item than its key's");
  }
  v1::GetMemoryRequest get;
  get.set_name(memory);
  v1::Memory described;
  if (!CallLive(stub, &Stub::GetMemory, get, &described).ok() ||
      described.state().item_count() != kFixedRows) {
    Report(Finding::kLost, memory + " holds " + std::to_string(described.state().item_count()) +
                               " items of " + std::to_string(kFixedRows));
  }
}

}  // namespace mneme::test
