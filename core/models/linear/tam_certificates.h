// What a listwise answer may say of the certificates of a trained memory.
//
// A certificate bounds the rank of an item among the items of its own partition, in the state that
// the training sealed. So it speaks of the union of the partitions' lists, of all items, and of
// nothing else.
//
// Pure functions of a snapshot. Thread-safe.
#ifndef MNEME_CORE_MODELS_LINEAR_TAM_CERTIFICATES_H_
#define MNEME_CORE_MODELS_LINEAR_TAM_CERTIFICATES_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/models/linear/linear_view.h"
#include "core/models/model.h"

namespace mneme::models {

// The k of each partition; empty where no training was installed. A partition that came after the
// training gets the largest k of the others.
std::vector<size_t> CertifiedListSizes(const LinearSnapshot& snapshot);

// Does the list that `spec` asks for carry certificates, and if not, why?
CertificateState CertificatesOf(const LinearSnapshot& snapshot, const QuerySpec& spec);

// Writes down what was proved of an item of this partition. O(log rows).
void AddCertificate(const SealedPartition& sealed, ScoredItem& item);

}  // namespace mneme::models

#endif  // MNEME_CORE_MODELS_LINEAR_TAM_CERTIFICATES_H_
