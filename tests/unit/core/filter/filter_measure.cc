// Rates of filters on this machine: a million items of five attributes, each filter asked for the
// first time and again. Not a test: built only when asked for, prints and asserts nothing.
//
//   filter_measure [ROWS]
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "core/base/clock.h"
#include "core/base/random.h"
#include "core/base/status.h"
#include "core/filter/attribute_store.h"
#include "tests/unit/core/filter/attribute_bytes.h"

namespace mneme::filter {
namespace {

double Milliseconds(int64_t since) {
  return static_cast<double>(Clock::Real().NowMonotonicNanos() - since) * 1e-6;
}

std::string Item(Random& random) {
  constexpr const char* kGenres[] = {"jazz", "soul", "rock", "folk", "dub"};
  return AttributeBytes(
      {{"artist", "artist number " + std::to_string(random.Below(5000))},
       {"genres", std::vector<std::string>{kGenres[random.Below(5)], kGenres[random.Below(5)]}},
       {"live", random.Below(10) == 0},
       {"rating", random.Uniform()},
       {"year", static_cast<int64_t>(1950 + random.Below(76))}});
}

absl::Status Measure(uint64_t rows) {
  const auto cache = std::make_shared<FilterCache>();
  AttributeStore store(cache);
  Random random(1);
  double append_ms = 0;
  for (uint64_t row = 0; row < rows; ++row) {
    const std::string item = Item(random);
    const int64_t start = Clock::Real().NowMonotonicNanos();
    MNEME_RETURN_IF_ERROR(store.Append(row, item));
    append_ms += Milliseconds(start);
  }
  const AttributeView view = store.Publish();
  std::printf("%llu rows, %.1f MB, appended in %.0f ms\n", static_cast<unsigned long long>(rows),
              static_cast<double>(view.bytes()) * 1e-6, append_ms);
  for (const std::string_view text :
       {"year = 1999", "year >= 1990 AND year < 2000 AND live = false",
        "genres:\"jazz\" OR genres:\"soul\" AND NOT artist = \"artist number 17\"", "rating > 0.5",
        "artist:*"}) {
    MNEME_ASSIGN_OR_RETURN(const Filter filter, ParseFilter(text));
    double ms[2] = {};
    size_t listed = 0;
    for (double& elapsed : ms) {
      const int64_t start = Clock::Real().NowMonotonicNanos();
      MNEME_ASSIGN_OR_RETURN(const RowSet set, view.Select(filter, nullptr));
      elapsed = Milliseconds(start);
      listed = set.listed.size();
    }
    std::printf("first %8.2f ms, again %6.2f ms, %8zu rows: %s\n", ms[0], ms[1], listed,
                filter.text().c_str());
  }
  std::printf("cache %.2f MB\n", static_cast<double>(cache->bytes()) * 1e-6);
  return absl::OkStatus();
}

}  // namespace
}  // namespace mneme::filter

int main(int argc, char** argv) {
  const uint64_t rows = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1'000'000;
  const absl::Status status = mneme::filter::Measure(rows);
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return status.ok() ? 0 : 1;
}
