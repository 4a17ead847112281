// One piece of work, to be counted: `mneme-instructions CASE` runs it once warm, then once inside
// MeasuredWork, which is all that check_instructions.py has callgrind count.
#include <grpcpp/grpcpp.h>
#include <grpcpp/test/server_context_test_spouse.h>

#include <cmath>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/random.h"
#include "core/base/status.h"
#include "core/math/blas.h"
#include "core/math/cpu.h"
#include "core/math/kernels.h"
#include "core/models/model.h"
#include "server/rpc/call_meter.h"
#include "server/tracing/tracer.h"

using Work = std::function<void()>;

// Callgrind is told this name.
extern "C" __attribute__((noinline)) void MeasuredWork(const Work& work) { work(); }

namespace mneme::bench {
namespace {

Matrix UnitRows(size_t rows, size_t cols, uint64_t seed) {
  Random random(seed);
  Matrix out(rows, cols);
  for (size_t i = 0; i < rows; ++i) random.FillUnit(out.row(i));
  return out;
}

std::shared_ptr<const models::View> ViewOf(const models::MemorySpec& spec, const Matrix& keys) {
  auto model = models::MakeModel(spec);
  MNEME_CHECK(model.ok());
  std::vector<ItemId> ids;
  std::vector<uint64_t> rows;
  for (size_t i = 0; i < keys.rows(); ++i) {
    ids.emplace_back(i);
    rows.push_back(i);
  }
  models::RowBlock block{.keys = keys, .ids = ids, .row_numbers = rows};
  if (spec.response_dim > 0) block.responses = keys;
  MNEME_CHECK((*model)->Absorb(block).ok());
  (*model)->Maintain();
  return (*model)->Publish();
}

void Answer(const models::View& view, MatrixView cues, const models::QuerySpec& spec) {
  const auto query = view.Begin({.cues = cues}, spec);
  MNEME_CHECK(query.ok());
  bool done = false;
  while (!done) {
    const auto partial = (*query)->Empty();
    (*query)->Probe(0, (*query)->parts(), *partial);
    done = *(*query)->Settle(*partial);
  }
  MNEME_CHECK((*query)->TakeAnswer().cues.size() == cues.rows);
}

Work Scores() {
  auto keys = std::make_shared<Matrix>(UnitRows(1024, 128, 1));
  auto scores = std::make_shared<std::vector<float>>(1024);
  return [=] { math::DotRows(keys->data(), 128, 1024, keys->data(), 128, scores->data()); };
}

// Of keys that are cues with a little noise.
Work Ask(const models::MemorySpec& spec, size_t items, size_t cues, models::QuerySpec query) {
  auto keys = std::make_shared<Matrix>(UnitRows(items, spec.key_dim, 1));
  auto noisy = std::make_shared<Matrix>(Matrix::Copy(keys->view().slice(0, cues)));
  Random random(2);
  for (float& x : noisy->flat()) {
    x += static_cast<float>(0.3 * random.Gaussian() / std::sqrt(spec.key_dim));
  }
  return [keys, noisy, view = ViewOf(spec, *keys), query = std::move(query)] {
    Answer(*view, *noisy, query);
  };
}

Work DenseRetrieve() { return Ask({.key_dim = 128, .model = models::DenseSpec{}}, 100, 1, {}); }
// With beta given, so that none has to be estimated under valgrind.
models::MemorySpec Keys() {
  return {.key_dim = 128,
          .model = models::DenseSpec{.similarity = models::Similarity::kDot, .beta = 8}};
}
Work DenseList() { return Ask(Keys(), 8192, 1, {.kind = models::QueryKind::kList, .top = 10}); }
Work DenseLists() { return Ask(Keys(), 2048, 64, {.kind = models::QueryKind::kList, .top = 10}); }
Work LinearRetrieve() {
  return Ask({.key_dim = 256, .response_dim = 256, .model = models::LinearSpec{}}, 300, 1, {});
}

// What counting a call costs, beginning and end.
void Count(server::CallObserver& observer, const grpc::ServerContextBase* context) {
  server::CallMeter meter(observer, 0, context);
  meter.AddIn(540);
  meter.Pass(server::CallStage::kDecoded);
  // As many laps as a Retrieve has that runs where it came in.
  constexpr std::string_view kLaps[] = {"decode", "prepare", "begin", "scan",
                                        "settle", "finish",  "encode"};
  for (const std::string_view lap : kLaps) meter.Lap(lap);
  meter.Pass(server::CallStage::kAnswered);
  meter.AddOut(600);
  meter.Lap("respond");
  meter.End(0);
}

Work CountCall() {
  auto observer = std::make_shared<server::CallObserver>();
  auto context = std::make_shared<grpc::ServerContext>();
  return [=] { Count(*observer, context.get()); };
}

// The same with tracing on, of a call that comes with a traceparent.
struct Traced final : server::SpanSink {
  explicit Traced(const std::string& traceparent) {
    metadata.AddClientMetadata("traceparent", traceparent);
    observer.tracer = &tracer;
  }
  void Take(server::EndedCall call) override { calls.push_back(std::move(call)); }

  server::Tracer tracer{*this, Clock::Real(), 0, 1};
  server::CallObserver observer;
  grpc::ServerContext context;
  grpc::testing::ServerContextTestSpouse metadata{&context};
  std::vector<server::EndedCall> calls;
};

Work TraceCall(const std::string& traceparent) {
  auto traced = std::make_shared<Traced>(traceparent);
  return [traced] { Count(traced->observer, &traced->context); };
}
Work TraceUnsampled() {
  return TraceCall("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00");
}
Work TraceSampled() { return TraceCall("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"); }

struct Counted {
  std::string_view name;
  Work (*make)();
};
constexpr Counted kCounted[] = {{"dot-rows-1024x128", Scores},
                                {"retrieve-100x128", DenseRetrieve},
                                {"list-8192x128", DenseList},
                                {"lists-64-of-2048x128", DenseLists},
                                {"linear-retrieve-256x256", LinearRetrieve},
                                {"count-call", CountCall},
                                {"trace-call-unsampled", TraceUnsampled},
                                {"trace-call-sampled", TraceSampled}};

}  // namespace
}  // namespace mneme::bench

int main(int argc, char** argv) {
  using namespace mneme;
  math::ReselectBlasKernels();
  math::SetBlasThreads(1);
  for (const bench::Counted& counted : bench::kCounted) {
    if (argc == 1)
      std::printf("%.*s\n", static_cast<int>(counted.name.size()), counted.name.data());
    if (argc != 2 || counted.name != argv[1]) continue;
    const Work work = counted.make();
    work();
    MeasuredWork(work);
    std::printf("%s\n", math::InstructionSet().c_str());
    return 0;
  }
  if (argc == 1) return 0;
  std::fprintf(stderr,
               "mneme-instructions: given '%s', expected one of those it lists without "
               "arguments\n",
               argv[1]);
  return 2;
}
