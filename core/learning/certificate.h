// What a trained linear memory can promise about each stored item: a bound on its rank in the list
// of its own key, and how far a cue may stray from that key before the promise ends.
//
// With s_j(q) = <u_j, W q> the score of codebook row j, the tail average TA_i(q) is the mean of the
// k largest scores of the competitors j != i, and m_i(q) = s_i(q) - TA_i(q) is the tail-average
// margin of item i. If m_i(q) > 0 then fewer than k competitors score as high as item i, so it is
// among the first k. m_i is concave and positively homogeneous in q, and Lipschitz with
// L_i = |W^T u_i| + max_j |W^T u_j|: it stays positive within the radius m_i / L_i around the key,
// and on every non-negative combination of queries at which it is positive.
//
// Rounding. A certificate is never wrong, so nothing here rests on float32 sums:
//   1. Certify computes all scores in double, and takes a bound of its own rounding off each margin
//      (some 1e-11 of |W|_F).
//   2. A server that answers in float32 ranks by rounded scores. With |served - exact| <= e for
//      every score, a rank above k needs m_i <= 2 e; so 2 e is taken off each margin too, before it
//      is called certified and before the radius is formed. `score_error` says how large e is; the
//      default bounds every order of summation in float32 (Float32ScoreError below). A server that
//      scores its lists in double passes 0 and certifies a little more.
// `slack` is the sum of both.
// Competitors are all other rows of the codebook: with partitions, those of the item's own one.
//
// Threads  pure functions; Certify runs `threads` threads of its own and joins them.
#ifndef MNEME_CORE_LEARNING_CERTIFICATE_H_
#define MNEME_CORE_LEARNING_CERTIFICATE_H_

#include <cstddef>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "core/learning/progress.h"
#include "core/math/matrix.h"

namespace mneme::learning {

struct CertificateOptions {
  size_t list_size = 0;  // k: the length of the lists that are promised; 1 <= k <= items - 1
  // Bound of |served score - exact score| for a unit query and a unit codebook row, as a multiple
  // of |W|_F; absent: Float32ScoreError(d_k, d_v).
  std::optional<double> score_error;
  int threads = 1;
  KeepGoingFn keep_going;  // may be empty
};

// Scores, margins and tail averages are in the service frame: unit rows, s = <u, W q>.
struct ItemCertificate {
  bool certified = false;    // margin > slack: the item is in the top-k list of this query
  size_t rank = 0;           // 1 + competitors that score at least as high, to rounding in double
  double score = 0;          // s_i
  double tail_average = 0;   // mean of the k largest competitor scores
  double margin = 0;         // score - tail_average, before the slack
  double margin_sigmas = 0;  // margin / sigma; 0 where sigma is 0
  double score_sigmas = 0;   // score / sigma; 0 where sigma is 0
  double radius = 0;         // every cue nearer than this to the query is certified; else 0
};

struct CertificateSummary {
  size_t items = 0;
  size_t certified = 0;
  size_t list_size = 0;
  double radius_min = 0;  // over certified items; 0 without any
  double radius_max = 0;
  double sigma = 0;       // |W|_F / sqrt(d_k d_v): spread of a competitor's score
  double mean_score = 0;  // of the true items
  double mean_tail_average = 0;
  double slack = 0;  // the largest that was taken off a margin (unit rows: of each)
};

struct Certificates {
  std::vector<ItemCertificate> items;  // of row i
  CertificateSummary summary;
};

// Certifies item i (row i of `codebook`) at the query in row i of `queries`: the stored keys for
// the certificates of an epoch, or any others, such as noisy cues or a list of candidates' own
// cues.
//
// Shapes   weights [d_v, d_k]; queries [n, d_k]; codebook [m, d_v], m >= n. Rows need not be of
// unit
//          length; the slack grows with their length.
// Errors   InvalidArgument: SHAPE, LIST_SIZE, NOT_FINITE, SCORE_ERROR, THREADS; Cancelled when
//          keep_going said no.
// Cost     2 n m d_v + 2 n d_k d_v multiply-adds in double; scratch of one row block a thread.
// Source   tail-average margin: CVaR of the competitors' scores (Rockafellar and Uryasev 2000).
absl::StatusOr<Certificates> Certify(MatrixView weights, MatrixView queries, MatrixView codebook,
                                     const CertificateOptions& options);

// A bound on |fl(s) - s| / (|W|_F |q| |u|) for a score computed in float32 as u . (W q), in any
// order of summation, with or without fused multiply-adds, of a cue whose coordinates were rounded
// up to four times on their way (scaled to unit length, say).
//
// Source   Higham, "Accuracy and Stability of Numerical Algorithms", lemma 3.1 and section 3.5:
//          gamma(d_k + 4) + gamma(d_v) + their product, gamma(n) = n u / (1 - n u), u = 2^-24.
double Float32ScoreError(size_t d_k, size_t d_v);

}  // namespace mneme::learning

#endif  // MNEME_CORE_LEARNING_CERTIFICATE_H_
