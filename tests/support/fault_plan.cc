#include "tests/support/fault_plan.h"

namespace mneme::test {

const char* CallName(Call call) {
  switch (call) {
    case Call::kOpen:
      return "open";
    case Call::kRead:
      return "read";
    case Call::kCreate:
      return "create";
    case Call::kAppend:
      return "append";
    case Call::kSync:
      return "sync";
    case Call::kClose:
      return "close";
    case Call::kRename:
      return "rename";
    case Call::kLink:
      return "link";
    case Call::kDelete:
      return "delete";
    case Call::kList:
      return "list";
    case Call::kLook:
      return "look";
    case Call::kMakeDirectory:
      return "make directory";
    case Call::kOpenDirectory:
      return "open directory";
    case Call::kSyncDirectory:
      return "sync directory";
    case Call::kLock:
      return "lock";
  }
  return "";
}

void FaultPlan::Clear() {
  orders_.clear();
  fired_ = false;
}

void FaultPlan::ClearStalls() {
  std::erase_if(orders_, [](const Order& o) { return o.fault.kind == Fault::Kind::kStall; });
}

std::optional<Fault> FaultPlan::Meet(Call call, FileKind file) {
  ++counts_[static_cast<size_t>(call)][static_cast<size_t>(file)];
  std::optional<Fault> met;
  for (Order& order : orders_) {
    const Fault& fault = order.fault;
    if (fault.call.has_value() && *fault.call != call) continue;
    if (fault.file.has_value() && *fault.file != file) continue;
    ++order.met;
    if (order.met == fault.nth || (fault.from_then_on && order.met > fault.nth)) met = fault;
  }
  fired_ = fired_ || met.has_value();
  return met;
}

}  // namespace mneme::test
