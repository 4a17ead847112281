// ReloadConfig.
#include <utility>

#include "server/rpc/admin_service.h"

namespace mneme::server {
namespace {

void Encode(const std::vector<KeyChange>& from,
            google::protobuf::RepeatedPtrField<v1::ConfigChange>* to) {
  for (const KeyChange& change : from) {
    v1::ConfigChange* out = to->Add();
    out->set_name(change.name);
    out->set_was(change.was);
    out->set_now(change.now);
  }
}

}  // namespace

AdminServiceImpl::Reactor* AdminServiceImpl::ReloadConfig(Context* context,
                                                          const v1::ReloadConfigRequest* request,
                                                          v1::ReloadConfigResponse* response) {
  return Serve<Verb::kWrite>(
      bounds_, context, request, response,
      [](const v1::ReloadConfigRequest&, DecodeArena&) { return absl::StatusOr<bool>(true); },
      [this](bool, engine::Done<ReloadReport> done) {
        RunOnDisk<ReloadReport>(std::move(done), [this] { return reloader_.Reload(); });
      },
      [](const ReloadReport& report, v1::ReloadConfigResponse* out) {
        Encode(report.changed, out->mutable_changed());
        Encode(report.needs_restart, out->mutable_needs_restart());
        for (const std::string& part : report.parts) out->add_parts(part);
      });
}

}  // namespace mneme::server
