#include "tests/bench/ours.h"

#include <signal.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"

namespace mneme::bench {
namespace {

constexpr size_t kChunkBytes = 4 << 20;
constexpr size_t kRowsPerStore = 8192;

client::Similarity ToClient(models::Similarity similarity) {
  switch (similarity) {
    case models::Similarity::kDot:
      return client::Similarity::kDot;
    case models::Similarity::kCosine:
      return client::Similarity::kCosine;
    case models::Similarity::kL2:
    case models::Similarity::kL1:
      return client::Similarity::kL2;
  }
  return client::Similarity::kL2;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const Context& context) {
  std::unique_ptr<Server> server(new Server(context));
  MNEME_RETURN_IF_ERROR(server->Run());
  return server;
}

absl::Status Server::Run() {
  daemon_ = test::Daemon::Mnemed(mnemed_, directory_.path(),
                                 {"--log.level=warning", "--engine.scan_threads=2"});
  if (daemon_->port() == 0) {
    return Unavailable(absl::StrCat(mnemed_, " did not start"),
                       {.reason = "DAEMON",
                        .given = mnemed_,
                        .expected = "a daemon that listens",
                        .next_step = "Build mnemed, or say where it is with --mnemed."});
  }
  stub_ = v1::MemoryService::NewStub(daemon_->Connect());
  client_ = std::make_unique<client::Client>(
      daemon_->Connect(), client::ClientOptions{.timeout = std::chrono::minutes(5)});
  return absl::OkStatus();
}

absl::Status Server::KillAndRestart() {
  daemon_->Stop(SIGKILL);
  return Run();
}

absl::Status MakeDense(client::Client& client, const std::string& name, size_t dim,
                       models::Similarity similarity) {
  client::MemorySpec spec;
  spec.name = name;
  spec.key_dim = static_cast<uint32_t>(dim);
  spec.model = client::DenseSpec{.similarity = ToClient(similarity)};
  return client.CreateMemory(spec).status();
}

absl::StatusOr<double> StoreAll(client::Client& client, const std::string& name, MatrixView rows,
                                uint64_t first_id) {
  const size_t step =
      std::clamp<size_t>(kChunkBytes / (rows.cols * sizeof(float)), 1, kRowsPerStore);
  std::vector<client::ItemId> ids;
  const client::ChunkSource chunks =
      [&](uint64_t sequence) -> absl::StatusOr<std::optional<client::StoreBatch>> {
    const size_t first = (sequence - 1) * step;
    if (first >= rows.rows) return std::nullopt;
    const size_t count = std::min(step, rows.rows - first);
    ids.clear();
    for (size_t i = 0; i < count; ++i) ids.emplace_back(first_id + first + i);
    return client::StoreBatch{
        .keys = {.data = rows.row(first).data(), .rows = count, .cols = rows.cols}, .ids = ids};
  };
  const double start = NowMicros();
  MNEME_RETURN_IF_ERROR(client.Load(name, chunks).status());
  return static_cast<double>(rows.rows) / (NowMicros() - start) * 1e6;
}

v1::Matrix ToWire(MatrixView rows) {
  v1::Matrix out;
  out.set_dtype(v1::DTYPE_FLOAT32);
  out.set_rows(static_cast<uint32_t>(rows.rows));
  out.set_cols(static_cast<uint32_t>(rows.cols));
  out.set_data(rows.data, rows.rows * rows.cols * sizeof(float));
  return out;
}

std::vector<v1::ListwiseQueryRequest> ListRequests(const std::string& name, MatrixView cues,
                                                   uint32_t k) {
  std::vector<v1::ListwiseQueryRequest> out(cues.rows);
  for (size_t i = 0; i < cues.rows; ++i) {
    out[i].set_memory("memories/" + name);
    out[i].set_k(k);
    *out[i].mutable_cues() = ToWire(cues.slice(i, 1));
  }
  return out;
}

std::vector<uint64_t> ItemsOf(const v1::CueList& list) {
  std::vector<uint64_t> out;
  for (const v1::ScoredItem& item : list.items()) out.push_back(item.id().number());
  return out;
}

absl::StatusOr<std::unique_ptr<InProcess>> InProcess::Make(const Dataset& dataset) {
  auto out = std::make_unique<InProcess>();
  const MatrixView rows = dataset.rows.view();
  MNEME_ASSIGN_OR_RETURN(
      out->model_,
      models::MakeModel(
          {.key_dim = rows.cols, .model = models::DenseSpec{.similarity = dataset.similarity}}));
  std::vector<ItemId> ids;
  std::vector<uint64_t> numbers;
  for (size_t first = 0; first < rows.rows; first += kRowsPerStore) {
    const size_t count = std::min(kRowsPerStore, rows.rows - first);
    ids.clear();
    numbers.clear();
    for (size_t i = 0; i < count; ++i) {
      ids.emplace_back(first + i);
      numbers.push_back(first + i);
    }
    MNEME_RETURN_IF_ERROR(out->model_->Absorb(
        {.keys = rows.slice(first, count), .ids = ids, .row_numbers = numbers}));
  }
  out->model_->Maintain();
  out->view_ = out->model_->Publish();
  return out;
}

absl::StatusOr<Lists> InProcess::Ask(MatrixView cues, size_t k) const {
  MNEME_ASSIGN_OR_RETURN(
      const std::unique_ptr<models::Query> query,
      view_->Begin({.cues = cues}, {.kind = models::QueryKind::kList, .top = k}));
  bool done = false;
  while (!done) {
    const std::unique_ptr<models::Partial> partial = query->Empty();
    query->Probe(0, query->parts(), *partial);
    MNEME_ASSIGN_OR_RETURN(done, query->Settle(*partial));
  }
  Lists out;
  for (const models::CueAnswer& answer : query->TakeAnswer().cues) {
    std::vector<uint64_t>& list = out.emplace_back();
    for (const models::ScoredItem& item : answer.top) list.push_back(item.row);
  }
  return out;
}

}  // namespace mneme::bench
