#include "tests/bench/stores.h"

#include <memory>
#include <vector>

#include "tests/bench/dataset.h"

namespace mneme::bench {

StartCall SingleStores(Server& server, const std::string& name) {
  constexpr size_t kRequests = 256;
  const Dataset rows = GaussianUnits(kRequests, 0, kStoredDim);
  auto requests = std::make_shared<std::vector<v1::StoreRequest>>(kRequests);
  for (size_t i = 0; i < kRequests; ++i) {
    (*requests)[i].set_memory("memories/" + name);
    (*requests)[i].set_durability(v1::DURABILITY_DISK);
    *(*requests)[i].mutable_keys() = ToWire(rows.rows.view().slice(i, 1));
  }
  const StartCall start = UnaryCalls<v1::StoreResponse>(
      *requests, [&server](auto* context, auto* request, auto* response, auto done) {
        server.stub().async()->Store(context, request, response, std::move(done));
      });
  return [requests, start](size_t i, Done done) { start(i, std::move(done)); };
}

}  // namespace mneme::bench
