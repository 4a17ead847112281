// Names of the enums, taken from the wire's own so that the two cannot drift apart.
#include <string>

#include "mneme/client.h"
#include "mneme/v1/memory.pb.h"
#include "mneme/v1/memory_service.pb.h"

namespace mneme::client {
namespace {

// "SIMILARITY_L2" without "SIMILARITY_"; the number if the name is not known here.
std::string Strip(const std::string& name, std::string_view prefix, int number) {
  return name.empty() ? std::to_string(number) : name.substr(prefix.size());
}

}  // namespace

std::string Name(Similarity value) {
  const int number = static_cast<int>(value);
  return Strip(v1::Similarity_Name(number), "SIMILARITY_", number);
}

std::string Name(Separation value) {
  const int number = static_cast<int>(value);
  return Strip(v1::Separation_Name(number), "SEPARATION_", number);
}

std::string Name(StateSpace value) {
  const int number = static_cast<int>(value);
  return Strip(v1::StateSpace_Name(number), "STATE_SPACE_", number);
}

std::string Name(NoSupportPolicy value) {
  const int number = static_cast<int>(value);
  return Strip(v1::NoSupportPolicy_Name(number), "NO_SUPPORT_POLICY_", number);
}

std::string Name(Encoder value) {
  const int number = static_cast<int>(value);
  return Strip(v1::Encoder_Name(number), "ENCODER_", number);
}

std::string Name(EncoderObjective value) {
  const int number = static_cast<int>(value);
  return Strip(v1::EncoderObjective_Name(number), "ENCODER_OBJECTIVE_", number);
}

std::string Name(LinearRule value) {
  const int number = static_cast<int>(value);
  return Strip(v1::LinearRule_Name(number), "LINEAR_RULE_", number);
}

std::string Name(LoadPolicy value) {
  const int number = static_cast<int>(value);
  return Strip(v1::LoadPolicy_Name(number), "LOAD_POLICY_", number);
}

std::string Name(FeatureKind value) {
  const int number = static_cast<int>(value);
  return Strip(v1::FeatureKind_Name(number), "FEATURE_KIND_", number);
}

std::string Name(LoadPhase value) {
  const int number = static_cast<int>(value);
  return Strip(v1::LoadPhase_Name(number), "LOAD_PHASE_", number);
}

std::string Name(Normalization value) {
  const int number = static_cast<int>(value);
  return Strip(v1::Normalization_Name(number), "NORMALIZATION_", number);
}

std::string Name(Retain value) {
  const int number = static_cast<int>(value);
  return Strip(v1::Retain_Name(number), "RETAIN_", number);
}

std::string Name(Health value) {
  const int number = static_cast<int>(value);
  return Strip(v1::Health_Name(number), "HEALTH_", number);
}

std::string Name(FullPolicy value) {
  const int number = static_cast<int>(value);
  return Strip(v1::FullPolicy_Name(number), "FULL_POLICY_", number);
}

std::string Name(IndexFallback value) {
  if (value == IndexFallback::kNone) return "NONE";
  const int number = static_cast<int>(value);
  return Strip(v1::IndexFallback_Name(number), "INDEX_FALLBACK_", number);
}

std::string Name(Durability value) {
  const int number = static_cast<int>(value);
  return Strip(v1::Durability_Name(number), "DURABILITY_", number);
}

std::string Name(AnswerStatus value) {
  const int number = static_cast<int>(value);
  return Strip(v1::AnswerStatus_Name(number), "ANSWER_STATUS_", number);
}

std::string Name(Exactness value) {
  const int number = static_cast<int>(value);
  return Strip(v1::Exactness_Name(number), "EXACTNESS_", number);
}

std::string Name(ExactnessProof value) {
  const int number = static_cast<int>(value);
  return Strip(v1::ExactnessProof_Name(number), "EXACTNESS_PROOF_", number);
}

std::string Name(CertificateState value) {
  const int number = static_cast<int>(value);
  return Strip(v1::CertificateState_Name(number), "CERTIFICATE_STATE_", number);
}

std::string Name(QueryPath value) {
  const int number = static_cast<int>(value);
  return Strip(v1::QueryPath_Name(number), "QUERY_PATH_", number);
}

std::string Name(Shortfall value) {
  const int number = static_cast<int>(value);
  return Strip(v1::Shortfall_Name(number), "SHORTFALL_", number);
}

std::string Name(TrainLoss value) {
  const int number = static_cast<int>(value);
  return Strip(v1::TrainLoss_Name(number), "TRAIN_LOSS_", number);
}

std::string Name(TrainOptimizer value) {
  const int number = static_cast<int>(value);
  return Strip(v1::TrainOptimizer_Name(number), "TRAIN_OPTIMIZER_", number);
}

std::string Name(ProbeMode value) {
  const int number = static_cast<int>(value);
  return Strip(v1::ProbeMode_Name(number), "PROBE_MODE_", number);
}

std::string Name(ServingStatus value) {
  switch (value) {
    case ServingStatus::kUnknown:
      return "UNKNOWN";
    case ServingStatus::kServing:
      return "SERVING";
    case ServingStatus::kNotServing:
      return "NOT_SERVING";
    case ServingStatus::kServiceUnknown:
      return "SERVICE_UNKNOWN";
  }
  return std::to_string(static_cast<int>(value));
}

}  // namespace mneme::client
