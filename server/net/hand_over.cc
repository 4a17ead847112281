#include "server/net/hand_over.h"

#include <utility>

namespace mneme::server {

using grpc::experimental::ExternalConnectionAcceptor;

HandOver::HandOver(std::unique_ptr<ExternalConnectionAcceptor> acceptor)
    : acceptor_(std::move(acceptor)), thread_([this] { Run(); }) {}

HandOver::~HandOver() {
  Stop();
  thread_.join();
}

void HandOver::Add(Id id, Socket socket, int listener) {
  MutexLock lock(&mutex_);
  if (stopping_) return;
  waiting_.push_back({.id = id, .socket = std::move(socket), .listener = listener});
  wake_.NotifyOne();
}

void HandOver::Remove(Id id) {
  MutexLock lock(&mutex_);
  std::erase_if(waiting_, [id](const Waiting& waiting) { return waiting.id == id; });
}

std::optional<HandOver::Id> HandOver::Stop() {
  MutexLock lock(&mutex_);
  stopping_ = true;
  waiting_.clear();
  wake_.NotifyOne();
  return under_way_;
}

void HandOver::Run() {
  while (true) {
    ExternalConnectionAcceptor::NewConnectionParameters parameters;
    {
      MutexLock lock(&mutex_);
      under_way_.reset();
      while (waiting_.empty() && !stopping_) wake_.Wait(&mutex_);
      if (stopping_) return;
      Waiting next = std::move(waiting_.front());
      waiting_.pop_front();
      under_way_ = next.id;
      parameters.listener_fd = next.listener;
      parameters.fd = next.socket.Release();
    }
    acceptor_->HandleNewConnection(&parameters);
  }
}

}  // namespace mneme::server
