#include "client/demo/job.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>

#include "client/cli/progress.h"

namespace mneme::demo {
namespace {

using SteadyClock = std::chrono::steady_clock;

double SecondsSince(SteadyClock::time_point start) {
  return std::chrono::duration<double>(SteadyClock::now() - start).count();
}

// The smallest value that at least this share of all values do not exceed.
double Percentile(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  const auto rank = static_cast<size_t>(std::ceil(share * static_cast<double>(values.size())));
  return values[std::max<size_t>(rank, 1) - 1];
}

// A memory of the demo: which answers of it are right.
class Subject {
 public:
  virtual ~Subject() = default;
  virtual std::string name() const = 0;
  virtual client::MemorySpec spec() const = 0;
  virtual client::StoreBatch batch() const = 0;
  // Images asked for by name rather than by recall.
  virtual uint32_t top() const = 0;
  virtual bool TakesMasks() const = 0;
  // Is answer `i` right for a cue made from image `image`?
  virtual bool IsRight(const client::RetrieveResult& answer, size_t i, size_t image) const = 0;
};

// Image -> the same image. Right: the best item is the image, or one with the same pixels.
class ImagesSubject final : public Subject {
 public:
  explicit ImagesSubject(const Images& images)
      : images_(images), first_alike_(FirstAlike(images.pixels)) {
    for (size_t i = 0; i < images.pixels.rows; ++i) ids_.emplace_back(i);
  }

  std::string name() const override { return kImagesMemory; }
  client::MemorySpec spec() const override {
    return {.name = kImagesMemory,
            .description = "mneme-demo: an image leads to the same image",
            .key_dim = static_cast<uint32_t>(images_.pixels.cols),
            .model = client::DenseSpec{.similarity = client::Similarity::kL2}};
  }
  client::StoreBatch batch() const override { return {.keys = images_.pixels.ref(), .ids = ids_}; }
  uint32_t top() const override { return 1; }
  bool TakesMasks() const override { return true; }

  bool IsRight(const client::RetrieveResult& answer, size_t i, size_t image) const override {
    const auto& top = answer.results[i].top;
    return !top.empty() && top[0].id.number() < first_alike_.size() &&
           first_alike_[top[0].id.number()] == first_alike_[image];
  }

  size_t duplicates() const {
    size_t count = 0;
    for (size_t i = 0; i < first_alike_.size(); ++i) count += first_alike_[i] != i ? 1 : 0;
    return count;
  }

 private:
  const Images& images_;
  const std::vector<size_t> first_alike_;
  std::vector<client::ItemId> ids_;
};

// Image -> its class, one of ten numbers being 1. Right: the largest number of the recall is that
// of the class.
class ClassesSubject final : public Subject {
 public:
  explicit ClassesSubject(const Images& images) : images_(images) {
    one_hot_ = {.data = std::vector<float>(images.pixels.rows * kClasses),
                .rows = images.pixels.rows,
                .cols = kClasses};
    for (size_t i = 0; i < images.labels.size(); ++i) {
      one_hot_.data[i * kClasses + images.labels[i] % kClasses] = 1;
    }
  }

  std::string name() const override { return kClassesMemory; }
  client::MemorySpec spec() const override {
    return {.name = kClassesMemory,
            .description = "mneme-demo: an image leads to its class",
            .key_dim = static_cast<uint32_t>(images_.pixels.cols),
            .response_dim = kClasses,
            .retain = client::Retain::kStatistics,
            .model = client::LinearSpec{.rule = client::LinearRule::kRidge}};
  }
  client::StoreBatch batch() const override {
    return {.keys = images_.pixels.ref(), .responses = one_hot_.ref()};
  }
  uint32_t top() const override { return 0; }
  bool TakesMasks() const override { return false; }

  bool IsRight(const client::RetrieveResult& answer, size_t i, size_t image) const override {
    const std::span<const float> recall = answer.recalls.row(i);
    const auto best = std::max_element(recall.begin(), recall.end()) - recall.begin();
    return best == images_.labels[image];
  }

 private:
  const Images& images_;
  client::Matrix one_hot_;
};

// Damaged cues and the images they come from.
struct Cues {
  client::Matrix pixels;
  std::vector<uint8_t> mask;
  std::vector<size_t> images;
};

Cues MakeCues(const Images& images, Damage damage, const JobOptions& options) {
  std::mt19937_64 random(options.seed + static_cast<uint64_t>(damage));
  const size_t count = std::min(options.cues, images.pixels.rows);
  Cues cues{.pixels = {.rows = count, .cols = images.pixels.cols},
            .mask = MaskOf(damage, images.pixels.cols, images.width)};
  for (size_t i = 0; i < count; ++i) {
    cues.images.push_back(i * images.pixels.rows / count);
  }
  for (const size_t image : cues.images) {
    const std::vector<float> cue = Apply(damage, images.pixels.row(image), images.width, random);
    cues.pixels.data.insert(cues.pixels.data.end(), cue.begin(), cue.end());
  }
  return cues;
}

client::MatrixRef Slice(const client::Matrix& matrix, size_t begin, size_t rows) {
  return {matrix.data.data() + begin * matrix.cols, rows, matrix.cols};
}

class Job {
 public:
  Job(client::Client& client, const Images& images, const JobOptions& options, const cli::Io& io)
      : client_(client), images_(images), options_(options), io_(io) {}

