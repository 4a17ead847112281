// An AdminService that records what it is asked and answers from plain fields; and the stream of
// Stores, as a small server would carry it out.
//
// Threads: thread-safe; the fields are set before the first call.
#ifndef MNEME_TESTS_UNIT_CLIENT_FAKE_ADMIN_H_
#define MNEME_TESTS_UNIT_CLIENT_FAKE_ADMIN_H_

#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "grpcpp/grpcpp.h"
#include "mneme/v1/admin_service.grpc.pb.h"
#include "mneme/v1/memory_service.pb.h"

namespace mneme::client::testing {

// In fake_server.h.
grpc::Status MakeRichStatus(grpc::StatusCode code, const std::string& message,
                            const std::string& reason,
                            std::optional<std::chrono::milliseconds> retry_after);

class FakeAdmin final : public v1::AdminService::Service {
 public:
  grpc::Status SetAlias(grpc::ServerContext*, const v1::SetAliasRequest* request,
                        v1::Alias* response) override {
    const std::lock_guard lock(mutex_);
    const auto it = aliases_.find(request->alias().name());
    if (!request->expected_memory().empty() &&
        (it == aliases_.end() || it->second != request->expected_memory())) {
      return {grpc::StatusCode::ABORTED, "the alias stands for another memory"};
    }
    aliases_[request->alias().name()] = request->alias().memory();
    *response = request->alias();
    return grpc::Status::OK;
  }

  grpc::Status DeleteAlias(grpc::ServerContext*, const v1::DeleteAliasRequest* request,
                           google::protobuf::Empty*) override {
    const std::lock_guard lock(mutex_);
    if (aliases_.erase(request->name()) > 0 || request->allow_missing()) return grpc::Status::OK;
    return {grpc::StatusCode::NOT_FOUND, "there is no such alias"};
  }

  // One a page.
  grpc::Status ListAliases(grpc::ServerContext*, const v1::ListAliasesRequest* request,
                           v1::ListAliasesResponse* response) override {
    const std::lock_guard lock(mutex_);
    auto it = aliases_.upper_bound(request->page_token());
    if (it == aliases_.end()) return grpc::Status::OK;
    v1::Alias* alias = response->add_aliases();
    alias->set_name(it->first);
    alias->set_memory(it->second);
    if (std::next(it) != aliases_.end()) response->set_next_page_token(it->first);
    return grpc::Status::OK;
  }

  grpc::Status GetMemoryUsage(grpc::ServerContext*, const v1::GetMemoryUsageRequest* request,
                              v1::MemoryUsage* response) override {
    *response = usage;
    response->set_name(request->name());
    return grpc::Status::OK;
  }

  grpc::Status CloneMemory(grpc::ServerContext*, const v1::CloneMemoryRequest* request,
                           google::longrunning::Operation* response) override {
    const std::lock_guard lock(mutex_);
    clones_.push_back(*request);
    response->set_name("operations/9");
    return grpc::Status::OK;
  }

  grpc::Status ExportSketch(grpc::ServerContext*, const v1::ExportSketchRequest*,
                            v1::ExportSketchResponse* response) override {
    response->set_sketch("bytes of sums");
    response->set_item_count(12);
    return grpc::Status::OK;
  }

  grpc::Status MergeSketch(grpc::ServerContext*, const v1::MergeSketchRequest* request,
                           v1::MergeSketchResponse* response) override {
    const std::lock_guard lock(mutex_);
    merges_.push_back(*request);
    response->set_merged(12);
    response->set_item_count(1'012);
    return grpc::Status::OK;
  }

  grpc::Status CalibrateIndex(grpc::ServerContext*, const v1::CalibrateIndexRequest* request,
                              google::longrunning::Operation* response) override {
    v1::AdminMetadata metadata;
    metadata.set_kind("index");
    metadata.set_subject(request->memory());
    metadata.set_phase("calibrate");
    response->set_name("operations/9");
    response->mutable_metadata()->PackFrom(metadata);
    return grpc::Status::OK;
  }

  grpc::Status CreateBackup(grpc::ServerContext*, const v1::CreateBackupRequest* request,
                            google::longrunning::Operation* response) override {
    v1::AdminMetadata metadata;
    metadata.set_kind("backup");
    metadata.set_subject(request->description());
    metadata.set_phase("copying");
    response->set_name("operations/9");
    response->mutable_metadata()->PackFrom(metadata);
    return grpc::Status::OK;
  }

  grpc::Status GetBackup(grpc::ServerContext*, const v1::GetBackupRequest* request,
                         v1::Backup* response) override {
    *response = backup;
    response->set_name(request->name());
    return grpc::Status::OK;
  }

  grpc::Status ListBackups(grpc::ServerContext*, const v1::ListBackupsRequest*,
                           v1::ListBackupsResponse* response) override {
    *response->add_backups() = backup;
    return grpc::Status::OK;
  }

  grpc::Status RestoreBackup(grpc::ServerContext*, const v1::RestoreBackupRequest* request,
                             google::longrunning::Operation* response) override {
    const std::lock_guard lock(mutex_);
    restores_.push_back(*request);
    response->set_name("operations/9");
    return grpc::Status::OK;
  }

  grpc::Status Analyze(grpc::ServerContext*, const v1::AnalyzeRequest* request,
                       google::longrunning::Operation* response) override {
    const std::lock_guard lock(mutex_);
    analyses_.push_back(*request);
    response->set_name("operations/7");
    return grpc::Status::OK;
  }

  grpc::Status WatchAnalysis(grpc::ServerContext*, const v1::WatchAnalysisRequest*,
                             grpc::ServerWriter<v1::AnalysisSample>* writer) override {
    for (const v1::AnalysisSample& sample : samples) writer->Write(sample);
    return grpc::Status::OK;
  }

  std::vector<v1::AnalyzeRequest> analyses() const {
    const std::lock_guard lock(mutex_);
    return analyses_;
  }
  std::vector<v1::MergeSketchRequest> merges() const {
    const std::lock_guard lock(mutex_);
    return merges_;
  }
  std::vector<v1::CloneMemoryRequest> clones() const {
    const std::lock_guard lock(mutex_);
    return clones_;
  }
  std::vector<v1::RestoreBackupRequest> restores() const {
    const std::lock_guard lock(mutex_);
    return restores_;
  }

  v1::MemoryUsage usage;
  std::vector<v1::AnalysisSample> samples;
  v1::Backup backup;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::string> aliases_;
  std::vector<v1::AnalyzeRequest> analyses_;
  std::vector<v1::MergeSketchRequest> merges_;
  std::vector<v1::CloneMemoryRequest> clones_;
  std::vector<v1::RestoreBackupRequest> restores_;
};

// Chunks of sessions, each carried out once.
class FakeLoads {
 public:
  using Stream = grpc::ServerReaderWriter<v1::StoreStreamResponse, v1::StoreStreamRequest>;

