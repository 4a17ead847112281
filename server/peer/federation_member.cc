#include "server/peer/federation_member.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "core/base/status.h"

namespace mneme::server {

namespace fed = mneme::federation;

namespace {

constexpr int64_t kPeriodNanos = std::chrono::nanoseconds(kReadPeriod).count();
constexpr int64_t kPauseNanos = std::chrono::nanoseconds(kCoordinatorPause).count();

absl::Status NodeTaken(const std::string& node, uint64_t incarnation) {
  return FailedPrecondition(
      absl::StrFormat("another server has announced itself as node '%s' since", node),
      {.reason = "NODE_TAKEN",
       .given = absl::StrCat("its start ", incarnation),
       .expected = "one server of each name",
       .next_step = "Give one of them another federation.node."});
}

}  // namespace

// Rung whenever there may be something new to read.
struct FederationMember::Bell {
  void Ring() {
    MutexLock lock(&mutex);
    rung = true;
    wake.NotifyOne();
  }
  // The watch has ended: it has to be started again.
  void RingLost() {
    MutexLock lock(&mutex);
    rung = lost = true;
    wake.NotifyOne();
  }
  void Stop() {
    MutexLock lock(&mutex);
    stopping = true;
    wake.NotifyOne();
  }
  // False: it was stopped.
  bool Wait(int64_t nanos) {
    MutexLock lock(&mutex);
    if (!rung && !stopping && nanos > 0) wake.WaitFor(&mutex, std::chrono::nanoseconds(nanos));
    rung = false;
    return !stopping;
  }
  bool TakeLost() {
    MutexLock lock(&mutex);
    return std::exchange(lost, false);
  }

