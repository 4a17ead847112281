#include "core/engine/validate.h"

#include <algorithm>
#include <cmath>

#include "absl/container/flat_hash_map.h"
#include "core/base/status.h"
#include "core/engine/catalogue.h"
#include "core/engine/item_policy.h"
#include "core/engine/row_bytes.h"
#include "core/filter/attributes.h"

namespace mneme::engine {
namespace {

// The sum of finite numbers times zero is zero, of others NaN: one pass without a branch, the
// search only if it fails.
absl::Status CheckFinite(std::string_view what, MatrixView m) {
  float probe = 0;
  const float* p = m.data;
  const size_t n = m.rows * m.cols;
  for (size_t i = 0; i < n; ++i) probe += p[i] * 0.0f;
  if (probe == 0) return absl::OkStatus();
  for (size_t i = 0; i < n; ++i) {
    if (std::isfinite(p[i])) continue;
    return InvalidArgument(
        absl::StrFormat("%s row %d, column %d is %g; all numbers must be finite", AbslView(what),
                        i / m.cols, i % m.cols, p[i]),
        {.reason = "NOT_FINITE",
         .given = absl::StrCat(p[i]),
         .expected = "finite numbers",
         .next_step =
             "Remove or replace the row before sending it. Nothing of the batch was used."});
  }
  return absl::OkStatus();
}

absl::Status CheckShape(std::string_view what, MatrixView m, size_t rows, size_t cols,
                        std::string_view memory) {
  if (m.cols != cols) {
    return InvalidArgument(
        absl::StrFormat("%s have %d columns, memory '%s' has %d", AbslView(what), m.cols,
                        AbslView(memory), cols),
        {.reason = "SHAPE",
         .given = absl::StrCat(m.cols, " columns"),
         .expected = absl::StrCat(cols, " columns"),
         .next_step =
             "Send vectors of the memory's dimension (mnemectl memory describe shows it)."});
  }
  if (m.rows != rows) {
    return InvalidArgument(
        absl::StrFormat("%d %s for %d rows", m.rows, AbslView(what), rows),
        {.reason = "SHAPE",
         .given = absl::StrCat(m.rows, " rows"),
         .expected = absl::StrCat(rows, " rows"),
         .next_step = "Send one for each row, or leave the column out where it is optional."});
  }
  return absl::OkStatus();
}

absl::Status CheckCount(std::string_view what, size_t given, size_t rows) {
  if (given == 0 || given == rows) return absl::OkStatus();
  return InvalidArgument(absl::StrFormat("%d %s for %d rows", given, AbslView(what), rows),
                         {.reason = "SHAPE",
                          .given = absl::StrCat(given),
                          .expected = absl::StrCat(rows, ", or none"),
                          .next_step = "Send one for each row, or leave them out."});
}

absl::Status CheckBatch(size_t rows, const Limits& limits) {
  if (rows == 0) {
    return InvalidArgument("the batch is empty", {.reason = "EMPTY_BATCH",
                                                  .given = "0 rows",
                                                  .expected = "at least 1 row",
                                                  .next_step = "Send at least one row."});
  }
  if (rows > limits.rows_per_store_max) {
    return OverLimit("rows in one batch", rows, limits.rows_per_store_max,
                     "Split the batch, or raise limits.rows_per_store_max.");
  }
  return absl::OkStatus();
}

absl::Status CheckDistinct(const std::vector<ItemId>& ids) {
  absl::flat_hash_map<ItemId, size_t> seen;
  seen.reserve(ids.size());
  for (size_t i = 0; i < ids.size(); ++i) {
    const auto [it, inserted] = seen.try_emplace(ids[i], i);
    if (inserted) continue;
    return InvalidArgument(
        absl::StrFormat("rows %d and %d have the same id '%s'", it->second, i, ids[i].ToString()),
        {.reason = "DUPLICATE_ID",
         .given = ids[i].ToString(),
         .expected = "each id once in a batch",
         .next_step = "Keep one of the rows. Nothing of the batch was used."});
  }
  return absl::OkStatus();
}

absl::Status CheckWeights(std::span<const float> weights, size_t rows) {
  MNEME_RETURN_IF_ERROR(CheckCount("weights", weights.size(), rows));
  for (size_t i = 0; i < weights.size(); ++i) {
    if (std::isfinite(weights[i]) && weights[i] > 0) continue;
    return InvalidArgument(
        absl::StrFormat("the weight of row %d is %g", i, weights[i]),
        {.reason = "WEIGHT",
         .given = absl::StrCat(weights[i]),
         .expected = "a positive finite number",
         .next_step =
             "To take an item out, delete it; to weaken it, give a small positive weight."});
  }
  return absl::OkStatus();
}

absl::Status CheckResponses(MatrixView responses, size_t rows, const Memory& memory) {
  const size_t dim = memory.spec().response_dim;
  if (dim > 0) return CheckShape("responses", responses, rows, dim, memory.name());
  if (responses.rows == 0) return absl::OkStatus();
  return InvalidArgument(
      absl::StrFormat("memory '%s' is auto-associative and takes no responses", memory.name()),
      {.reason = "SHAPE",
       .given = absl::StrCat(responses.rows, " responses"),
       .expected = "none",
       .next_step = "Leave responses out, or create a memory with a response_dim."});
}

// What is stored must be read again by every start of the server.
absl::Status CheckAttributes(std::string_view bytes) {
  filter::AttributeReader reader(bytes);
  while (reader.Next()) {
  }
  if (reader.status().ok()) return absl::OkStatus();
  return InvalidArgument("the attributes are not in the form in which they are stored",
                         {.reason = "ATTRIBUTES",
                          .given = absl::StrCat(bytes.size(), " bytes"),
                          .expected = "attributes in ascending order of their names",
                          .next_step = "Encode them as docs/formats/attributes.md says."});
}

absl::Status CheckLifetimes(const StoreCommand& command, const Memory& memory) {
  MNEME_RETURN_IF_ERROR(
      CheckCount("expire times", command.expire_unix_nanos.size(), command.keys.rows));
  ItemPolicy asked;
  asked.ttl_nanos = command.ttl_nanos.value_or(0);
  const auto& times = command.expire_unix_nanos;
  const auto negative = std::find_if(times.begin(), times.end(), [](int64_t t) { return t < 0; });
  if (negative != times.end()) {
    return InvalidArgument(
        absl::StrFormat("row %d expires before 1970", negative - times.begin()),
        {.reason = "EXPIRED",
         .given = absl::StrCat(*negative, " ns since 1970"),
         .expected = "a time that is to come",
         .next_step = "Leave the row out, or give a later time. Nothing of the batch was stored."});
  }
  if (!times.empty()) asked.ttl_nanos = std::max<int64_t>(asked.ttl_nanos, 1);
  return ValidateItemPolicy(asked, memory.spec());
}

// One an id, or none.
absl::Status CheckItemEtags(const std::vector<std::optional<ItemEtag>>& etags, size_t ids) {
  if (etags.empty()) return absl::OkStatus();
  if (ids > 0) return CheckCount("etags", etags.size(), ids);
  return InvalidArgument("etags are of items that are there, so their ids are needed",
                         {.reason = "ETAG_WITHOUT_ID",
                          .given = absl::StrCat(etags.size(), " etags, no ids"),
                          .expected = "one id for each",
                          .next_step = "Send the ids of the items."});
}

}  // namespace

absl::Status OverLimit(std::string_view what, uint64_t given, uint64_t limit,
                       std::string_view next_step) {
  return ResourceExhausted(absl::StrFormat("%d %s; the limit is %d", given, AbslView(what), limit),
                           {.reason = "LIMIT",
                            .given = absl::StrCat(given),
                            .expected = absl::StrCat("at most ", limit),
                            .next_step = std::string(next_step)});
}

absl::Status ValidateRequestId(std::string_view id) {
  const bool printable =
      std::all_of(id.begin(), id.end(), [](char c) { return c > 0x20 && c < 0x7f; });
  if (id.size() <= kRequestIdBytesMax && printable) return absl::OkStatus();
  return InvalidArgument("the request id is not usable",
                         {.reason = "REQUEST_ID",
                          .given = absl::StrCat(id.size(), " bytes"),
                          .expected = absl::StrCat("1 to ", kRequestIdBytesMax,
                                                   " printable ASCII characters without blanks"),
                          .next_step = "Use a UUID, or leave the request id out."});
}

absl::Status ValidateLabels(const Labels& labels) {
  if (labels.description.size() > kDescriptionBytesMax) {
    return OverLimit("bytes of description", labels.description.size(), kDescriptionBytesMax,
                     "Shorten it.");
  }
  if (labels.labels.size() > kLabelsMax)
    return OverLimit("labels", labels.labels.size(), kLabelsMax, "Send fewer.");
  for (const auto& [key, value] : labels.labels) {
    const size_t longest = std::max(key.size(), value.size());
    if (longest > kLabelBytesMax)
      return OverLimit("bytes in a label", longest, kLabelBytesMax, "Shorten it.");
  }
  return absl::OkStatus();
}

int StepsMaxOf(const models::MemorySpec& spec) {
  if (const auto* dense = std::get_if<models::DenseSpec>(&spec.model)) return dense->steps_max;
  const auto* feature = std::get_if<models::FeatureSpec>(&spec.model);
  return feature != nullptr && spec.response_dim == 0 ? feature->steps_max : 1;
}

absl::Status ValidateCreate(const CreateCommand& command, const Limits& limits) {
  MNEME_RETURN_IF_ERROR(ValidateMemoryName(command.name));
  MNEME_RETURN_IF_ERROR(ValidateLabels(command.labels));
  MNEME_RETURN_IF_ERROR(ValidateRequestId(command.request_id));
  const models::MemorySpec& spec = command.spec;
  if (spec.key_dim > limits.dimension_max) {
    return OverLimit("numbers in a key", spec.key_dim, limits.dimension_max,
                     "Project the vectors to fewer dimensions, or raise limits.dimension_max.");
  }
  if (spec.response_dim > limits.dimension_max) {
    return OverLimit("numbers in a response", spec.response_dim, limits.dimension_max,
                     "Project the vectors to fewer dimensions, or raise limits.dimension_max.");
  }
  if (const auto* linear = std::get_if<models::LinearSpec>(&spec.model);
      linear != nullptr && linear->partitions > limits.partitions_max) {
    return OverLimit("partitions", linear->partitions, limits.partitions_max,
                     "Use fewer partitions, or raise limits.partitions_max.");
  }
  MNEME_RETURN_IF_ERROR(models::ValidateSpec(spec));
  if (const int steps = StepsMaxOf(spec); steps > kStepsMax) {
    return OverLimit("steps", static_cast<uint64_t>(steps), kStepsMax,
                     "A recall that needs more does not converge; look at beta.");
  }
  if (const auto* feature = std::get_if<models::FeatureSpec>(&spec.model)) {
    MNEME_RETURN_IF_ERROR(models::CheckExpectations(spec, *feature));
  }
  MNEME_RETURN_IF_ERROR(ValidateItemPolicy(command.item_policy, spec));
  const uint64_t fixed = FixedBytes(spec);
  if (fixed <= limits.fixed_bytes_max) return absl::OkStatus();
  return OverLimit("bytes of matrices", fixed, limits.fixed_bytes_max,
                   "Use smaller vectors or fewer partitions, or raise limits.fixed_bytes_max.");
}

absl::Status ValidateStore(const StoreCommand& command, const Memory& memory,
                           const Limits& limits) {
  const size_t rows = command.keys.rows;
  MNEME_RETURN_IF_ERROR(CheckBatch(rows, limits));
  MNEME_RETURN_IF_ERROR(
      CheckShape("keys", command.keys, rows, memory.spec().key_dim, memory.name()));
  MNEME_RETURN_IF_ERROR(CheckResponses(command.responses, rows, memory));
  MNEME_RETURN_IF_ERROR(CheckCount("ids", command.ids.size(), rows));
  MNEME_RETURN_IF_ERROR(CheckCount("payloads or attributes", command.payloads.size(), rows));
  MNEME_RETURN_IF_ERROR(ValidateRequestId(command.request_id));
  if (!memory.keeps_ids() && (!command.ids.empty() || !command.payloads.empty())) {
    return InvalidArgument(
        absl::StrFormat("memory '%s' keeps its statistics only: no ids, payloads or attributes",
                        memory.name()),
        {.reason = "ITEMS_NOT_KEPT",
         .given = command.ids.empty() ? "payloads or attributes" : "ids",
         .expected = "keys and responses alone",
         .next_step = "Leave them out, or create a memory with retain RESPONSES or ALL."});
  }
  MNEME_RETURN_IF_ERROR(CheckLifetimes(command, memory));
  MNEME_RETURN_IF_ERROR(CheckItemEtags(command.etags, command.ids.size()));
  if (!command.etags.empty() && !command.upsert) {
    return InvalidArgument("etags are of items that are to be replaced",
                           {.reason = "ETAG_WITHOUT_UPSERT",
                            .given = "etags without upsert",
                            .expected = "upsert, or no etags",
                            .next_step = "Set upsert."});
  }
  for (const storage::Payload& p : command.payloads) {
    if (p.payload.size() > limits.payload_bytes_max) {
      return OverLimit("bytes of payload", p.payload.size(), limits.payload_bytes_max,
                       "Keep large objects elsewhere and store their address, or raise "
                       "limits.payload_bytes_max.");
    }
    if (p.attributes.size() > limits.payload_bytes_max) {
      return OverLimit("bytes of attributes", p.attributes.size(), limits.payload_bytes_max,
                       "Send fewer or shorter attributes.");
    }
    MNEME_RETURN_IF_ERROR(CheckAttributes(p.attributes));
  }
  MNEME_RETURN_IF_ERROR(CheckWeights(command.weights, rows));
  MNEME_RETURN_IF_ERROR(CheckDistinct(command.ids));
  MNEME_RETURN_IF_ERROR(CheckFinite("keys", command.keys));
  MNEME_RETURN_IF_ERROR(CheckFinite("responses", command.responses));
  models::RowBlock block{
      .keys = command.keys, .responses = command.responses, .weights = command.weights};
  return memory.CheckRows(block);
}

absl::Status ValidateDelete(const DeleteCommand& command, const Memory& memory,
                            const Limits& limits) {
  MNEME_RETURN_IF_ERROR(ValidateRequestId(command.request_id));
  if (const auto* feature = std::get_if<models::FeatureSpec>(&memory.spec().model);
      feature != nullptr && feature->gamma < 1) {
    return FailedPrecondition(
        absl::StrFormat("items of memory '%s' fade: how much of one is left is not known",
                        memory.name()),
        {.reason = "ITEMS_FADE",
         .given = "items to delete",
         .expected = "a memory with gamma 1",
         .next_step = "Let them fade, or create a memory without gamma."});
  }
  const bool by_id = memory.keeps_ids();
  const bool needs_pairs = memory.law() != models::Law::kAnswersAdd && !memory.keeps_keys();
  const bool has_pairs = command.keys.rows > 0 || command.responses.rows > 0;
  if (needs_pairs && !has_pairs) {
    return FailedPrecondition(
        absl::StrFormat(
            "memory '%s' does not keep the vectors of its items, so it cannot forget by id alone",
            memory.name()),
        {.reason = "VECTORS_NEEDED",
         .given = "ids",
         .expected = "the keys and responses that were stored",
         .next_step = "Send the pairs: keys and responses, and the weights if they were not 1."});
  }
  if (!needs_pairs && has_pairs) {
    return InvalidArgument(
        absl::StrFormat("memory '%s' forgets by id; keys and responses are not needed",
                        memory.name()),
        {.reason = "PAIRS_NOT_NEEDED",
         .given = "pairs",
         .expected = "ids",
         .next_step = "Send ids alone."});
  }
  if (!by_id && !command.ids.empty()) {
    return InvalidArgument(
        absl::StrFormat("memory '%s' keeps no ids", memory.name()),
        {.reason = "ITEMS_NOT_KEPT",
         .given = "ids",
         .expected = "pairs alone",
         .next_step = "Send the keys and responses that were stored, without ids."});
  }
  if (!command.filter.empty()) {
    if (command.ids.empty() && command.etags.empty()) return absl::OkStatus();
    return InvalidArgument("ids and a filter both say what to delete",
                           {.reason = "IDS_AND_FILTER",
                            .given = absl::StrCat(command.ids.size(), " ids and a filter"),
                            .expected = "ids, with or without etags, or a filter",
                            .next_step = "Send one of the two."});
  }
  const size_t rows = by_id ? command.ids.size() : command.keys.rows;
  MNEME_RETURN_IF_ERROR(CheckBatch(rows, limits));
  MNEME_RETURN_IF_ERROR(CheckDistinct(command.ids));
  MNEME_RETURN_IF_ERROR(CheckItemEtags(command.etags, command.ids.size()));
  if (!needs_pairs) return absl::OkStatus();
  MNEME_RETURN_IF_ERROR(
      CheckShape("keys", command.keys, rows, memory.spec().key_dim, memory.name()));
  MNEME_RETURN_IF_ERROR(CheckResponses(command.responses, rows, memory));
  MNEME_RETURN_IF_ERROR(CheckWeights(command.weights, rows));
  MNEME_RETURN_IF_ERROR(CheckFinite("keys", command.keys));
  MNEME_RETURN_IF_ERROR(CheckFinite("responses", command.responses));
  models::RowBlock block{
      .keys = command.keys, .responses = command.responses, .weights = command.weights};
  return memory.CheckRows(block);
}

absl::Status ValidateCandidates(MatrixView responses, const Memory& memory, const Limits& limits) {
  if (responses.rows > limits.list_size_max) {
    return OverLimit("candidate responses", responses.rows, limits.list_size_max,
                     "Split the candidates over several requests, or raise limits.list_size_max.");
  }
  MNEME_RETURN_IF_ERROR(CheckShape("candidate responses", responses, responses.rows,
                                   memory.spec().response_dim, memory.name()));
  return CheckFinite("candidate responses", responses);
}

absl::Status ValidateCues(const models::CueBatch& cues, const Memory& memory,
                          const Limits& limits) {
  const size_t rows = cues.cues.rows;
  if (rows == 0) {
    return InvalidArgument("there is no cue", {.reason = "EMPTY_BATCH",
                                               .given = "0 cues",
                                               .expected = "at least 1",
                                               .next_step = "Send at least one cue."});
  }
  if (rows > limits.cues_max)
    return OverLimit("cues in one request", rows, limits.cues_max,
                     "Split the request, or raise limits.cues_max.");
  MNEME_RETURN_IF_ERROR(CheckShape("cues", cues.cues, rows, memory.spec().key_dim, memory.name()));
  const size_t mask_bytes = rows * ((cues.cues.cols + 7) / 8);
  if (!cues.mask.empty() && cues.mask.size() != mask_bytes) {
    return InvalidArgument(
        absl::StrFormat("the mask has %d bytes, %d cues of %d columns need %d", cues.mask.size(),
                        rows, cues.cues.cols, mask_bytes),
        {.reason = "SHAPE",
         .given = absl::StrCat(cues.mask.size(), " bytes"),
         .expected = absl::StrCat(mask_bytes, " bytes"),
         .next_step = "Send ceil(columns / 8) bytes a cue, or one such row for all."});
  }
  return CheckFinite("cues", cues.cues);
}

}  // namespace mneme::engine
