// What a memory gives to the node of a federation, and gets from it.
#include <memory>
#include <utility>

#include "core/engine/engine.h"
#include "core/engine/ops.h"

namespace mneme::engine {

void Engine::Exchange(const std::string& memory, models::FederatedExchange exchange,
                      Done<models::FederatedRows> done) {
  absl::StatusOr<std::shared_ptr<Memory>> found = catalogue_.Find(memory);
  if (!found.ok()) return done(found.status());
  const bool saves = exchange.state != nullptr;
  auto rows = std::make_shared<models::FederatedRows>();
  auto change = [exchange = std::move(exchange), rows](Memory& changed) -> absl::Status {
    if (exchange.weights != nullptr) MNEME_RETURN_IF_ERROR(CheckNotFrozen(changed));
    MNEME_ASSIGN_OR_RETURN(*rows, changed.model().Exchange(exchange));
    return absl::OkStatus();
  };
  const auto finish = [rows, done = std::move(done)](const absl::StatusOr<MemoryInfo>& info) {
    if (!info.ok()) return done(info.status());
    done(std::move(*rows));
  };
  committer_->Submit(MakeModelOp(*std::move(found), std::move(change), saves, finish));
}

}  // namespace mneme::engine