  Mutex mutex;  // a leaf
  CondVar wake;
  bool rung ABSL_GUARDED_BY(mutex) = false;
  bool lost ABSL_GUARDED_BY(mutex) = false;
  bool stopping ABSL_GUARDED_BY(mutex) = false;
};

FederationMember::FederationMember(engine::Engine& engine, const Clock& clock,
                                   std::unique_ptr<fed::Coordinator> coordinator,
                                   MemberOptions options)
    : clock_(clock),
      coordinator_(std::move(coordinator)),
      options_([&options] {
        options.replanner.node = options.runner.node;
        return std::move(options);
      }()),
      bell_(std::make_shared<Bell>()),
      runner_([&] {
        RunnerOptions runner = options_.runner;
        runner.fetch_plan = [bell = bell_](uint64_t) { bell->Ring(); };
        return std::make_shared<FederationRunner>(engine, clock, std::move(runner));
      }()),
      replanner_(options_.replanner),
      thread_([this] { Run(); }) {}

FederationMember::~FederationMember() { Stop(); }

void FederationMember::Stop() {
  MutexLock lock(&stop_mutex_);
  bell_->Stop();
  if (thread_.joinable()) thread_.join();
  watch_.reset();
  runner_->Stop();
}

void FederationMember::Leave() {
  {
    MutexLock lock(&mutex_);
    removed_ = true;
  }
  bell_->Ring();
}

bool FederationMember::removed() const {
  MutexLock lock(&mutex_);
  return removed_;
}

bool FederationMember::stopped() const {
  MutexLock lock(&mutex_);
  return stopped_;
}

bool FederationMember::AwaitAnnounced(std::chrono::nanoseconds most) {
  const int64_t end = clock_.NowMonotonicNanos() + most.count();
  MutexLock lock(&mutex_);
  while (!is_announced_) {
    const int64_t left = end - clock_.NowMonotonicNanos();
    if (left <= 0) return false;
    announced_.WaitFor(&mutex_, std::chrono::nanoseconds(left));
  }
  return true;
}

std::optional<fed::Contents> FederationMember::contents() const {
  MutexLock lock(&mutex_);
  return contents_;
}

RunnerStatus FederationMember::Status() const {
  RunnerStatus status = runner_->Status();
  MutexLock lock(&mutex_);
  status.coordination = trouble_;
  return status;
}

void FederationMember::Run() {
  int64_t look_at = clock_.NowMonotonicNanos();
  while (bell_->Wait(look_at - clock_.NowMonotonicNanos())) {
    look_at = Look();
    if (removed()) return DrainNode();
  }
}

void FederationMember::DrainNode() {
  runner_->Drain();
  const std::string& node = options_.runner.node;
  const int64_t end = clock_.NowMonotonicNanos() + std::chrono::nanoseconds(kDrainMax).count();
  const auto planned = [&] {
    const fed::Plan* plan = replanner_.plan();
    return plan != nullptr && fed::FindNode(*plan, node).has_value();
  };
  int64_t look_at = clock_.NowMonotonicNanos();
  while (planned() && clock_.NowMonotonicNanos() < end &&
         bell_->Wait(std::min(look_at, end) - clock_.NowMonotonicNanos())) {
    look_at = Look();
  }
  watch_.reset();
  runner_->Stop();
  MutexLock lock(&mutex_);
  stopped_ = true;
}

int64_t FederationMember::Look() {
  if (bell_->TakeLost()) {
    watch_.reset();
    watch_at_ = clock_.NowMonotonicNanos() + kPauseNanos;
  }
  const absl::Status status = ReadAndAct();
  SetTrouble(status.ok() ? replanner_.trouble() : status);
  const int64_t now = clock_.NowMonotonicNanos();
  if (absl::IsUnavailable(status)) {
    for (fed::PlanAction& action : replanner_.Unreachable(now)) Act(action).IgnoreError();
  }
  const bool watches = status.ok() && watch_ != nullptr;
  return std::min(now + (watches ? kPeriodNanos : kPauseNanos), replanner_.wake_at());
}

absl::Status FederationMember::ReadAndAct() {
  if (!incarnation_.has_value()) {
    MNEME_ASSIGN_OR_RETURN(incarnation_,
                           coordinator_->Register(options_.runner.node, options_.address));
    MutexLock lock(&mutex_);
    is_announced_ = true;
    announced_.NotifyAll();
  }
  MNEME_ASSIGN_OR_RETURN(fed::Contents contents, coordinator_->ReadAll());
  if (watch_ == nullptr && clock_.NowMonotonicNanos() >= watch_at_) {
    MNEME_ASSIGN_OR_RETURN(
        watch_, coordinator_->StartWatch(
                    contents.revision, [bell = bell_](const fed::Change&) { bell->Ring(); },
                    [bell = bell_] { bell->RingLost(); }));
  }
  MNEME_RETURN_IF_ERROR(NoteOwnRecords(contents));
  std::vector<fed::PlanAction> actions = replanner_.Read(contents, clock_.NowMonotonicNanos());
  {
    MutexLock lock(&mutex_);
    contents_ = std::move(contents);
  }
  for (fed::PlanAction& action : actions) MNEME_RETURN_IF_ERROR(Act(action));
  return absl::OkStatus();
}

// What this node does of it is told by the watch: a new planner, a new plan.
absl::Status FederationMember::Act(fed::PlanAction& action) {
  if (auto* take = std::get_if<fed::TakePlan>(&action)) {
    runner_->SetPlan(std::move(take->plan));
  } else if (std::holds_alternative<fed::ForgetPlan>(action)) {
    runner_->LosePlan();
  } else if (std::holds_alternative<fed::RunForPlanner>(action)) {
    const absl::StatusOr<uint64_t> elected = coordinator_->BecomePlanner(options_.runner.node);
    if (elected.ok()) replanner_.Became(*elected, clock_.NowMonotonicNanos());
    // Another one was quicker.
    return absl::IsAborted(elected.status()) ? absl::OkStatus() : elected.status();
  } else if (auto* commit = std::get_if<fed::Commit>(&action)) {
    const absl::Status committed = coordinator_->CommitPlan(commit->guard, commit->plan).status();
    return absl::IsAborted(committed) ? absl::OkStatus() : committed;
  }
  return absl::OkStatus();
}

absl::Status FederationMember::NoteOwnRecords(const fed::Contents& contents) {
  const std::string& node = options_.runner.node;
  // An engine that has lost everything has not said that this node is to leave.
  MNEME_RETURN_IF_ERROR(fed::DescriptionOf(contents).status());
  {
    MutexLock lock(&mutex_);
    removed_ = removed_ || !contents.records.contains(absl::StrCat(fed::kMembersPrefix, node));
  }
  const auto there = contents.records.find(absl::StrCat(fed::kNodesPrefix, node));
  if (there == contents.records.end()) return absl::OkStatus();
  MNEME_ASSIGN_OR_RETURN(const fed::Announcement announcement,
                         fed::DecodeAnnouncement(there->second.value));
  return announcement.incarnation > *incarnation_ ? NodeTaken(node, announcement.incarnation)
                                                  : absl::OkStatus();
}

void FederationMember::SetTrouble(const absl::Status& status) {
  std::string text;
  if (!status.ok()) {
    text = std::string(status.message());
    const std::optional<ErrorDetail> detail = GetErrorDetail(status);
    if (detail.has_value() && !detail->next_step.empty()) text += ". " + detail->next_step;
  }
  MutexLock lock(&mutex_);
  trouble_ = std::move(text);
}

}  // namespace mneme::server
