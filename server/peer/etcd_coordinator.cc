#include "server/peer/etcd_coordinator.h"

#include <algorithm>
#include <utility>

#include "core/base/ids.h"
#include "core/base/status.h"

namespace mneme::server {
namespace {

namespace fed = mneme::federation;
namespace pb = etcdserverpb;

constexpr char kRoot[] = "/mneme/federations/";
// Apart from the records, which are read all the time.
constexpr char kPartsRoot[] = "/mneme/plan-parts/";
// What the record of a plan in parts begins with; the plan's own bytes begin with "MPLN".
constexpr char kPartsHead[] = "parts ";
// A lease is kept this often in its time, and tried again sooner where etcd did not answer.
constexpr int kKeepsPerLease = 3;
constexpr std::chrono::milliseconds kRetryPause{500};
// A registration that others overtake again and again is given up.
constexpr int kRegisterTriesMax = 16;

absl::Status Raced(std::string_view reason, std::string_view what) {
  return Aborted(absl::StrCat("coordination: ", AbslView(what)),
                 {.reason = std::string(reason),
                  .given = "a guard that does not hold",
                  .expected = "the newest one",
                  .next_step = "Read everything again, and try once more."});
}

pb::Compare ModIs(const std::string& key, uint64_t revision) {
  pb::Compare compare;
  compare.set_result(pb::Compare::EQUAL);
  compare.set_target(pb::Compare::MOD);
  compare.set_key(key);
  compare.set_mod_revision(static_cast<int64_t>(revision));
  return compare;
}

pb::Compare CreateIs(const std::string& key, uint64_t revision) {
  pb::Compare compare;
  compare.set_result(pb::Compare::EQUAL);
  compare.set_target(pb::Compare::CREATE);
  compare.set_key(key);
  compare.set_create_revision(static_cast<int64_t>(revision));
  return compare;
}

pb::Compare ValueIs(const std::string& key, const std::string& value) {
  pb::Compare compare;
  compare.set_result(pb::Compare::EQUAL);
  compare.set_target(pb::Compare::VALUE);
  compare.set_key(key);
  compare.set_value(value);
  return compare;
}

void AddPut(const std::string& key, const std::string& value, int64_t lease, pb::TxnRequest* to) {
  pb::PutRequest* put = to->add_success()->mutable_request_put();
  put->set_key(key);
  put->set_value(value);
  put->set_lease(lease);
}

void AddDelete(const std::string& from, const std::string& before, pb::TxnRequest* to) {
  pb::DeleteRangeRequest* gone = to->add_success()->mutable_request_delete_range();
  gone->set_key(from);
  gone->set_range_end(before);
}

fed::Record RecordOf(const pb::KeyValue& kv) {
  return {.value = kv.value(),
          .create_revision = static_cast<uint64_t>(kv.create_revision()),
          .mod_revision = static_cast<uint64_t>(kv.mod_revision())};
}

// Reads on a thread of its own until it is cancelled, or etcd ends it.
class EtcdWatch final : public fed::Coordinator::Watch {
 public:
  EtcdWatch(std::shared_ptr<EtcdClient> client, std::string prefix, uint64_t from_revision,
            fed::Coordinator::Watcher watcher, std::function<void()> lost)
      : client_(std::move(client)),
        prefix_(std::move(prefix)),
        watcher_(std::move(watcher)),
        lost_(std::move(lost)),
        endpoint_(client_->current()),
        thread_([this, from_revision] { Run(from_revision); }) {}
  ~EtcdWatch() override {
    context_.TryCancel();
    thread_.join();
  }

 private:
  void Run(uint64_t from_revision) {
    pb::WatchRequest request;
    pb::WatchCreateRequest* create = request.mutable_create_request();
    create->set_key(prefix_);
    create->set_range_end(EndOfPrefix(prefix_));
    create->set_start_revision(static_cast<int64_t>(from_revision) + 1);
    client_->Prepare(&context_);
    const auto stream = endpoint_->watch->Watch(&context_);
    pb::WatchResponse response;
    bool compacted = false;
    stream->Write(request);
    while (!compacted && stream->Read(&response)) {
      compacted = response.canceled();  // what was asked for is there no more
      for (const pb::Event& event : response.events()) Tell(event);
    }
    context_.TryCancel();
    stream->Finish();
    if (!compacted) client_->Leave(*endpoint_);
    lost_();
  }

  void Tell(const pb::Event& event) {
    fed::Change change{.revision = static_cast<uint64_t>(event.kv().mod_revision()),
                       .key = event.kv().key().substr(prefix_.size())};
    if (event.type() == pb::Event::PUT) change.record = RecordOf(event.kv());
    watcher_(change);
  }

