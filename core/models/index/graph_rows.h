// Rows as a graph keeps them: coded by a byte a number (core/math/code_records.h) where that tells
// rows apart, else as they are. A walk waits for the memory of each row that it meets: a coded one
// is a quarter of it.
//
// Codes are taken of x - m, m the mean of the rows at hand when they were chosen. They are chosen
// if, for nearly all of a sample, the error of a code is small beside the distance of a row to its
// nearest in the sample; never for L1, few rows, or rows whose squares leave float32. A row whose
// error is not small is coarse: once many of a graph's are, it is to be made anew.
//
// Distances   minus the inner product (dot, cosine), squared L2, L1; of codes, what these give but
//             for rounding. They are never infinite nor not-a-number.
// Threads     immutable.
#ifndef MNEME_CORE_MODELS_INDEX_GRAPH_ROWS_H_
#define MNEME_CORE_MODELS_INDEX_GRAPH_ROWS_H_

#include <cstddef>
#include <memory>
#include <vector>

#include "core/models/spec.h"
#include "core/models/store/explicit_store.h"

namespace mneme::models {

class GraphRows {
 public:
  // Rows as they are.
  static std::shared_ptr<const GraphRows> Plain(Similarity similarity, size_t key_dim);
  // Coded if that suits these rows.
  //
  // Cost     a pass over the row numbers, and some 64 * 4096 distances.
  static std::shared_ptr<const GraphRows> For(Similarity similarity, size_t key_dim,
                                              const StoreView& rows);

  bool coded() const { return coded_; }
  size_t row_bytes() const;
  // Writes row_bytes(). True: the row is coarse.
  bool Write(const float* key, void* row) const;
  // Of two rows that Write made.
  float Distance(const void* a, const void* b) const;
  // out[i]: of row a and rows[i].
  void Distances(const void* a, const void* const* rows, size_t count, float* out) const;
  // What Distances leave out, being the same for all rows.
  float constant() const { return constant_; }

 private:
  GraphRows(Similarity similarity, size_t key_dim) : similarity_(similarity), key_dim_(key_dim) {}
  bool ChooseCodes(const StoreView& rows);
  float PlainDistance(const float* a, const float* b) const;

  Similarity similarity_;
  size_t key_dim_;
  bool coded_ = false;
  std::vector<float> centre_;
  double coarse_from_ = 0;
  float constant_ = 0;
};

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_INDEX_GRAPH_ROWS_H_
