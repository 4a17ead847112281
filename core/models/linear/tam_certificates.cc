#include "core/models/linear/tam_certificates.h"

#include <algorithm>
#include <memory>

namespace mneme::models {
namespace {

bool IsSealed(const std::shared_ptr<const PartitionView>& partition) {
  return partition->sealed != nullptr;
}

// A row was stored since the training, in this partition or by making it.
bool DeltaBegan(const std::shared_ptr<const PartitionView>& partition) {
  return !IsSealed(partition) || partition->sealed->delta_began;
}

}  // namespace

std::vector<size_t> CertifiedListSizes(const LinearSnapshot& snapshot) {
  const auto& partitions = snapshot.partitions;
  if (std::none_of(partitions.begin(), partitions.end(), IsSealed)) return {};
  size_t largest = 0;
  for (const auto& partition : partitions) {
    if (IsSealed(partition)) largest = std::max(largest, partition->sealed->list_size);
  }
  std::vector<size_t> sizes;
  for (const auto& partition : partitions) {
    sizes.push_back(IsSealed(partition) ? partition->sealed->list_size : largest);
  }
  return sizes;
}

CertificateState CertificatesOf(const LinearSnapshot& snapshot, const QuerySpec& spec) {
  if (!snapshot.certifies || spec.kind != QueryKind::kList) return CertificateState::kNone;
  if (spec.candidate_rows || spec.candidate_responses.rows > 0 || spec.filtered()) {
    return CertificateState::kCandidates;
  }
  const auto& partitions = snapshot.partitions;
  if (std::none_of(partitions.begin(), partitions.end(), IsSealed)) {
    return CertificateState::kUntrained;
  }
  if (std::any_of(partitions.begin(), partitions.end(), DeltaBegan)) {
    return CertificateState::kDelta;
  }
  if (spec.certified_list) return CertificateState::kSealed;
  if (partitions.size() > 1) return CertificateState::kPartitioned;
  if (spec.top < partitions[0]->sealed->list_size) return CertificateState::kListTooShort;
  return CertificateState::kSealed;
}

void AddCertificate(const SealedPartition& sealed, ScoredItem& item) {
  const std::vector<uint64_t>& rows = sealed.items->rows;
  const auto at = std::lower_bound(rows.begin(), rows.end(), item.row);
  if (at == rows.end() || *at != item.row) return;
  item.radius = sealed.items->radii[static_cast<size_t>(at - rows.begin())];
  item.certified = item.radius > 0;
}

}  // namespace mneme::models