  const std::shared_ptr<EtcdClient> client_;
  const std::string prefix_;
  const fed::Coordinator::Watcher watcher_;
  const std::function<void()> lost_;
  const std::shared_ptr<const EtcdClient::Endpoint> endpoint_;
  grpc::ClientContext context_;
  std::thread thread_;  // last: starts when all else is there
};

}  // namespace

EtcdCoordinator::EtcdCoordinator(std::shared_ptr<EtcdClient> client, const std::string& federation,
                                 int64_t lease_seconds)
    : client_(std::move(client)),
      prefix_(absl::StrCat(kRoot, federation, "/")),
      parts_prefix_(absl::StrCat(kPartsRoot, federation, "/")),
      lease_seconds_(lease_seconds) {}

EtcdCoordinator::~EtcdCoordinator() {
  std::thread keeper;
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    wake_.NotifyOne();
    keeper = std::move(keeper_);
  }
  if (keeper.joinable()) keeper.join();
}

absl::StatusOr<std::vector<std::string>> EtcdCoordinator::ListFederations(EtcdClient& client) {
  pb::RangeRequest request;
  request.set_key(kRoot);
  request.set_range_end(EndOfPrefix(kRoot));
  request.set_keys_only(true);
  MNEME_ASSIGN_OR_RETURN(const pb::RangeResponse response, client.Range(request));
  const std::string end = absl::StrCat("/", fed::kSpecKey);
  std::vector<std::string> names;
  for (const pb::KeyValue& kv : response.kvs()) {
    std::string_view name = kv.key();
    name.remove_prefix(sizeof(kRoot) - 1);
    if (!name.ends_with(end)) continue;
    name.remove_suffix(end.size());
    if (name.find('/') == std::string_view::npos) names.emplace_back(name);
  }
  return names;
}

// ---- the lease

absl::StatusOr<int64_t> EtcdCoordinator::MyLease() {
  {
    MutexLock lock(&mutex_);
    if (lease_ != 0) return lease_;
  }
  MNEME_ASSIGN_OR_RETURN(const int64_t granted, client_->GrantLease(lease_seconds_));
  MutexLock lock(&mutex_);
  if (lease_ == 0) lease_ = granted;  // of two, one runs out unused
  if (!keeper_.joinable() && !stopping_) keeper_ = std::thread([this] { KeepLease(); });
  return lease_;
}

void EtcdCoordinator::KeepLease() {
  const std::chrono::milliseconds period(lease_seconds_ * 1000 / kKeepsPerLease);
  std::chrono::milliseconds pause = period;
  while (true) {
    int64_t lease = 0;
    {
      MutexLock lock(&mutex_);
      if (!stopping_) wake_.WaitFor(&mutex_, pause);
      if (stopping_) return;
      lease = lease_;
      if (lease == 0 && node_.empty()) continue;
    }
    pause = KeepOnce(lease) ? period : std::min(period, kRetryPause);
  }
}

bool EtcdCoordinator::KeepOnce(int64_t lease) {
  if (lease != 0) {
    const absl::StatusOr<int64_t> seconds = client_->KeepLease(lease);
    if (!seconds.ok()) return false;
    MutexLock lock(&mutex_);
    if (*seconds <= 0 && lease_ == lease) lease_ = 0;
    // A lease may be there and the announcement not: one that got no answer before.
    if (*seconds > 0 && (node_.empty() || announced_lease_ == lease)) return true;
  }
  return AnnounceAgain().ok();
}

absl::Status EtcdCoordinator::AnnounceAgain() {
  std::string node;
  fed::Announcement announced;
  {
    MutexLock lock(&mutex_);
    node = node_;
    announced = announced_;
  }
  if (node.empty()) return absl::OkStatus();
  MNEME_ASSIGN_OR_RETURN(const int64_t lease, MyLease());
  pb::TxnRequest txn;
  *txn.add_compare() = ValueIs(KeyOf(absl::StrCat(fed::kIncarnationsPrefix, node)),
                               absl::StrCat(announced.incarnation));
  AddPut(KeyOf(absl::StrCat(fed::kNodesPrefix, node)), Encode(announced), lease, &txn);
  MNEME_ASSIGN_OR_RETURN(const pb::TxnResponse done, client_->Txn(txn));
  MutexLock lock(&mutex_);
  if (done.succeeded()) {
    announced_lease_ = lease;
  } else if (node_ == node && announced_ == announced) {
    node_.clear();  // a later start has the name now
  }
  return absl::OkStatus();
}

// ---- what a node asks for