  // Breaks the connection after so many chunks were carried out in it, once each, without the ack
  // of the last.
  std::vector<uint64_t> break_after;
  // A chunk that is refused.
  uint64_t refuse_sequence = 0;
  bool skip_acks = false;  // acks name the wrong chunk
  uint32_t window = 2;
  uint64_t silent_after = 0;  // if > 0: after so many chunks of a connection nothing is taken

  grpc::Status Run(Stream& stream) {
    v1::StoreStreamRequest request;
    if (!stream.Read(&request) || !request.has_open()) {
      return {grpc::StatusCode::INVALID_ARGUMENT, "open first"};
    }
    const std::string session = request.open().session_id();
    v1::StoreStreamResponse response;
    {
      const std::lock_guard lock(mutex_);
      ++connections_;
      response.mutable_opened()->set_last_sequence(rows_[session].size());
    }
    response.mutable_opened()->set_window(window);
    stream.Write(response);
    for (uint64_t here = 1; stream.Read(&request);) {
      v1::StoreStreamResponse answer;
      grpc::Status status;
      if (silent_after > 0 && here > silent_after) continue;
      if (request.has_chunk()) {
        status = Take(session, request.chunk(), here++, *answer.mutable_ack());
        if (status.ok()) stream.Write(answer);
      }
      for (const v1::StoreStreamChunk& chunk : request.chunks().chunks()) {
        v1::StoreStreamAck ack;
        status = Take(session, chunk, here++, ack);
        if (!status.ok()) break;
        *answer.mutable_acks()->add_acks() = ack;
      }
      if (answer.has_acks()) stream.Write(answer);
      if (!status.ok()) return status;
    }
    return grpc::Status::OK;
  }

  // First key number of each chunk of a session, in order.
  std::vector<float> Chunks(const std::string& session) {
    const std::lock_guard lock(mutex_);
    return rows_[session];
  }
  int connections() {
    const std::lock_guard lock(mutex_);
    return connections_;
  }

 private:
  // The `here`th chunk of a connection.
  grpc::Status Take(const std::string& session, const v1::StoreStreamChunk& chunk, uint64_t here,
                    v1::StoreStreamAck& ack) {
    if (chunk.sequence() == refuse_sequence) {
      return {grpc::StatusCode::INVALID_ARGUMENT, "row 0 has NaN"};
    }
    if (WasAnother(session, chunk)) {
      return MakeRichStatus(grpc::StatusCode::INVALID_ARGUMENT, "used before with another body",
                            "REQUEST_ID_REUSED", {});
    }
    CarryOut(session, chunk, ack);
    if (Breaks(here)) return {grpc::StatusCode::UNAVAILABLE, "connection lost"};
    return grpc::Status::OK;
  }

  static float FirstNumber(const v1::StoreStreamChunk& chunk) {
    return *reinterpret_cast<const float*>(chunk.store().keys().data().data());
  }
  bool WasAnother(const std::string& session, const v1::StoreStreamChunk& chunk) {
    const std::lock_guard lock(mutex_);
    const std::vector<float>& done = rows_[session];
    if (chunk.sequence() > done.size()) return false;
    return done[chunk.sequence() - 1] != FirstNumber(chunk) ||
           digests_[session][chunk.sequence() - 1] != chunk.digest();
  }

  void CarryOut(const std::string& session, const v1::StoreStreamChunk& chunk,
                v1::StoreStreamAck& ack) {
    const std::lock_guard lock(mutex_);
    std::vector<float>& done = rows_[session];
    ack.set_sequence(chunk.sequence() + (skip_acks ? 1 : 0));
    v1::StoreResponse* response = ack.mutable_response();
    response->set_replayed(chunk.sequence() <= done.size());
    if (!response->replayed()) {
      done.push_back(FirstNumber(chunk));
      digests_[session].push_back(chunk.digest());
    }
    response->set_stored(chunk.store().keys().rows());
    response->set_position(chunk.sequence());
    response->set_item_count(done.size());
    response->set_durability(v1::DURABILITY_DISK);
  }

  bool Breaks(uint64_t here) {
    const std::lock_guard lock(mutex_);
    if (break_after.empty() || break_after.front() != here) return false;
    break_after.erase(break_after.begin());
    return true;
  }

  std::mutex mutex_;
  std::map<std::string, std::vector<float>> rows_;
  std::map<std::string, std::vector<uint64_t>> digests_;
  int connections_ = 0;
};

}  // namespace mneme::client::testing

#endif  // MNEME_TESTS_UNIT_CLIENT_FAKE_ADMIN_H_
