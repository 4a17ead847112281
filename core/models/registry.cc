// Which class answers for which member of MemorySpec::model: one row a family.
#include <memory>

#include "core/base/status.h"
#include "core/models/dense/dense_model.h"
#include "core/models/features/feature_model.h"
#include "core/models/features/quadratic_model.h"
#include "core/models/linear/linear_model.h"
#include "core/models/model.h"

namespace mneme::models {
namespace {

struct Maker {
  const MemorySpec& spec;

  std::unique_ptr<Model> operator()(const DenseSpec&) const {
    return std::make_unique<DenseModel>(spec);
  }
  std::unique_ptr<Model> operator()(const LinearSpec&) const { return MakeLinearModel(spec); }
  std::unique_ptr<Model> operator()(const FeatureSpec& feature) const {
    if (feature.kind == FeatureKind::kQuadratic) return std::make_unique<QuadraticModel>(spec);
    return std::make_unique<FeatureModel>(spec);
  }
};

}  // namespace

absl::StatusOr<std::unique_ptr<Model>> MakeModel(const MemorySpec& spec) {
  MNEME_RETURN_IF_ERROR(ValidateSpec(spec));
  return std::visit(Maker{spec}, spec.model);
}

}  // namespace mneme::models
