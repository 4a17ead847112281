#include "server/peer/frame_pieces.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "core/base/status.h"

namespace mneme::server {
namespace {

// The long parts of a frame, in the order of their fields.
std::vector<std::string*> PartsOf(v1::PeerFrame& frame) {
  switch (frame.body_case()) {
    case v1::PeerFrame::kParamDown: {
      v1::PeerParamDown& down = *frame.mutable_param_down();
      if (!down.has_change()) return {down.mutable_memory()->mutable_data()};
      return {down.mutable_memory()->mutable_data(),
              down.mutable_change()->mutable_errors()->mutable_data(),
              down.mutable_change()->mutable_keys()->mutable_data()};
    }
    case v1::PeerFrame::kGradUp: {
      v1::PeerGradUp& up = *frame.mutable_grad_up();
      return {up.mutable_values()->mutable_data(), up.mutable_keys()->mutable_data(),
              up.mutable_places()};
    }
    case v1::PeerFrame::kStatUp: {
      v1::PeerStatUp& up = *frame.mutable_stat_up();
      return {up.mutable_squares()->mutable_data(), up.mutable_products()->mutable_data()};
    }
    case v1::PeerFrame::kFactor: {
      v1::PeerFactor& factor = *frame.mutable_factor();
      return {factor.mutable_keys()->mutable_data(), factor.mutable_responses()->mutable_data(),
              factor.mutable_gates()->mutable_data()};
    }
    case v1::PeerFrame::kWarmReply:
      return {frame.mutable_warm_reply()->mutable_memory()->mutable_data()};
    case v1::PeerFrame::kHello:
    case v1::PeerFrame::kAck:
    case v1::PeerFrame::kNack:
    case v1::PeerFrame::kProbe:
    case v1::PeerFrame::kProbeReply:
    case v1::PeerFrame::kPiece:
    case v1::PeerFrame::kWarmAsk:
    case v1::PeerFrame::BODY_NOT_SET:
      break;
  }
  return {};
}

absl::Status BadPieces(std::string_view what, std::string_view given, std::string_view expected) {
  return InvalidArgument(absl::StrCat("a frame in pieces: ", AbslView(what)),
                         {.reason = "FRAME",
                          .given = std::string(given),
                          .expected = std::string(expected),
                          .next_step = "Run the same version of mnemed on all nodes."});
}

}  // namespace

FrameSplitter::FrameSplitter(v1::PeerFrame frame, size_t piece_bytes)
    : piece_bytes_(piece_bytes), bytes_(frame.ByteSizeLong()), message_(std::move(frame)) {
  if (bytes_ <= piece_bytes_) return;
  const std::vector<std::string*> parts = PartsOf(message_);
  size_t sum = 0;
  for (const std::string* part : parts) sum += part->size();
  if (sum <= piece_bytes_) return;
  for (std::string* part : parts) {
    message_.add_bulk_bytes(part->size());
    bulk_.push_back(std::exchange(*part, {}));
  }
}

const v1::PeerFrame* FrameSplitter::Next() {
  if (!std::exchange(begun_, true)) return &message_;
  while (part_ < bulk_.size() && offset_ == bulk_[part_].size()) {
    bulk_[part_++] = {};  // its room
    offset_ = 0;
  }
  if (part_ == bulk_.size()) return nullptr;
  const size_t size = std::min(piece_bytes_, bulk_[part_].size() - offset_);
  message_.Clear();
  message_.mutable_piece()->set_data(bulk_[part_].data() + offset_, size);
  offset_ += size;
  return &message_;
}

absl::Status FrameJoiner::TooLong(uint64_t bytes) const {
  return BadPieces("longer than frames of this federation are", absl::StrCat(bytes, " bytes"),
                   absl::StrCat("at most ", frame_bytes_max_, " in all"));
}

absl::StatusOr<bool> FrameJoiner::Begin(v1::PeerFrame&& head) {
  frame_ = std::move(head);
  part_ = 0;
  parts_ = PartsOf(frame_);
  if (frame_.bulk_bytes().empty()) {
    uint64_t sum = 0;
    for (const std::string* part : parts_) sum += part->size();
    if (sum > frame_bytes_max_) return TooLong(sum);
    parts_.clear();
    return true;
  }
  const size_t given = static_cast<size_t>(frame_.bulk_bytes_size());
  if (given != parts_.size()) {
    return BadPieces("not as many long parts as it has", absl::StrCat(given),
                     absl::StrCat(parts_.size()));
  }
  uint64_t left = frame_bytes_max_;
  for (const uint64_t bytes : frame_.bulk_bytes()) {
    if (bytes > left) return TooLong(bytes);
    left -= bytes;
  }
  for (std::string* part : parts_) {
    if (!part->empty()) return BadPieces("its head has what pieces are for", "both", "one of them");
  }
  return left == frame_bytes_max_;  // long parts without a byte: it is whole
}

absl::StatusOr<bool> FrameJoiner::Take(v1::PeerFrame&& message) {
  const bool is_open = part_ < parts_.size();
  if (!message.has_piece()) {
    if (is_open) return BadPieces("another frame came in between", "a frame", "its next piece");
    MNEME_ASSIGN_OR_RETURN(const bool whole, Begin(std::move(message)));
    if (whole) parts_.clear();
    return whole;
  }
  const std::string& data = message.piece().data();
  const auto bytes_of = [this](size_t part) { return frame_.bulk_bytes(static_cast<int>(part)); };
  while (part_ < parts_.size() && parts_[part_]->size() == bytes_of(part_)) ++part_;
  if (part_ == parts_.size()) {
    return BadPieces("a piece of no frame", absl::StrCat(data.size(), " bytes"), "a frame first");
  }
  std::string& part = *parts_[part_];
  if (data.empty() || data.size() > bytes_of(part_) - part.size()) {
    return BadPieces("a piece of a wrong size", absl::StrCat(data.size(), " bytes"),
                     absl::StrCat("from 1 to ", bytes_of(part_) - part.size()));
  }
  if (part.empty()) part.reserve(bytes_of(part_));
  part += data;
  while (part_ < parts_.size() && parts_[part_]->size() == bytes_of(part_)) ++part_;
  if (part_ < parts_.size()) return false;
  parts_.clear();
  part_ = 0;
  frame_.clear_bulk_bytes();
  return true;
}

}  // namespace mneme::server
