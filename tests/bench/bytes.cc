// What memories hold beside what Forecast promised, over random specs.
#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/base/random.h"
#include "core/base/status.h"
#include "tests/bench/case.h"
#include "tests/bench/ours.h"

namespace mneme::bench {
namespace {

constexpr uint64_t kSeed = 7;

client::MemorySpec RandomSpec(Random& random, const std::string& name) {
  constexpr client::LinearRule kRules[] = {
      client::LinearRule::kCmm,        client::LinearRule::kRidge, client::LinearRule::kDecayed,
      client::LinearRule::kGatedDelta, client::LinearRule::kDelta, client::LinearRule::kRls,
      client::LinearRule::kTam};
  constexpr client::Retain kRetains[] = {client::Retain::kStatistics, client::Retain::kResponses,
                                         client::Retain::kAll};
  client::MemorySpec out;
  out.name = name;
  out.key_dim = static_cast<uint32_t>(16 + random.Below(500));
  out.response_dim = static_cast<uint32_t>(16 + random.Below(500));
  client::LinearSpec linear{.rule = kRules[random.Below(std::size(kRules))],
                            .partitions = static_cast<uint32_t>(1 + random.Below(4))};
  out.retain =
      linear.rule == client::LinearRule::kTam ? client::Retain::kAll : kRetains[random.Below(3)];
  out.model = linear;
  return out;
}

absl::Status StoreRandom(client::Client& client, const client::MemorySpec& spec, size_t items,
                         Random& random) {
  Matrix keys(items, spec.key_dim), responses(items, spec.response_dim);
  random.FillGaussian(keys.flat());
  random.FillGaussian(responses.flat());
  return client
      .Store(spec.name,
             {.keys = {.data = keys.data(), .rows = items, .cols = keys.cols()},
              .responses = {.data = responses.data(), .rows = items, .cols = responses.cols()}})
      .status();
}

std::string Describe(const std::vector<client::ByteAccount>& bytes) {
  std::string out;
  for (const client::ByteAccount& account : bytes) {
    absl::StrAppend(&out, out.empty() ? "" : ", ", account.what, " ", account.bytes);
  }
  return out;
}

std::string Describe(const client::MemorySpec& spec, size_t items) {
  const auto& linear = std::get<client::LinearSpec>(spec.model);
  return absl::StrCat(client::Name(linear.rule), ", ", spec.key_dim, " x ", spec.response_dim,
                      ", retain ", client::Name(spec.retain), ", ", linear.partitions,
                      " partitions, ", items, " items");
}

}  // namespace

absl::Status RunBytes(const Context& context, Report& report) {
  MNEME_ASSIGN_OR_RETURN(const std::unique_ptr<Server> server, Server::Start(context));
  client::Client& client = server->client();
  Random random(kSeed);
  const size_t specs = context.Size(100, 15);
  std::vector<double> off;
  std::string worst;
  uint64_t promised = 0, held = 0, resident = 0;
  for (size_t i = 0; i < specs; ++i) {
    const client::MemorySpec spec = RandomSpec(random, absl::StrCat("spec-", i));
    const size_t items = 100 + random.Below(4000);
    MNEME_ASSIGN_OR_RETURN(const client::ServerInfo before, client.GetServerInfo());
    MNEME_RETURN_IF_ERROR(client.CreateMemory(spec).status());
    MNEME_RETURN_IF_ERROR(StoreRandom(client, spec, items, random));
    MNEME_ASSIGN_OR_RETURN(const client::ForecastResult forecast,
                           client.Forecast(client::PlannedMemory{.spec = spec, .items = items}));
    MNEME_ASSIGN_OR_RETURN(const client::Memory memory, client.GetMemory(spec.name));
    MNEME_ASSIGN_OR_RETURN(const client::ServerInfo after, client.GetServerInfo());
    const double difference = std::abs(static_cast<double>(memory.state.memory_bytes) /
                                           static_cast<double>(forecast.memory_bytes) -
                                       1);
    if (off.empty() || difference > *std::ranges::max_element(off)) {
      worst = absl::StrCat(Describe(spec, items), ": promised ", Describe(forecast.bytes),
                           "; held ", Describe(memory.state.bytes));
    }
    off.push_back(difference);
    promised += forecast.memory_bytes;
    held += memory.state.memory_bytes;
    resident += std::max(after.resources.resident_bytes, before.resources.resident_bytes) -
                before.resources.resident_bytes;
  }
  report.verdicts.push_back(
      {absl::StrCat("worst of ", specs, " specs: how far held is from promised"),
       "",
       {.median = Percentile(off, 1),
        .low = Percentile(off, 0),
        .high = Percentile(off, 1),
        .repeats = off.size()},
       AtMost(0.05)});
  report.notes.push_back(absl::StrFormat(
      "Linear memories of all rules, seed %d. Promised %.1f MB in all, held %.1f MB by the "
      "memories' own accounts; the process grew by %.1f MB meanwhile (caches and write buffers "
      "of the storage too). Worst: %s.",
      kSeed, static_cast<double>(promised) * 1e-6, static_cast<double>(held) * 1e-6,
      static_cast<double>(resident) * 1e-6, worst));
  return absl::OkStatus();
}

}  // namespace mneme::bench
