#include "server/http/json_door.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/type_resolver_util.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "core/base/status.h"
#include "server/http/error.h"

namespace mneme::server {
namespace {

namespace pb = google::protobuf;

constexpr char kTypes[] = "type.googleapis.com";
constexpr size_t kTimeoutDigitsMax = 8;
constexpr int64_t kTimeoutNanosMax = 24 * 3'600'000'000'000;  // longer ones mean no less

std::string TypeUrl(const pb::Descriptor& type) {
  return absl::StrCat(kTypes, "/", type.full_name());
}

std::shared_ptr<grpc::Channel> Inside(grpc::Server& server) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);  // what the server sends, it has charged for
  arguments.SetMaxSendMessageSize(-1);
  return server.InProcessChannel(arguments);
}

absl::Status BadJson(const Rpc& method, std::string_view why) {
  return InvalidArgument(
      absl::StrCat("the body is no ", method.descriptor->input_type()->name(), ": ", AbslView(why)),
      {.reason = "JSON",
       .expected = absl::StrCat("a JSON object with the fields of ",
                                method.descriptor->input_type()->full_name()),
       .next_step = "GET /openapi.json describes all requests."});
}

// A message that has nothing but the resource name of the path: its bytes, behind those of the
// body, set that field.
std::string ResourceBytes(const Rpc& method, std::string_view field, std::string_view resource) {
  const std::unique_ptr<pb::Message> message(pb::MessageFactory::generated_factory()
                                                 ->GetPrototype(method.descriptor->input_type())
                                                 ->New());
  pb::Message* at = message.get();
  for (size_t dot = field.find('.'); dot != std::string_view::npos; dot = field.find('.')) {
    const pb::FieldDescriptor* outer =
        at->GetDescriptor()->FindFieldByName(std::string(field.substr(0, dot)));
    at = at->GetReflection()->MutableMessage(at, outer);
    field.remove_prefix(dot + 1);
  }
  at->GetReflection()->SetString(at, at->GetDescriptor()->FindFieldByName(std::string(field)),
                                 std::string(resource));
  return message->SerializeAsString();
}

// What gRPC takes as the value of a header; it ends the process for others.
bool IsPrintable(std::string_view value) {
  return std::all_of(value.begin(), value.end(), [](char c) { return c >= 0x20 && c <= 0x7e; });
}

absl::Status BadHeader(std::string_view name) {
  return InvalidArgument(absl::StrCat(AbslView(name), ": not printable ASCII"),
                         {.reason = "HEADER",
                          .given = "other bytes",
                          .expected = "printable ASCII",
                          .next_step = absl::StrCat("Correct ", AbslView(name), ".")});
}

std::string Bytes(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  std::string out;
  if (!buffer.Dump(&slices).ok()) return out;
  for (const grpc::Slice& slice : slices)
    out.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  return out;
}

}  // namespace

struct JsonDoor::Pending {
  const Rpc* method = nullptr;
  grpc::ClientContext context;
  grpc::ByteBuffer request;
  grpc::ByteBuffer response;
  HttpRespond respond;
};

JsonDoor::JsonDoor(grpc::Server& server, std::chrono::nanoseconds call_time, Take take)
    : call_time_(call_time),
      take_(std::move(take)),
      types_(
          pb::util::NewTypeResolverForDescriptorPool(kTypes, pb::DescriptorPool::generated_pool())),
      stub_(Inside(server)),
      pool_(kJsonThreads) {}

JsonDoor::~JsonDoor() = default;

void JsonDoor::Call(const RpcTarget& target, const HttpRequest& request, HttpRespond respond) {
  const absl::Status submitted =
      pool_.Submit([this, target, &request, respond] { Send(target, request, respond); });
  if (!submitted.ok()) respond(ErrorResponse(submitted));
}

