#include "core/engine/catalogue_entry.h"

#include "core/base/bytes.h"
#include "core/base/status.h"
#include "core/engine/item_policy.h"

namespace mneme::engine {
namespace {

// Version 2: the count of suppressed items. Version 3: the count of evicted ones, and whether there
// are more.
constexpr uint8_t kReplyVersion = 3;
constexpr uint8_t kCheckpointVersion = 1;
constexpr uint8_t kDenseTag = 1;
constexpr uint8_t kLinearTag = 2;
constexpr uint8_t kFeatureTag = 3;
constexpr uint8_t kNoIndexTag = 0;
constexpr uint8_t kBinaryIndexTag = 1;
constexpr uint8_t kGraphIndexTag = 2;

absl::Status Corrupt(std::string_view what) {
  return DataLoss(absl::StrCat("the ", AbslView(what), " cannot be read back"),
                  {.reason = "CORRUPT", .next_step = "Restore the data directory from a backup."});
}

absl::Status CheckVersion(std::string_view what, uint8_t version, uint8_t known) {
  if (version == 0) return Corrupt(what);
  if (version <= known) return absl::OkStatus();
  return FailedPrecondition(
      absl::StrFormat("the %s has version %d, this build reads up to %d", AbslView(what), version,
                      known),
      {.reason = "FORMAT_VERSION",
       .given = absl::StrCat(version),
       .expected = absl::StrCat("at most ", known),
       .next_step = "Start the version of mneme that wrote the data directory, or a newer one."});
}

void PutOptional(ByteWriter& out, const std::optional<double>& value) {
  out.Put<uint8_t>(value.has_value());
  out.Put<double>(value.value_or(0));
}

std::optional<double> GetOptional(ByteReader& in) {
  const bool present = in.Get<uint8_t>() != 0;
  const double value = in.Get<double>();
  return present ? std::optional<double>(value) : std::nullopt;
}

void PutIndex(ByteWriter& out, const std::optional<models::IndexSpec>& index) {
  if (!index.has_value()) return out.Put(kNoIndexTag);
  if (const auto* binary = std::get_if<models::BinaryIndexSpec>(&index->kind)) {
    out.Put(kBinaryIndexTag);
    out.Put<uint32_t>(binary->bits);
    out.Put<uint64_t>(binary->rotation_seed);
    out.Put<uint8_t>(binary->centred);
    out.Put<uint32_t>(binary->tile_size);
    out.Put<uint32_t>(binary->tile_keep);
  } else {
    const auto& graph = std::get<models::GraphIndexSpec>(index->kind);
    out.Put(kGraphIndexTag);
    out.Put<uint32_t>(graph.links);
    out.Put<uint32_t>(graph.construction_width);
    out.Put<uint64_t>(graph.seed);
  }
  out.Put<double>(index->target_recall);
  out.Put<uint32_t>(index->rescore_depth);
}

absl::Status GetIndex(ByteReader& in, std::optional<models::IndexSpec>* index) {
  const uint8_t tag = in.Get<uint8_t>();
  if (tag == kNoIndexTag) return absl::OkStatus();
  index->emplace();
  if (tag == kBinaryIndexTag) {
    models::BinaryIndexSpec binary;
    binary.bits = in.Get<uint32_t>();
    binary.rotation_seed = in.Get<uint64_t>();
    binary.centred = in.Get<uint8_t>() != 0;
    binary.tile_size = in.Get<uint32_t>();
    binary.tile_keep = in.Get<uint32_t>();
    (*index)->kind = binary;
  } else if (tag == kGraphIndexTag) {
    models::GraphIndexSpec graph;
    graph.links = in.Get<uint32_t>();
    graph.construction_width = in.Get<uint32_t>();
    graph.seed = in.Get<uint64_t>();
    (*index)->kind = graph;
  } else {
    return Corrupt("catalogue entry");
  }
  (*index)->target_recall = in.Get<double>();
  (*index)->rescore_depth = in.Get<uint32_t>();
  return absl::OkStatus();
}

void PutFeature(ByteWriter& out, const models::FeatureSpec& feature) {
  out.Put(kFeatureTag);
  out.Put<uint8_t>(static_cast<uint8_t>(feature.kind));
  out.Put<uint64_t>(feature.features);
  out.Put<double>(feature.beta);
  out.Put<uint64_t>(feature.seed);
  out.Put<double>(feature.rate);
  out.Put<int32_t>(feature.steps_max);
  out.Put<double>(feature.tolerance);
  out.Put<double>(feature.gamma);
  out.Put<uint64_t>(feature.items_expected);
  out.Put<double>(feature.cue_noise);
}

models::FeatureSpec GetFeature(ByteReader& in) {
  models::FeatureSpec feature;
  feature.kind = static_cast<models::FeatureKind>(in.Get<uint8_t>());
  feature.features = in.Get<uint64_t>();
  feature.beta = in.Get<double>();
  feature.seed = in.Get<uint64_t>();
  feature.rate = in.Get<double>();
  feature.steps_max = in.Get<int32_t>();
  feature.tolerance = in.Get<double>();
  feature.gamma = in.Get<double>();
  feature.items_expected = in.Get<uint64_t>();
  feature.cue_noise = in.Get<double>();
  return feature;
}

void PutSpec(ByteWriter& out, const models::MemorySpec& spec) {
  out.Put<uint64_t>(spec.key_dim);
  out.Put<uint64_t>(spec.response_dim);
  out.Put<uint8_t>(static_cast<uint8_t>(spec.retain));
  if (const auto* dense = std::get_if<models::DenseSpec>(&spec.model)) {
    out.Put<uint8_t>(kDenseTag);
    out.Put<uint8_t>(static_cast<uint8_t>(dense->similarity));
    PutOptional(out, dense->beta);
    out.Put<int32_t>(dense->steps_max);
    out.Put<double>(dense->tolerance);
    PutIndex(out, dense->index);
    out.Put<uint8_t>(static_cast<uint8_t>(dense->separation));
    out.Put<int32_t>(dense->power);
    out.Put<uint8_t>(static_cast<uint8_t>(dense->state));
    out.Put<uint8_t>(static_cast<uint8_t>(dense->no_support));
    PutOptional(out, dense->radius);
    out.Put<uint8_t>(static_cast<uint8_t>(dense->encoder));
  } else if (const auto* feature = std::get_if<models::FeatureSpec>(&spec.model)) {
    PutFeature(out, *feature);
  } else {
    const auto& linear = std::get<models::LinearSpec>(spec.model);
    out.Put<uint8_t>(kLinearTag);
    out.Put<uint8_t>(static_cast<uint8_t>(linear.rule));
    PutOptional(out, linear.lambda);
    out.Put<uint32_t>(linear.partitions);
    out.Put<uint8_t>(linear.normalize_keys);
    out.Put<uint8_t>(linear.normalize_responses);
    out.Put<double>(linear.beta);
    out.Put<double>(linear.gamma);
    out.Put<uint32_t>(linear.list_size);
    PutOptional(out, linear.tail_fraction);
    out.Put<uint8_t>(static_cast<uint8_t>(linear.load_policy));
    out.Put<double>(linear.load_limit);
    out.Put<uint8_t>(linear.fast_statistics);
    out.Put<uint32_t>(static_cast<uint32_t>(linear.key_mean.size()));
    for (const float x : linear.key_mean) out.Put<float>(x);
  }
}

void PutPolicy(ByteWriter& out, const ItemPolicy& policy) {
  out.Put<int64_t>(policy.ttl_nanos);
  out.Put<uint64_t>(policy.items_max);
  out.Put<uint64_t>(policy.bytes_max);
  out.Put<uint8_t>(static_cast<uint8_t>(policy.full_policy));
}

ItemPolicy GetPolicy(ByteReader& in) {
  ItemPolicy policy;
  policy.ttl_nanos = in.Get<int64_t>();
  policy.items_max = in.Get<uint64_t>();
  policy.bytes_max = in.Get<uint64_t>();
  policy.full_policy = static_cast<FullPolicy>(in.Get<uint8_t>());
  return policy;
}

absl::Status GetSpec(ByteReader& in, uint8_t version, models::MemorySpec* spec) {
  spec->key_dim = in.Get<uint64_t>();
  spec->response_dim = in.Get<uint64_t>();
  spec->retain = static_cast<models::Retain>(in.Get<uint8_t>());
  const uint8_t tag = in.Get<uint8_t>();
  if (tag == kDenseTag) {
    models::DenseSpec dense;
    dense.similarity = static_cast<models::Similarity>(in.Get<uint8_t>());
    dense.beta = GetOptional(in);
    dense.steps_max = in.Get<int32_t>();
    dense.tolerance = in.Get<double>();
    if (version >= 4) MNEME_RETURN_IF_ERROR(GetIndex(in, &dense.index));
    if (version >= 5) {
      dense.separation = static_cast<models::Separation>(in.Get<uint8_t>());
      dense.power = in.Get<int32_t>();
      dense.state = static_cast<models::StateSpace>(in.Get<uint8_t>());
      dense.no_support = static_cast<models::NoSupportPolicy>(in.Get<uint8_t>());
      dense.radius = GetOptional(in);
    }
    if (version >= 6) dense.encoder = static_cast<models::Encoder>(in.Get<uint8_t>());
    spec->model = dense;
  } else if (tag == kLinearTag) {
    models::LinearSpec linear;
    linear.rule = static_cast<models::LinearRule>(in.Get<uint8_t>());
    linear.lambda = GetOptional(in);
    linear.partitions = in.Get<uint32_t>();
    linear.normalize_keys = in.Get<uint8_t>() != 0;
    linear.normalize_responses = in.Get<uint8_t>() != 0;
    if (version >= 2) {
      linear.beta = in.Get<double>();
      linear.gamma = in.Get<double>();
      linear.list_size = in.Get<uint32_t>();
      linear.tail_fraction = GetOptional(in);
      linear.load_policy = static_cast<models::LoadPolicy>(in.Get<uint8_t>());
      linear.load_limit = in.Get<double>();
      linear.fast_statistics = in.Get<uint8_t>() != 0;
      const uint32_t mean = in.Get<uint32_t>();
      for (uint32_t i = 0; i < mean && in.ok(); ++i) linear.key_mean.push_back(in.Get<float>());
    }
    spec->model = std::move(linear);
  } else if (tag == kFeatureTag && version >= 5) {
    spec->model = GetFeature(in);
  } else {
    return Corrupt("catalogue entry");
  }
  return in.ok() ? absl::OkStatus() : Corrupt("catalogue entry");
}

}  // namespace

std::string EncodeCatalogueEntry(const MemoryInfo& info) {
  ByteWriter out;
  out.Put(kCatalogueEntryVersion);
  out.PutBytes(info.name);
  out.Put(info.uid);
  out.Put(info.revision);
  out.Put(info.create_unix_nanos);
  out.Put(info.update_unix_nanos);
  out.PutBytes(info.labels.description);
  out.Put(static_cast<uint32_t>(info.labels.labels.size()));
  for (const auto& [key, value] : info.labels.labels) {
    out.PutBytes(key);
    out.PutBytes(value);
  }
  PutSpec(out, info.spec);
  PutPolicy(out, info.item_policy);
  out.Put<uint8_t>(info.frozen);
  return out.Take();
}

uint8_t CatalogueEntryVersion(std::string_view bytes) { return ByteReader(bytes).Get<uint8_t>(); }

absl::StatusOr<MemoryInfo> DecodeCatalogueEntry(std::string_view bytes) {
  ByteReader in(bytes);
  const uint8_t version = in.Get<uint8_t>();
  MNEME_RETURN_IF_ERROR(CheckVersion("catalogue entry", version, kCatalogueEntryVersion));
  MemoryInfo info;
  info.name = in.GetBytes();
  info.uid = in.Get<uint64_t>();
  info.revision = in.Get<uint64_t>();
  info.create_unix_nanos = in.Get<int64_t>();
  info.update_unix_nanos = in.Get<int64_t>();
  info.labels.description = in.GetBytes();
  const uint32_t labels = in.Get<uint32_t>();
  for (uint32_t i = 0; i < labels && in.ok(); ++i) {
    std::string key(in.GetBytes());
    info.labels.labels[std::move(key)] = in.GetBytes();
  }
  MNEME_RETURN_IF_ERROR(GetSpec(in, version, &info.spec));
  if (version >= 3) {
    info.item_policy = GetPolicy(in);
    info.frozen = in.Get<uint8_t>() != 0;
  }
  if (!in.done()) return Corrupt("catalogue entry");
  if (!models::ValidateSpec(info.spec).ok() ||
      !ValidateItemPolicy(info.item_policy, info.spec).ok()) {
    return Corrupt("catalogue entry");
  }
  return info;
}

std::string EncodeWriteReply(const WriteReply& reply) {
  ByteWriter out;
  out.Put(kReplyVersion);
  for (uint64_t value :
       {reply.uid, reply.position, reply.stored, reply.replaced, reply.deleted, reply.missing,
        reply.first_id, reply.item_count, reply.suppressed, reply.evicted}) {
    out.Put(value);
  }
  out.Put<uint8_t>(reply.more);
  out.Put(static_cast<uint8_t>(reply.sync));
  return out.Take();
}

absl::StatusOr<WriteReply> DecodeWriteReply(std::string_view bytes) {
  ByteReader in(bytes);
  const uint8_t version = in.Get<uint8_t>();
  MNEME_RETURN_IF_ERROR(CheckVersion("request outcome", version, kReplyVersion));
  WriteReply reply;
  for (uint64_t* value : {&reply.uid, &reply.position, &reply.stored, &reply.replaced,
                          &reply.deleted, &reply.missing, &reply.first_id, &reply.item_count}) {
    *value = in.Get<uint64_t>();
  }
  if (version >= 2) reply.suppressed = in.Get<uint64_t>();
  if (version >= 3) {
    reply.evicted = in.Get<uint64_t>();
    reply.more = in.Get<uint8_t>() != 0;
  }
  const uint8_t sync = in.Get<uint8_t>();
  if (!in.done() || sync > static_cast<uint8_t>(Sync::kDisk)) return Corrupt("request outcome");
  reply.sync = static_cast<Sync>(sync);
  return reply;
}

std::string EncodeCheckpoint(uint64_t next_row, std::string_view model_blob) {
  ByteWriter out;
  out.Put(kCheckpointVersion);
  out.Put(next_row);
  out.PutRaw(model_blob);
  return out.Take();
}

absl::StatusOr<Checkpoint> DecodeCheckpoint(std::string_view bytes) {
  ByteReader in(bytes);
  MNEME_RETURN_IF_ERROR(CheckVersion("checkpoint", in.Get<uint8_t>(), kCheckpointVersion));
  Checkpoint checkpoint;
  checkpoint.next_row = in.Get<uint64_t>();
  if (!in.ok()) return Corrupt("checkpoint");
  checkpoint.model_blob = in.rest();
  return checkpoint;
}

}  // namespace mneme::engine