  // Makes the memory anew and stores all images in it.
  absl::StatusOr<StoreTime> Fill(const Subject& subject) {
    absl::Status status =
        client_.DeleteMemory(subject.name(), {.allow_missing = true, .call = call()});
    if (!status.ok()) return status;
    const auto made = client_.CreateMemory(subject.spec(), call());
    if (!made.ok()) return made.status();
    cli::ProgressBar bar(io_.err, io_.err_columns, "storing in " + subject.name(), "images",
                         images_.pixels.rows);
    const auto start = SteadyClock::now();
    const auto stored = client_.Store(
        subject.name(), subject.batch(),
        {.progress = [&bar](uint64_t done, uint64_t) { bar.Update(done); }, .call = call()});
    if (!stored.ok()) return stored.status();
    return StoreTime{.memory = subject.name(), .seconds = SecondsSince(start)};
  }

  absl::StatusOr<Measurement> Measure(const Subject& subject, Damage damage, const Cues& cues) {
    Measurement result{.damage = damage, .memory = subject.name(), .cues = cues.images.size()};
    const size_t singles = std::min(options_.single_cues, result.cues);
    cli::ProgressBar bar(io_.err, io_.err_columns, subject.name() + ", " + Name(damage), "cues",
                         result.cues + singles);
    double seconds = 0;
    for (size_t begin = 0; begin < result.cues; begin += options_.batch) {
      const size_t rows = std::min(options_.batch, result.cues - begin);
      const auto start = SteadyClock::now();
      const auto answer = Ask(subject, cues, begin, rows);
      seconds += SecondsSince(start);
      if (!answer.ok()) return answer.status();
      for (size_t i = 0; i < rows; ++i) {
        result.right += subject.IsRight(*answer, i, cues.images[begin + i]) ? 1 : 0;
      }
      bar.Update(begin + rows);
    }
    result.cues_per_second = static_cast<double>(result.cues) / seconds;
    std::vector<double> latencies_ms;
    for (size_t i = 0; i < singles; ++i) {
      const auto start = SteadyClock::now();
      const auto answer = Ask(subject, cues, i * result.cues / singles, 1);
      latencies_ms.push_back(1000 * SecondsSince(start));
      if (!answer.ok()) return answer.status();
      bar.Update(result.cues + i + 1);
    }
    result.p50_ms = Percentile(latencies_ms, 0.5);
    result.p99_ms = Percentile(latencies_ms, 0.99);
    const auto memory = client_.GetMemory(subject.name(), call());
    if (!memory.ok()) return memory.status();
    result.memory_bytes = memory->state.memory_bytes;
    return result;
  }

  // The cue number `i` with its recall.
  absl::StatusOr<Example> Show(const Subject& subject, Damage damage, const Cues& cues, size_t i) {
    const auto answer = Ask(subject, cues, i, 1);
    if (!answer.ok()) return answer.status();
    const client::CueResult& result = answer->results[0];
    const auto cue = cues.pixels.row(i);
    return Example{.damage = damage,
                   .cue = {cue.begin(), cue.end()},
                   .recall = answer->recalls.data,
                   .status = Name(result.status),
                   .confidence = result.confidence,
                   .right = subject.IsRight(*answer, 0, cues.images[i])};
  }

 private:
  client::CallOptions call() const { return {.stop = io_.stop}; }

  absl::StatusOr<client::RetrieveResult> Ask(const Subject& subject, const Cues& cues, size_t begin,
                                             size_t rows) {
    auto answer =
        client_.Retrieve(subject.name(), Slice(cues.pixels, begin, rows),
                         {.mask = subject.TakesMasks() ? std::span<const uint8_t>(cues.mask)
                                                       : std::span<const uint8_t>(),
                          .top = subject.top(),
                          .call = call()});
    if (!answer.ok()) return answer;
    for (const client::CueResult& result : answer->results) {
      if (!result.error.ok()) return result.error;
    }
    return answer;
  }

  client::Client& client_;
  const Images& images_;
  const JobOptions& options_;
  const cli::Io& io_;
};

bool IsDrawn(Damage damage) {
  return damage == Damage::kLowerHalfMasked || damage == Damage::kSaltAndPepper ||
         damage == Damage::kGaussian || damage == Damage::kCropped;
}

}  // namespace

absl::StatusOr<Report> RunJob(client::Client& client, const Images& images,
                              const JobOptions& options, const cli::Io& io) {
  const ImagesSubject image_memory(images);
  const ClassesSubject class_memory(images);
  Job job(client, images, options, io);
  Report report{.images = images.pixels.rows, .duplicates = image_memory.duplicates()};
  for (const Subject* subject :
       std::initializer_list<const Subject*>{&image_memory, &class_memory}) {
    const auto time = job.Fill(*subject);
    if (!time.ok()) return time.status();
    report.stores.push_back(*time);
  }
  for (const Damage damage : kAllDamages) {
    const Cues cues = MakeCues(images, damage, options);
    for (const Subject* subject :
         std::initializer_list<const Subject*>{&image_memory, &class_memory}) {
      if (!cues.mask.empty() && !subject->TakesMasks()) continue;
      const auto measurement = job.Measure(*subject, damage, cues);
      if (!measurement.ok()) return measurement.status();
      report.measurements.push_back(*measurement);
    }
    if (IsDrawn(damage)) {
      // Another class for each, as classes take turns in the file.
      const size_t i = std::min(report.examples.size() + 2, cues.images.size() - 1);
      const auto example = job.Show(image_memory, damage, cues, i);
      if (!example.ok()) return example.status();
      report.examples.push_back(*example);
    }
  }
  return report;
}

}  // namespace mneme::demo
