#include "tests/sim/ledger.h"

#include <algorithm>
#include <utility>

#include "core/base/status.h"

namespace mneme::sim {
namespace {

using federation::GradUp;
using federation::StatUp;
using federation::Tally;
using federation::Trace;

std::string Text(const Process& process) {
  return absl::StrCat(process.name, "#", process.incarnation);
}

const Tally* TallyOf(const federation::Body& body) {
  if (const auto* up = std::get_if<GradUp>(&body)) return &up->tally;
  if (const auto* up = std::get_if<StatUp>(&body)) return &up->tally;
  return nullptr;
}

}  // namespace

void Ledger::Traced(const Process& at, uint64_t epoch, const Trace& trace,
                    const std::vector<federation::Action>& actions) {
  switch (trace.kind) {
    case Trace::Kind::kEvaluated:
      return Evaluated(at, trace);
    case Trace::Kind::kAccepted:
      return Accepted(at, epoch, trace);
    case Trace::Kind::kUploaded:
      return Uploaded(at, trace, actions);
    case Trace::Kind::kCleared:
      sums_.erase({at, trace.root, trace.tag});
      return;
    case Trace::Kind::kForgotten:
      std::erase_if(sums_, [&](const auto& entry) {
        return std::get<0>(entry.first) == at && std::get<1>(entry.first) == trace.root;
      });
      return;
  }
}

void Ledger::Evaluated(const Process& at, const Trace& trace) {
  ++evaluations_;
  federation::Ranges& evaluated = evaluated_[{at.name, trace.root}];
  if (evaluated.Touches(trace.items_from, trace.items_to)) {
    Broken(absl::StrCat(Text(at), " evaluates items ", trace.items_from, "..", trace.items_to,
                        " for ", trace.root, " again"));
  }
  evaluated.Add(trace.items_from, trace.items_to);
  sums_[{at, trace.root, trace.tag}].evaluations.push_back(
      {.of = at, .root = trace.root, .number = trace.evaluation, .items = trace.items});
}

void Ledger::Accepted(const Process& at, uint64_t epoch, const Trace& trace) {
  const FrameId id{.from = {trace.peer, trace.peer_incarnation},
                   .to = at,
                   .epoch = trace.epoch,
                   .seq = trace.edge_seq};
  const std::string what =
      absl::StrCat(Text(at), " takes frame ", id.seq, " of ", Text(id.from), ", epoch ", id.epoch);
  if (trace.epoch != epoch) Broken(absl::StrCat(what, ", in epoch ", epoch));
  if (!accepted_.insert(id).second) Broken(absl::StrCat(what, ", again"));
  if (id.from.name == liar_) {
    if (trace.root != at.name) sums_[{at, trace.root, trace.tag}].lies = true;
    return;
  }
  const auto frame = frames_.find(id);
  if (frame == frames_.end()) return Broken(absl::StrCat(what, ", which is for another"));
  if (trace.root != at.name) {
    Contents& sum = sums_[{at, trace.root, trace.tag}];
    const std::vector<Evaluation>& more = frame->second.evaluations;
    sum.evaluations.insert(sum.evaluations.end(), more.begin(), more.end());
    sum.lies = sum.lies || frame->second.lies;
    return;
  }
  for (const Evaluation& evaluation : frame->second.evaluations) {
    if (!applied_.insert(evaluation).second) {
      Broken(absl::StrCat(what, ": evaluation ", evaluation.number, " of ", Text(evaluation.of),
                          " again"));
    }
  }
}

void Ledger::Uploaded(const Process& at, const Trace& trace,
                      const std::vector<federation::Action>& actions) {
  const FrameId id{.from = at,
                   .to = {trace.peer, trace.peer_incarnation},
                   .epoch = trace.epoch,
                   .seq = trace.edge_seq};
  Contents contents;
  if (auto sum = sums_.extract({at, trace.root, trace.tag}); !sum.empty()) {
    contents = std::move(sum.mapped());
  }
  for (const federation::Action& action : actions) {
    const auto* send = std::get_if<federation::Send>(&action);
    if (send == nullptr || send->peer != trace.peer ||
        send->frame.header.edge_seq != trace.edge_seq) {
      continue;
    }
    if (const Tally* tally = TallyOf(send->frame.body)) {
      CompareTally(*tally, contents, absl::StrCat(Text(at), " to ", trace.peer));
    }
  }
  if (!frames_.emplace(id, std::move(contents)).second) {
    Broken(absl::StrCat(Text(at), " uses number ", id.seq, " twice in epoch ", id.epoch));
  }
}

void Ledger::CompareTally(const Tally& tally, const Contents& contents, const std::string& what) {
  if (contents.lies) return;
  using Key = std::pair<uint64_t, size_t>;  // incarnation, entries of it
  std::map<Process, Key> expected;
  uint64_t items = 0;
  for (const Evaluation& evaluation : contents.evaluations) {
    Key& key = expected[evaluation.of];
    key.first += evaluation.items;
    ++key.second;
    items += evaluation.items;
  }
  uint64_t said_items = 0;
  size_t with_items = 0;
  uint64_t said_evaluations = 0;
  for (const federation::Contributor& contributor : tally.contributors) {
    said_items += contributor.items;
    said_evaluations += contributor.evaluations;
    with_items += contributor.items > 0 ? 1 : 0;
  }
  if (said_items != items || tally.items != items ||
      said_evaluations != contents.evaluations.size() || with_items != expected.size()) {
    Broken(absl::StrCat(what, ": a frame says ", said_items, " items, ", said_evaluations,
                        " evaluations of ", with_items, " nodes, and holds ", items, ", ",
                        contents.evaluations.size(), ", ", expected.size()));
  }
}

void Ledger::Sent(const Process& at, const federation::Send& send, const std::string& root_name) {
  const Tally* tally = TallyOf(send.frame.body);
  if (tally == nullptr || send.peer != root_name || spec_.privacy.share_items) return;
  std::set<uint32_t> nodes;
  for (const federation::Contributor& contributor : tally->contributors) {
    if (contributor.items > 0) nodes.insert(contributor.node);
  }
  if (tally->items > 0 &&
      (nodes.size() < spec_.privacy.min_contributors || tally->items < spec_.privacy.min_items)) {
    Broken(absl::StrCat(Text(at), " shows root ", root_name, " ", tally->items, " items of ",
                        nodes.size(), " nodes"));
  }
}

}  // namespace mneme::sim
