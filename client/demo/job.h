// The main job: store images in two memories, damage them, recall them, and measure how well and
// how fast.
//
// Threads: one.
#ifndef MNEME_CLIENT_DEMO_JOB_H_
#define MNEME_CLIENT_DEMO_JOB_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/cli/context.h"
#include "client/demo/damage.h"
#include "client/demo/images.h"
#include "mneme/client.h"

namespace mneme::demo {

inline constexpr char kImagesMemory[] = "demo-images";    // dense: an image -> the same image
inline constexpr char kClassesMemory[] = "demo-classes";  // linear: an image -> its class
inline constexpr size_t kClasses = 10;

struct JobOptions {
  size_t cues = 1000;        // of each damage, spread over all images
  size_t single_cues = 300;  // of these, how many are also sent alone, for the latency
  size_t batch = 64;         // cues in a request otherwise
  uint64_t seed = 1;
};

// How one memory answered cues of one damage.
struct Measurement {
  Damage damage = Damage::kNone;
  std::string memory;
  size_t cues = 0;
  size_t right = 0;
  double p50_ms = 0;  // of cues sent alone
  double p99_ms = 0;
  double cues_per_second = 0;  // in batches
  uint64_t memory_bytes = 0;

  double rate() const { return static_cast<double>(right) / static_cast<double>(cues); }
};

// A cue and what the dense memory made of it.
struct Example {
  Damage damage = Damage::kNone;
  std::vector<float> cue;
  std::vector<float> recall;
  std::string status;
  double confidence = 0;
  bool right = false;
};

struct StoreTime {
  std::string memory;
  double seconds = 0;
};

struct Report {
  size_t images = 0;
  size_t duplicates = 0;  // images with the pixels of an earlier one: either counts as right
  std::vector<StoreTime> stores;
  std::vector<Measurement> measurements;
  std::vector<Example> examples;
};

// Replaces the two memories of the demo.
absl::StatusOr<Report> RunJob(client::Client& client, const Images& images,
                              const JobOptions& options, const cli::Io& io);

}  // namespace mneme::demo

#endif  // MNEME_CLIENT_DEMO_JOB_H_