absl::StatusOr<uint64_t> EtcdCoordinator::Register(const std::string& node,
                                                   const std::string& address) {
  MNEME_RETURN_IF_ERROR(fed::CheckName("node", node));
  const std::string counter = KeyOf(absl::StrCat(fed::kIncarnationsPrefix, node));
  for (int tries = 0; tries < kRegisterTriesMax; ++tries) {
    pb::RangeRequest range;
    range.set_key(counter);
    MNEME_ASSIGN_OR_RETURN(const pb::RangeResponse found, client_->Range(range));
    fed::Announcement announcement{.address = address};
    uint64_t seen = 0;
    if (found.kvs_size() > 0) {
      seen = static_cast<uint64_t>(found.kvs(0).mod_revision());
      MNEME_ASSIGN_OR_RETURN(announcement.incarnation, fed::DecodeCount(found.kvs(0).value()));
    }
    ++announcement.incarnation;
    MNEME_ASSIGN_OR_RETURN(const int64_t lease, MyLease());
    pb::TxnRequest txn;
    *txn.add_compare() = ModIs(counter, seen);
    AddPut(counter, absl::StrCat(announcement.incarnation), 0, &txn);
    AddPut(KeyOf(absl::StrCat(fed::kNodesPrefix, node)), Encode(announcement), lease, &txn);
    const absl::StatusOr<pb::TxnResponse> done = client_->Txn(txn);
    if (absl::IsFailedPrecondition(done.status())) {
      // The lease ran out meanwhile: with a new one.
      MutexLock lock(&mutex_);
      if (lease_ == lease) lease_ = 0;
      continue;
    }
    if (!done.ok()) return done.status();
    if (!done->succeeded()) continue;  // another start of this node was quicker
    MutexLock lock(&mutex_);
    node_ = node;
    announced_ = announcement;
    announced_lease_ = lease;
    return announcement.incarnation;
  }
  return Raced("REGISTER", absl::StrCat("others register node '", node, "' all the time"));
}

absl::StatusOr<fed::Contents> EtcdCoordinator::ReadAll() {
  pb::RangeRequest request;
  request.set_key(prefix_);
  request.set_range_end(EndOfPrefix(prefix_));
  MNEME_ASSIGN_OR_RETURN(const pb::RangeResponse response, client_->Range(request));
  fed::Contents contents{.revision = static_cast<uint64_t>(response.header().revision())};
  for (const pb::KeyValue& kv : response.kvs())
    contents.records[kv.key().substr(prefix_.size())] = RecordOf(kv);
  const auto plan = contents.records.find(fed::kPlanKey);
  if (plan != contents.records.end() && plan->second.value.starts_with(kPartsHead)) {
    MNEME_RETURN_IF_ERROR(JoinPlan(contents.revision, plan->second));
  }
  return contents;
}

// ---- a plan in parts

absl::Status EtcdCoordinator::JoinPlan(uint64_t revision, fed::Record& record) {
  {
    MutexLock lock(&mutex_);
    if (joined_revision_ == record.mod_revision) {
      record.value = joined_;
      return absl::OkStatus();
    }
  }
  const std::string prefix =
      absl::StrCat(parts_prefix_, record.value.substr(sizeof(kPartsHead) - 1), "/");
  pb::RangeRequest request;
  request.set_key(prefix);
  request.set_range_end(EndOfPrefix(prefix));
  // The parts of this reading, whatever was committed since.
  request.set_revision(static_cast<int64_t>(revision));
  MNEME_ASSIGN_OR_RETURN(const pb::RangeResponse response, client_->Range(request));
  std::string joined;  // keys are sorted, and as long as each other
  for (const pb::KeyValue& kv : response.kvs()) {
    if (kv.value().size() > fed::kPlanBytesMax - joined.size()) {
      joined.clear();  // no plan is longer: nor are these parts one
      break;
    }
    joined += kv.value();
  }
  record.value = joined;  // a plan says itself whether it is whole
  MutexLock lock(&mutex_);
  joined_revision_ = record.mod_revision;
  joined_ = std::move(joined);
  return absl::OkStatus();
}

// Names what a plan record then says.
absl::StatusOr<std::string> EtcdCoordinator::PutParts(std::string_view bytes) {
  const std::string name = absl::StrFormat("%016x", StableHash(bytes));
  for (size_t part = 0; part * kEtcdValueBytesMax < bytes.size(); ++part) {
    pb::PutRequest put;
    put.set_key(absl::StrFormat("%s%s/%04d", parts_prefix_, name, part));
    put.set_value(std::string(bytes.substr(part * kEtcdValueBytesMax, kEtcdValueBytesMax)));
    MNEME_RETURN_IF_ERROR(client_->Put(put).status());
  }
  return name;
}

