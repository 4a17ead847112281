// How a query was answered, in words: what the choices on its way were, and what would make it
// faster. The choices themselves are the engine's and the model's; here they are only told.
//
// Threads: pure functions.
#ifndef MNEME_SERVER_RPC_EXPLAIN_TEXT_H_
#define MNEME_SERVER_RPC_EXPLAIN_TEXT_H_

#include <string>
#include <string_view>
#include <vector>

#include "core/engine/timeline.h"
#include "core/engine/types.h"

namespace mneme::server {

// "dense", "linear", "feature".
std::string_view ModelName(const models::MemorySpec& spec);
// "COSINE, EXP, beta 8". `stats`: of the memory, for what it chose by itself.
std::string KernelText(const models::MemorySpec& spec, const models::ModelStats& stats);

struct ExplainedChoice {
  std::string_view subject;
  std::string reason;
  std::string message;
  std::string next_step;  // empty: none
};
std::vector<ExplainedChoice> ChoicesOf(const engine::QueryReply& reply);

// What a query was, as far as advice depends on it.
struct ExplainedQuery {
  const engine::QueryReply& reply;
  const engine::Timeline& timeline;
  bool list = false;
  bool filtered = false;
  bool has_index = false;  // its memory
  size_t cues = 0;
};
std::vector<engine::Warning> AdviceFor(const ExplainedQuery& query);

}  // namespace mneme::server

#endif  // MNEME_SERVER_RPC_EXPLAIN_TEXT_H_