void JsonDoor::Send(const RpcTarget& target, const HttpRequest& request, HttpRespond respond) {
  const Rpc& method = *target.path->method;
  const auto begin = std::chrono::system_clock::now();
  std::chrono::nanoseconds time = call_time_;
  if (!request.grpc_timeout.empty()) {
    const absl::StatusOr<std::chrono::nanoseconds> asked = ParseTimeout(request.grpc_timeout);
    if (!asked.ok()) return respond(ErrorResponse(asked.status()));
    time = *asked;
  }
  std::string bytes;
  if (!request.body.empty()) {
    const pb::util::Status parsed = pb::util::JsonToBinaryString(
        types_.get(), TypeUrl(*method.descriptor->input_type()), request.body, &bytes);
    if (!parsed.ok()) {
      // It does not come to the gate, which counts calls.
      const absl::Status in_time = take_(request.authorization, request.body.size());
      if (!in_time.ok()) return respond(ErrorResponse(in_time));
      return respond(ErrorResponse(
          BadJson(method, std::string_view(parsed.message().data(), parsed.message().size()))));
    }
  }
  if (!target.path->field.empty())
    bytes += ResourceBytes(method, target.path->field, target.resource);

  const auto deadline = begin + time;
  if (std::chrono::system_clock::now() >= deadline) {
    return respond(ErrorResponse(
        grpc::Status(grpc::StatusCode::DEADLINE_EXCEEDED, "the time of Grpc-Timeout is over")));
  }

  auto call = std::make_shared<Pending>();
  call->method = &method;
  call->respond = std::move(respond);
  const grpc::Slice slice(bytes);
  call->request = grpc::ByteBuffer(&slice, 1);
  call->context.set_deadline(deadline);
  for (const auto& [name, value] :
       {std::pair<const char*, const std::string&>("authorization", request.authorization),
        std::pair<const char*, const std::string&>("traceparent", request.traceparent),
        std::pair<const char*, const std::string&>("tracestate", request.tracestate)}) {
    if (!IsPrintable(value)) return call->respond(ErrorResponse(BadHeader(name)));
    if (!value.empty()) call->context.AddMetadata(name, value);
  }
  {
    MutexLock lock(&mutex_);
    if (!stopped_) return Begin(call);
  }
  call->respond(ErrorResponse(Unavailable(
      "the server is stopping", {.reason = "STOPPING", .next_step = "Retry once it is back."})));
}

void JsonDoor::Begin(const std::shared_ptr<Pending>& call) {
  stub_.UnaryCall(&call->context, call->method->path, grpc::StubOptions(), &call->request,
                  &call->response, [this, call](const grpc::Status& status) {
                    const auto answer = [this, call, status] {
                      call->respond(Encode(*call, status));
                    };
                    if (!pool_.Submit(answer).ok()) answer();
                  });
}

void JsonDoor::StopCalls() {
  MutexLock lock(&mutex_);
  stopped_ = true;
}

HttpResponse JsonDoor::Encode(Pending& call, const grpc::Status& status) const {
  if (!status.ok()) return ErrorResponse(status);
  HttpResponse out;
  const std::string bytes = Bytes(call.response);
  call.response.Clear();
  const pb::util::Status encoded = pb::util::BinaryToJsonString(
      types_.get(), TypeUrl(*call.method->descriptor->output_type()), bytes, &out.body);
  if (!encoded.ok()) {
    return ErrorResponse(
        Internal(absl::StrCat("the answer is no JSON: ", std::string(encoded.message()))));
  }
  out.body += '\n';
  return out;
}

absl::StatusOr<std::chrono::nanoseconds> ParseTimeout(std::string_view text) {
  constexpr std::string_view kUnits = "numSMH";
  constexpr int64_t kNanos[] = {
      1, 1'000, 1'000'000, 1'000'000'000, 60'000'000'000, 3'600'000'000'000};
  const size_t unit = text.empty() ? std::string_view::npos : kUnits.find(text.back());
  int64_t number = -1;
  if (unit != std::string_view::npos && text.size() <= 1 + kTimeoutDigitsMax) {
    const char* const last = text.data() + text.size() - 1;
    const auto [end, error] = std::from_chars(text.data(), last, number);
    if (error != std::errc() || end != last) number = -1;
  }
  if (number < 0) {
    return InvalidArgument(absl::StrFormat("Grpc-Timeout: '%s' is no time", AbslView(text)),
                           {.reason = "TIMEOUT",
                            .given = std::string(text),
                            .expected = "up to 8 digits and one of H, M, S, m (ms), u (us), n (ns)",
                            .next_step = "Send Grpc-Timeout: 5S, for instance, or leave it out."});
  }
  return std::chrono::nanoseconds(std::min(number, kTimeoutNanosMax / kNanos[unit]) * kNanos[unit]);
}

}  // namespace mneme::server