absl::StatusOr<std::unique_ptr<fed::Coordinator::Watch>> EtcdCoordinator::StartWatch(
    uint64_t from_revision, Watcher watcher, std::function<void()> lost) {
  return std::make_unique<EtcdWatch>(client_, prefix_, from_revision, std::move(watcher),
                                     std::move(lost));
}

absl::Status EtcdCoordinator::Put(const std::string& key, const std::string& value,
                                  fed::Lifetime lifetime) {
  pb::PutRequest request;
  request.set_key(KeyOf(key));
  request.set_value(value);
  if (lifetime == fed::Lifetime::kWithMyLease) {
    MNEME_ASSIGN_OR_RETURN(const int64_t lease, MyLease());
    request.set_lease(lease);
  }
  return client_->Put(request).status();
}

absl::Status EtcdCoordinator::PutIf(const std::string& key, const std::string& value,
                                    uint64_t seen) {
  pb::TxnRequest txn;
  *txn.add_compare() = ModIs(KeyOf(key), seen);
  AddPut(KeyOf(key), value, 0, &txn);
  MNEME_ASSIGN_OR_RETURN(const pb::TxnResponse done, client_->Txn(txn));
  if (done.succeeded()) return absl::OkStatus();
  return Raced("RACED", absl::StrCat(key, " has changed"));
}

absl::Status EtcdCoordinator::Delete(const std::string& key) {
  pb::DeleteRangeRequest request;
  request.set_key(KeyOf(key));
  return client_->Delete(request).status();
}

absl::StatusOr<uint64_t> EtcdCoordinator::BecomePlanner(const std::string& node) {
  const std::string key = KeyOf(fed::kPlannerKey);
  MNEME_ASSIGN_OR_RETURN(const int64_t lease, MyLease());
  pb::TxnRequest txn;
  *txn.add_compare() = CreateIs(key, 0);
  AddPut(key, node, lease, &txn);
  txn.add_failure()->mutable_request_range()->set_key(key);
  MNEME_ASSIGN_OR_RETURN(const pb::TxnResponse done, client_->Txn(txn));
  if (done.succeeded()) return static_cast<uint64_t>(done.header().revision());
  // Mine already, by a call that got no answer?
  const bool found =
      done.responses_size() == 1 && done.responses(0).response_range().kvs_size() == 1;
  if (found) {
    const pb::KeyValue& kv = done.responses(0).response_range().kvs(0);
    if (kv.lease() == lease && kv.value() == node)
      return static_cast<uint64_t>(kv.create_revision());
  }
  return Raced("PLANNER", "somebody plans already");
}

absl::StatusOr<uint64_t> EtcdCoordinator::CommitPlan(const fed::PlanGuard& guard,
                                                     const fed::Plan& plan) {
  const std::string bytes = Encode(plan);
  if (bytes.size() > fed::kPlanBytesMax) {
    return ResourceExhausted(absl::StrFormat("the plan has %d bytes", bytes.size()),
                             {.reason = "LIMIT",
                              .given = absl::StrCat(bytes.size()),
                              .expected = absl::StrCat("at most ", fed::kPlanBytesMax),
                              .next_step = "Let nodes want the items of fewer others."});
  }
  pb::TxnRequest txn;
  *txn.add_compare() = CreateIs(KeyOf(fed::kPlannerKey), guard.planner_revision);
  *txn.add_compare() = ModIs(KeyOf(fed::kPlanKey), guard.plan_revision);
  if (bytes.size() <= kPlanInlineBytesMax) {
    AddPut(KeyOf(fed::kPlanKey), bytes, 0, &txn);
    AddDelete(parts_prefix_, EndOfPrefix(parts_prefix_), &txn);
  } else {
    // The parts first: nobody reads them until the record names them. Those of other plans go with
    // the same transaction.
    MNEME_ASSIGN_OR_RETURN(const std::string name, PutParts(bytes));
    const std::string mine = absl::StrCat(parts_prefix_, name, "/");
    AddPut(KeyOf(fed::kPlanKey), absl::StrCat(kPartsHead, name), 0, &txn);
    AddDelete(parts_prefix_, mine, &txn);
    AddDelete(EndOfPrefix(mine), EndOfPrefix(parts_prefix_), &txn);
  }
  MNEME_ASSIGN_OR_RETURN(const pb::TxnResponse done, client_->Txn(txn));
  if (done.succeeded()) return static_cast<uint64_t>(done.header().revision());
  return Raced("PLAN", "another planner, or another plan");
}

}  // namespace mneme::server
