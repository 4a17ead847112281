// Data that any program can make again: the stream of the reference rows, to the last bit of its
// integers. Uniform and normal numbers are functions of (seed, tag, index).
//
//   keys       of node m: normal numbers, coordinate i times `gain` where i % 8 == m % 8, then of
//              length 1
//   responses  A_m k + 0.3 z / sqrt(d_v), A_m = sqrt(1 - het) A_0 + sqrt(het) B_m; with drift
//              cos(drift t) A_m k + sin(drift t) C k in place of A_m k
//
// Threads  PortableStream: pure. PortableData: const after construction.
// Source   distributed online gradient descent notes, section 9.
#ifndef MNEME_CORE_FEDERATION_PORTABLE_DATA_H_
#define MNEME_CORE_FEDERATION_PORTABLE_DATA_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/federation/item_source.h"
#include "core/math/matrix.h"

namespace mneme::federation {

class PortableStream {
 public:
  PortableStream(uint64_t seed, uint64_t tag);
  uint64_t base() const { return base_; }
  double Uniform(uint64_t index) const;  // in (0, 1)
  double Normal(uint64_t index) const;
  // Normals first, first + 1, ...
  void FillNormals(uint64_t first, std::span<double> out) const;

 private:
  uint64_t base_;
};

// Tags of the streams.
inline constexpr uint64_t kCommonTag = 1, kOwnTag = 2, kKeyTag = 3, kNoiseTag = 4, kGeometryTag = 5,
                          kLossTag = 6, kDriftTag = 7;

struct PortableDataOptions {
  uint64_t seed = 1;
  size_t nodes = 1;
  size_t d_k = 16;
  size_t d_v = 16;
  size_t batch = 1;  // items of a node in a round
  double het = 0.5;  // heterogeneity: share of A_m's variance that is a node's own
  double gain = 3;
  double drift = 0;  // radians a round
};

class PortableData : public ItemSource {
 public:
  explicit PortableData(const PortableDataOptions& options);

  void Fill(uint64_t round, std::span<double> keys, std::span<double> responses) const override;
  double FloorOf(uint64_t round, size_t node) const override;

 private:
  void FillKey(uint64_t item, size_t node, std::span<double> key) const;
  void FillResponse(uint64_t round, uint64_t item, size_t node, std::span<const double> key,
                    std::span<double> response) const;

  PortableDataOptions options_;
  PortableStream keys_;
  PortableStream noise_;
  std::vector<MatrixD> own_;  // A_m
  MatrixD drift_;             // C; empty without drift
};

}  // namespace mneme::federation

#endif  // MNEME_CORE_FEDERATION_PORTABLE_DATA_H_
