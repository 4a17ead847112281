#include "tests/faults/machine.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "core/storage/rocksdb_storage.h"

namespace mneme::test {
namespace {

constexpr uint64_t kRowsMin = 1;
constexpr uint64_t kRowsMax = 8;
constexpr size_t kItemsPerPage = 1000;

}  // namespace

const std::vector<MemoryKind>& MemoryKinds() {
  static const auto* const kinds = new std::vector<MemoryKind>{
      {"dense", {.key_dim = kKeyDim, .model = models::DenseSpec{.beta = 20}}},
      {"cmm",
       {.key_dim = kKeyDim,
        .response_dim = kResponseDim,
        .model = models::LinearSpec{.rule = models::LinearRule::kCmm}}},
      {"ridge",
       {.key_dim = kKeyDim,
        .response_dim = kResponseDim,
        .model = models::LinearSpec{.rule = models::LinearRule::kRidge}}},
      {"auto",
       {.key_dim = kKeyDim, .model = models::DenseSpec{}},
       /*repeatable=*/false}};
  return *kinds;
}

Batch::Batch(uint64_t batch_number) : number(batch_number) {
  Random random(batch_number, /*stream=*/77);
  const uint64_t rows = kRowsMin + random.Below(kRowsMax - kRowsMin + 1);
  keys = Matrix(rows, kKeyDim);
  for (size_t i = 0; i < rows; ++i) random.FillUnit(keys.row(i));
  if (kind().associates()) {
    responses = Matrix(rows, kResponseDim);
    for (size_t i = 0; i < rows; ++i) random.FillUnit(responses.row(i));
  }
  for (size_t i = 0; i < rows; ++i) {
    payloads.push_back(
        absl::StrCat("batch ", number, " row ", i, " ",
                     std::string(random.Below(4) == 0 ? random.Below(3'000) : 0, '.')));
  }
}

std::vector<ItemId> Batch::ids() const {
  std::vector<ItemId> out;
  for (size_t i = 0; i < keys.rows(); ++i) out.emplace_back(number * kIdsPerBatch + i);
  return out;
}

engine::StoreCommand Batch::Store(engine::Sync sync) const {
  engine::StoreCommand command{.memory = kind().name,
                               .keys = keys.view(),
                               .responses = responses.view(),
                               .ids = ids(),
                               .request_id = absl::StrCat("store-", number),
                               .body_hash = number,
                               .sync = sync};
  for (const std::string& payload : payloads) command.payloads.push_back({.payload = payload});
  return command;
}

engine::DeleteCommand Batch::Delete(engine::Sync sync) const {
  return {.memory = kind().name,
          .ids = ids(),
          .request_id = absl::StrCat("delete-", number),
          .body_hash = number,
          .sync = sync};
}

std::string Batch::Difference(const engine::ItemRecord& item, uint64_t row) const {
  if (row >= keys.rows()) return "a row too many";
  const auto key = keys.row(row);
  if (!std::equal(key.begin(), key.end(), item.key.begin(), item.key.end())) return "key differs";
  const auto response = responses.empty() ? std::span<const float>() : responses.row(row);
  if (!std::equal(response.begin(), response.end(), item.response.begin(), item.response.end())) {
    return "response differs";
  }
  if (item.payload.payload != payloads[row]) return "payload differs";
  return item.weight == 1 ? "" : "weight differs";
}

std::string ReasonOf(const absl::Status& status) {
  const std::optional<ErrorDetail> detail = GetErrorDetail(status);
  return detail.has_value() ? detail->reason : "";
}

Machine::Machine(const DiskImage& image, uint64_t memory_bytes)
    : files_(std::make_shared<FaultFileSystem>(image)),
      env_(rocksdb::NewCompositeEnv(files_)),
      memory_bytes_(memory_bytes) {}

Machine::~Machine() = default;

absl::Status Machine::Start() {
  auto storage = storage::OpenRocksDbStorage(
      {.directory = "/data", .memory_bytes_max = memory_bytes_, .log_bytes_max = memory_bytes_},
      env_.get());
  if (!storage.ok()) return storage.status();
  auto engine = engine::Engine::Open(*std::move(storage), clock_,
                                     {.scan_threads = 1,
                                      .scan_nice = 0,
                                      .read_threads = 1,
                                      .on_fatal = [this](const absl::Status&) { ++fatal_calls_; }});
  if (engine.ok()) engine_ = *std::move(engine);
  return engine.status();
}

absl::Status Machine::CreateMemories() {
  for (const MemoryKind& kind : MemoryKinds()) {
    const absl::Status status =
        Ask<engine::MemoryInfo>(
            [&](auto done) { engine_->CreateMemory({.name = kind.name, .spec = kind.spec}, done); })
            .get()
            .status();
    if (!status.ok() && !absl::IsAlreadyExists(status)) return status;
  }
  return absl::OkStatus();
}

absl::Status Machine::Stop() {
  const absl::Status status = engine_->Close();
  engine_.reset();
  return status;
}

DiskImage Machine::LosePower(Random& random) {
  DiskImage image = files_->CutPower(random);
  engine_.reset();
  return image;
}

std::future<absl::StatusOr<engine::WriteReply>> Machine::Store(const Batch& batch,
                                                               engine::Sync sync) {
  return Ask<engine::WriteReply>([&](auto done) { engine_->Store(batch.Store(sync), done); });
}

std::future<absl::StatusOr<engine::WriteReply>> Machine::Delete(const Batch& batch,
                                                                engine::Sync sync) {
  return Ask<engine::WriteReply>(
      [&](auto done) { engine_->DeleteItems(batch.Delete(sync), done); });
}

absl::StatusOr<std::vector<engine::ItemRecord>> Machine::ListItems(const std::string& memory) {
  std::vector<engine::ItemRecord> out;
  engine::ListItemsCommand command{
      .memory = memory, .page_size = kItemsPerPage, .vectors = true, .payloads = true};
  while (true) {
    absl::StatusOr<engine::ItemPage> page =
        Ask<engine::ItemPage>([&](auto done) { engine_->ListItems(command, done); }).get();
    if (!page.ok()) return page.status();
    for (engine::ItemRecord& item : page->items) out.push_back(std::move(item));
    if (!page->next_row.has_value()) return out;
    command.first_row = *page->next_row;
  }
}

absl::StatusOr<engine::ItemRecord> Machine::GetItem(const std::string& memory, const ItemId& id) {
  return Ask<engine::ItemRecord>([&](auto done) { engine_->GetItem(memory, id, done); }).get();
}

absl::StatusOr<engine::QueryReply> Machine::Retrieve(const std::string& memory, MatrixView cues,
                                                     size_t top) {
  return Ask<engine::QueryReply>([&](auto done) {
           engine_->Query({.memory = memory, .cues = {.cues = cues}, .spec = {.top = top}}, done);
         })
      .get();
}

}  // namespace mneme::test
