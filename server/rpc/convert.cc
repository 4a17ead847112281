#include "server/rpc/convert.h"

#include <cstring>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "core/base/status.h"
#include "server/rpc/tokens.h"

namespace mneme::server {
namespace {

constexpr std::string_view kMemoryPrefix = "memories/";
constexpr int kAttributesMax = 64;
constexpr size_t kAttributeNameBytesMax = 128;

absl::Status BadMatrix(std::string_view what, std::string message, std::string given,
                       std::string expected, std::string next) {
  return InvalidArgument(absl::StrCat(AbslView(what), ": ", message),
                         {.reason = "MATRIX",
                          .given = std::move(given),
                          .expected = std::move(expected),
                          .next_step = std::move(next)});
}

absl::Status UnknownEnum(std::string_view what, int value) {
  return InvalidArgument(absl::StrFormat("%s has the unknown value %d", AbslView(what), value),
                         {.reason = "ENUM",
                          .given = absl::StrCat(value),
                          .expected = "a value of mneme.v1",
                          .next_step = "See the comments in the .proto files."});
}

absl::StatusOr<models::Similarity> DecodeSimilarity(v1::Similarity similarity) {
  switch (similarity) {
    case v1::SIMILARITY_UNSPECIFIED:
    case v1::SIMILARITY_L2:
      return models::Similarity::kL2;
    case v1::SIMILARITY_DOT:
      return models::Similarity::kDot;
    case v1::SIMILARITY_COSINE:
      return models::Similarity::kCosine;
    default:
      return UnknownEnum("dense.similarity", similarity);
  }
}

v1::Similarity EncodeSimilarity(models::Similarity similarity) {
  switch (similarity) {
    case models::Similarity::kDot:
      return v1::SIMILARITY_DOT;
    case models::Similarity::kCosine:
      return v1::SIMILARITY_COSINE;
    case models::Similarity::kL2:
      return v1::SIMILARITY_L2;
    case models::Similarity::kL1:
      break;  // not offered on the wire
  }
  return v1::SIMILARITY_UNSPECIFIED;
}

absl::StatusOr<bool> DecodeNormalization(std::string_view what, v1::Normalization normalization) {
  switch (normalization) {
    case v1::NORMALIZATION_UNSPECIFIED:
    case v1::NORMALIZATION_UNIT:
      return true;
    case v1::NORMALIZATION_NONE:
      return false;
    default:
      return UnknownEnum(what, normalization);
  }
}

absl::StatusOr<models::LinearSpec> DecodeLinear(const v1::LinearSpec& from) {
  models::LinearSpec to;
  switch (from.rule()) {
    case v1::LINEAR_RULE_UNSPECIFIED:
    case v1::LINEAR_RULE_RIDGE:
      to.rule = models::LinearRule::kRidge;
      break;
    case v1::LINEAR_RULE_CMM:
      to.rule = models::LinearRule::kCmm;
      break;
    default:
      return UnknownEnum("linear.rule", from.rule());
  }
  if (from.has_lambda()) to.lambda = from.lambda();
  if (from.partitions() > 0) to.partitions = from.partitions();
  MNEME_ASSIGN_OR_RETURN(to.normalize_keys,
                         DecodeNormalization("linear.key_normalization", from.key_normalization()));
  MNEME_ASSIGN_OR_RETURN(
      to.normalize_responses,
      DecodeNormalization("linear.response_normalization", from.response_normalization()));
  return to;
}

absl::StatusOr<models::DenseSpec> DecodeDense(const v1::DenseSpec& from) {
  models::DenseSpec to;
  MNEME_ASSIGN_OR_RETURN(to.similarity, DecodeSimilarity(from.similarity()));
  if (from.has_beta()) to.beta = from.beta();
  if (from.steps_max() > 0)
    to.steps_max = static_cast<int>(std::min<uint32_t>(from.steps_max(), 1u << 20));
  if (from.tolerance() != 0) to.tolerance = from.tolerance();
  return to;
}

}  // namespace

absl::StatusOr<MatrixView> DecodeMatrix(const v1::Matrix& m, std::string_view what,
                                        DecodeArena& arena) {
  const uint64_t count = static_cast<uint64_t>(m.rows()) * m.cols();
  if (count == 0 && m.data().empty() && m.values().empty())
    return MatrixView{.rows = 0, .cols = m.cols()};
  if (!m.data().empty() && !m.values().empty()) {
    return BadMatrix(what, "both data and values are set", "both", "one of them",
                     "Send packed bytes in data, or floats in values.");
  }
  if (!m.values().empty()) {
    if (m.dtype() != v1::DTYPE_UNSPECIFIED && m.dtype() != v1::DTYPE_FLOAT32) {
      return BadMatrix(what, "values are float32", v1::Dtype_Name(m.dtype()), "DTYPE_FLOAT32",
                       "Leave dtype out, or send data.");
    }
    if (static_cast<uint64_t>(m.values_size()) != count) {
      return BadMatrix(
          what, absl::StrFormat("%d values for %d x %d", m.values_size(), m.rows(), m.cols()),
          absl::StrCat(m.values_size(), " values"), absl::StrCat(count, " values"),
          "Send rows * cols values, row after row.");
    }
    return MatrixView{.data = m.values().data(), .rows = m.rows(), .cols = m.cols()};
  }
  if (m.dtype() == v1::DTYPE_UNSPECIFIED) {
    return BadMatrix(what, "dtype is not set", "DTYPE_UNSPECIFIED", "DTYPE_FLOAT32",
                     "Say which type the bytes have.");
  }
  if (m.dtype() != v1::DTYPE_FLOAT32) {
    if (!v1::Dtype_IsValid(m.dtype()))
      return UnknownEnum(absl::StrCat(AbslView(what), ".dtype"), m.dtype());
    return Unimplemented(
        absl::StrFormat("%s: %s is not in this build", AbslView(what), v1::Dtype_Name(m.dtype())),
        {.reason = "DTYPE",
         .given = v1::Dtype_Name(m.dtype()),
         .expected = "DTYPE_FLOAT32",
         .next_step = "Convert the vectors to float32."});
  }
  if (m.data().size() % sizeof(float) != 0 || m.data().size() / sizeof(float) != count) {
    return BadMatrix(
        what, absl::StrFormat("%d bytes for %d x %d float32", m.data().size(), m.rows(), m.cols()),
        absl::StrCat(m.data().size(), " bytes"), absl::StrCat(count * sizeof(float), " bytes"),
        "Send rows * cols * 4 bytes, little-endian, row after row.");
  }
  if (reinterpret_cast<uintptr_t>(m.data().data()) % alignof(float) == 0) {
    return MatrixView{.data = reinterpret_cast<const float*>(m.data().data()),
                      .rows = m.rows(),
                      .cols = m.cols()};
  }
  Matrix& copy = arena.matrices.emplace_back(m.rows(), m.cols());
  std::memcpy(copy.data(), m.data().data(), m.data().size());
  return copy.view();
}

void EncodeMatrix(MatrixView from, bool as_values, v1::Matrix* to) {
  to->set_dtype(v1::DTYPE_FLOAT32);
  to->set_rows(static_cast<uint32_t>(from.rows));
  to->set_cols(static_cast<uint32_t>(from.cols));
  const std::span<const float> flat = from.flat();
  if (as_values) {
    to->mutable_values()->Add(flat.begin(), flat.end());
  } else {
    to->set_data(flat.data(), flat.size_bytes());
  }
}

absl::StatusOr<ItemId> DecodeItemId(const v1::ItemId& id) {
  switch (id.kind_case()) {
    case v1::ItemId::kText:
      return ItemId::FromText(id.text());
    case v1::ItemId::kNumber:
      return ItemId(id.number());
    case v1::ItemId::KIND_NOT_SET:
      break;
  }
  return InvalidArgument(
      "an item id is empty",
      {.reason = "ITEM_ID",
       .given = "neither text nor number",
       .expected = "one of them",
       .next_step = "Set text or number, or leave all ids out to let the server make them."});
}

absl::StatusOr<std::vector<ItemId>> DecodeItemIds(
    const google::protobuf::RepeatedPtrField<v1::ItemId>& ids, std::string_view what) {
  std::vector<ItemId> out;
  out.reserve(static_cast<size_t>(ids.size()));
  for (int i = 0; i < ids.size(); ++i) {
    absl::StatusOr<ItemId> id = DecodeItemId(ids[i]);
    if (!id.ok()) return Annotate(id.status(), absl::StrFormat("%s[%d]", AbslView(what), i));
    out.push_back(*std::move(id));
  }
  return out;
}

void EncodeItemId(const ItemId& id, v1::ItemId* to) {
  if (id.is_text()) {
    to->set_text(id.text());
  } else {
    to->set_number(id.number());
  }
}

absl::StatusOr<std::string> DecodeMemoryName(std::string_view resource, std::string_view field) {
  if (resource.substr(0, kMemoryPrefix.size()) == kMemoryPrefix) {
    const std::string_view name = resource.substr(kMemoryPrefix.size());
    if (!name.empty() && name.find('/') == std::string_view::npos) return std::string(name);
  }
  return InvalidArgument(
      absl::StrFormat("%s: '%s' is not a memory's resource name", AbslView(field),
                      AbslView(resource.substr(0, 100))),
      {.reason = "MEMORY_NAME",
       .given = std::string(resource.substr(0, 100)),
       .expected = "memories/{memory}",
       .next_step = "Send memories/ and the memory's name, e.g. memories/faces."});
}

absl::StatusOr<models::MemorySpec> DecodeSpec(const v1::Memory& memory) {
  models::MemorySpec spec{.key_dim = memory.key_dim(), .response_dim = memory.response_dim()};
  switch (memory.retain()) {
    case v1::RETAIN_UNSPECIFIED:
    case v1::RETAIN_ALL:
      spec.retain = models::Retain::kAll;
      break;
    case v1::RETAIN_RESPONSES:
      spec.retain = models::Retain::kResponses;
      break;
    case v1::RETAIN_STATISTICS:
      spec.retain = models::Retain::kStatistics;
      break;
    default:
      return UnknownEnum("retain", memory.retain());
  }
  switch (memory.model_case()) {
    case v1::Memory::kDense: {
      MNEME_ASSIGN_OR_RETURN(spec.model, DecodeDense(memory.dense()));
      return spec;
    }
    case v1::Memory::kLinear: {
      MNEME_ASSIGN_OR_RETURN(spec.model, DecodeLinear(memory.linear()));
      return spec;
    }
    case v1::Memory::MODEL_NOT_SET:
      break;
  }
  return InvalidArgument(
      "the memory has no model",
      {.reason = "SPEC",
       .given = "no model",
       .expected = "dense or linear",
       .next_step = "Set one of dense and linear; an empty message takes the defaults."});
}

void EncodeMemory(const engine::MemoryInfo& info, v1::Memory* to) {
  to->set_name(absl::StrCat(AbslView(kMemoryPrefix), info.name));
  to->set_uid(FormatUid(info.uid));
  to->set_etag(FormatEtag(engine::EtagOf(info)));
  EncodeTimestamp(info.create_unix_nanos, to->mutable_create_time());
  EncodeTimestamp(info.update_unix_nanos, to->mutable_update_time());
  to->set_description(info.labels.description);
  to->mutable_labels()->insert(info.labels.labels.begin(), info.labels.labels.end());
  const models::MemorySpec& spec = info.spec;
  to->set_key_dim(static_cast<uint32_t>(spec.key_dim));
  to->set_response_dim(static_cast<uint32_t>(spec.response_dim));
  switch (spec.retain) {
    case models::Retain::kStatistics:
      to->set_retain(v1::RETAIN_STATISTICS);
      break;
    case models::Retain::kResponses:
      to->set_retain(v1::RETAIN_RESPONSES);
      break;
    case models::Retain::kAll:
      to->set_retain(v1::RETAIN_ALL);
      break;
  }
  v1::MemoryState& state = *to->mutable_state();
  if (const auto* dense = std::get_if<models::DenseSpec>(&spec.model)) {
    v1::DenseSpec& out = *to->mutable_dense();
    out.set_similarity(EncodeSimilarity(dense->similarity));
    if (dense->beta.has_value()) out.set_beta(*dense->beta);
    out.set_steps_max(static_cast<uint32_t>(dense->steps_max));
    out.set_tolerance(dense->tolerance);
  } else {
    const auto& linear = std::get<models::LinearSpec>(spec.model);
    v1::LinearSpec& out = *to->mutable_linear();
    out.set_rule(linear.rule == models::LinearRule::kCmm ? v1::LINEAR_RULE_CMM
                                                         : v1::LINEAR_RULE_RIDGE);
    if (linear.lambda.has_value()) out.set_lambda(*linear.lambda);
    out.set_partitions(linear.partitions);
    out.set_key_normalization(linear.normalize_keys ? v1::NORMALIZATION_UNIT
                                                    : v1::NORMALIZATION_NONE);
    out.set_response_normalization(linear.normalize_responses ? v1::NORMALIZATION_UNIT
                                                              : v1::NORMALIZATION_NONE);
    state.set_load(static_cast<double>(info.stats.items) /
                   (static_cast<double>(spec.key_dim) * static_cast<double>(spec.response_dim) *
                    linear.partitions));
  }
  state.set_item_count(info.stats.items);
  state.set_position(info.position);
  state.set_fixed_bytes(info.stats.fixed_bytes);
  state.set_row_bytes(info.stats.row_bytes);
  state.set_memory_bytes(info.stats.fixed_bytes + info.stats.row_bytes);
  state.set_beta(info.stats.beta);
  state.set_beta_fallback(info.stats.beta_fallback);
  state.set_lambda(info.stats.lambda);
  state.set_health(info.health == engine::Health::kServing ? v1::HEALTH_SERVING
                                                           : v1::HEALTH_DEGRADED);
  state.set_health_reason(info.health_reason);
  state.mutable_weights_epoch()->set_uid(FormatUid(info.uid));
  state.mutable_weights_epoch()->set_position(info.position);
}

absl::StatusOr<engine::Sync> DecodeDurability(v1::Durability durability) {
  switch (durability) {
    case v1::DURABILITY_UNSPECIFIED:
    case v1::DURABILITY_DISK:
      return engine::Sync::kDisk;
    case v1::DURABILITY_OS:
      return engine::Sync::kOs;
    case v1::DURABILITY_MEMORY:
      return engine::Sync::kMemory;
    default:
      return UnknownEnum("durability", durability);
  }
}

v1::Durability EncodeDurability(engine::Sync sync) {
  switch (sync) {
    case engine::Sync::kMemory:
      return v1::DURABILITY_MEMORY;
    case engine::Sync::kOs:
      return v1::DURABILITY_OS;
    case engine::Sync::kDisk:
      return v1::DURABILITY_DISK;
  }
  return v1::DURABILITY_UNSPECIFIED;
}

absl::StatusOr<std::span<const uint8_t>> DecodeMask(const v1::Mask& mask, size_t rows, size_t cols,
                                                    DecodeArena& arena) {
  const size_t row_bytes = (cols + 7) / 8;
  const std::string& bits = mask.bits();
  const std::span<const uint8_t> bytes(reinterpret_cast<const uint8_t*>(bits.data()), bits.size());
  if (bytes.size() == rows * row_bytes) return bytes;
  if (bytes.size() == row_bytes) {
    arena.mask.reserve(rows * row_bytes);
    for (size_t i = 0; i < rows; ++i)
      arena.mask.insert(arena.mask.end(), bytes.begin(), bytes.end());
    return std::span<const uint8_t>(arena.mask);
  }
  return InvalidArgument(
      absl::StrFormat("the mask has %d bytes for %d cues of %d columns", bytes.size(), rows, cols),
      {.reason = "SHAPE",
       .given = absl::StrCat(bytes.size(), " bytes"),
       .expected = absl::StrFormat("%d, or %d", row_bytes, rows * row_bytes),
       .next_step = "Send one row of ceil(columns / 8) bytes for all cues, or one a cue."});
}

absl::Status CheckAttributes(const v1::Attributes& attributes, int row) {
  if (attributes.values_size() > kAttributesMax) {
    return ResourceExhausted(
        absl::StrFormat("row %d has %d attributes", row, attributes.values_size()),
        {.reason = "LIMIT",
         .given = absl::StrCat(attributes.values_size()),
         .expected = absl::StrCat("at most ", kAttributesMax),
         .next_step = "Send fewer, or put what is not filtered by into the payload."});
  }
  for (const auto& [name, value] : attributes.values()) {
    if (name.empty() || name.size() > kAttributeNameBytesMax) {
      return InvalidArgument(
          absl::StrFormat("row %d: an attribute name has %d bytes", row, name.size()),
          {.reason = "ATTRIBUTE",
           .given = absl::StrCat(name.size(), " bytes"),
           .expected = absl::StrCat("1 to ", kAttributeNameBytesMax),
           .next_step = "Shorten the name."});
    }
    if (value.kind_case() == v1::AttributeValue::KIND_NOT_SET) {
      return InvalidArgument(absl::StrFormat("row %d: attribute '%s' has no value", row, name),
                             {.reason = "ATTRIBUTE",
                              .given = "no value",
                              .expected = "a value of one of the types",
                              .next_step = "Set a value, or leave the attribute out."});
    }
  }
  return absl::OkStatus();
}

v1::AnswerStatus EncodeAnswerStatus(models::AnswerStatus status) {
  switch (status) {
    case models::AnswerStatus::kUnset:
      return v1::ANSWER_STATUS_UNSPECIFIED;
    case models::AnswerStatus::kConverged:
      return v1::ANSWER_STATUS_CONVERGED;
    case models::AnswerStatus::kMaxIterations:
      return v1::ANSWER_STATUS_MAX_ITERATIONS;
    case models::AnswerStatus::kNoSupport:
      return v1::ANSWER_STATUS_NO_SUPPORT;
    case models::AnswerStatus::kMixture:
      return v1::ANSWER_STATUS_MIXTURE;
    case models::AnswerStatus::kEmptyStore:
      return v1::ANSWER_STATUS_EMPTY_STORE;
  }
  return v1::ANSWER_STATUS_UNSPECIFIED;
}

void EncodeTimestamp(int64_t unix_nanos, google::protobuf::Timestamp* to) {
  to->set_seconds(unix_nanos / 1'000'000'000);
  to->set_nanos(static_cast<int>(unix_nanos % 1'000'000'000));
}

BodyHash& BodyHash::Add(std::string_view bytes) {
  value_ = XXH3_64bits_withSeed(bytes.data(), bytes.size(), value_ ^ bytes.size());
  return *this;
}
BodyHash& BodyHash::Add(uint64_t number) {
  return Add(std::string_view(reinterpret_cast<const char*>(&number), sizeof(number)));
}
BodyHash& BodyHash::Add(MatrixView m) {
  Add(m.rows).Add(m.cols);
  return Add(
      std::string_view(reinterpret_cast<const char*>(m.data), m.rows * m.cols * sizeof(float)));
}

}  // namespace mneme::server
