// The binary index: rows as bit codes, candidates by Hamming distance. See binary_code.h,
// code_store.h and binary_scan.h for its three parts.
//
// A scan of 256 bits reads a thirteenth of what the float rows of 100 numbers hold. Which share of
// the right answers is among the candidates is measured, never assumed (calibration.h).
#ifndef MNEME_CORE_MODELS_INDEX_BINARY_INDEX_H_
#define MNEME_CORE_MODELS_INDEX_BINARY_INDEX_H_

#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "core/models/index/binary_code.h"
#include "core/models/index/binary_scan.h"
#include "core/models/index/candidate_index.h"
#include "core/models/index/code_store.h"

namespace mneme::models {

// Distances are in bits. Lists are exact: the nearest codes by (bits, row number).
class BinaryView final : public CandidateView {
 public:
  BinaryView(std::shared_ptr<const BinaryCode> code, CodeView codes, const ScanOptions& options)
      : code_(std::move(code)), codes_(std::move(codes)), options_(options) {}

  size_t key_dim() const override { return code_->key_dim(); }
  size_t live_rows() const override { return codes_.live_rows(); }
  uint64_t bytes() const override { return codes_.bytes() + code_->bytes(); }
  const BinaryCode& code() const { return *code_; }
  const CodeView& codes() const { return codes_; }

  // The same rows in up to `count` parts of whole blocks, about as large each: what the parts find,
  // merged (MergeCandidates), is what this finds. So several threads share a scan.
  std::vector<std::shared_ptr<const BinaryView>> Parts(size_t count) const;

  // The same with what the pass saw; errors and bounds are those of Candidates.
  absl::StatusOr<std::vector<Selection>> Select(MatrixView cues, size_t depth) const;

 protected:
  absl::StatusOr<std::vector<CandidateList>> Find(MatrixView cues, size_t depth) const override;

 private:
  std::shared_ptr<const BinaryCode> code_;
  CodeView codes_;
  ScanOptions options_;
};

// A rebuild learns a new mean, and new lengths, from the rows at hand, and codes them all again.
// One is needed once a key came that the code does not cover.
class BinaryIndex final : public CandidateIndex {
 public:
  // InvalidArgument (TILE): tiles larger than a block of 1,024 rows, or that keep nothing or more
  // than they have; (KERNEL): not on this machine.
  static absl::StatusOr<std::unique_ptr<BinaryIndex>> Make(std::shared_ptr<const BinaryCode> code,
                                                           const ScanOptions& options);

  absl::Status Add(MatrixView keys, std::span<const uint64_t> row_numbers) override;
  absl::Status Remove(std::span<const uint64_t> row_numbers) override;
  std::shared_ptr<const CandidateView> Publish() override { return PublishBinary(); }
  std::shared_ptr<const BinaryView> PublishBinary();

  bool NeedsRebuild() const override { return uncovered_; }
  std::unique_ptr<IndexRebuild> BeginRebuild(const StoreView& store) override;
  absl::Status InstallRebuild(std::unique_ptr<IndexRebuild> rebuild, const StoreView& now) override;

 private:
  BinaryIndex(std::shared_ptr<const BinaryCode> code, const ScanOptions& options)
      : code_(std::move(code)), options_(options), codes_(code_->words()) {}

  std::shared_ptr<const BinaryCode> code_;
  ScanOptions options_;
  CodeStore codes_;
  bool uncovered_ = false;
  uint64_t rebuilds_ = 0;  // begun
  bool rebuilding_ = false;
  std::vector<uint64_t> removed_since_begin_;
};

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_INDEX_BINARY_INDEX_H_
