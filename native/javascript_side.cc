// What the event loop asks of JavaScript: to answer batches, to hear of events, to let go of guest memory.
#include <utility>

#include "binding.h"

namespace vhost_user_scmi {

void Device::detach_windows() {
  const Napi::HandleScope scope(Env());
  for (const auto& buffer : lent_) {
    // A view that outlived its mapping would read whatever comes to lie there.
    if (napi_detach_arraybuffer(Env(), buffer.Value()) != napi_ok) {
      Napi::Error::Fatal("vhost_user_scmi", "a window can't be detached from guest memory");
    }
  }
  lent_.clear();
}

// Within a turn, and its handle scope.
void Device::answer(uint32_t count) {
  loop_->batch().shared()->header.words[HEADER_COUNT] = count;
  napi_value result;
  in_batch_ = true;
  // Not through a callback scope: ticks and promises run once per turn, not per visit.
  const napi_status status = napi_call_function(Env(), Env().Undefined(), on_batches_.Value(), 0, nullptr, &result);
  in_batch_ = false;
  // Nothing is pending if a worker is being terminated.
  if (status != napi_ok && Env().IsExceptionPending()) batch_error_ = Env().GetAndClearPendingException();
}

// nextBatch(), which is called for every batch: nothing is converted, looked up or created here.
napi_value Device::next_batch(napi_env env, napi_callback_info info) {
  void* data;
  if (napi_get_cb_info(env, info, nullptr, nullptr, nullptr, &data) != napi_ok) return nullptr;
  auto* device = static_cast<Device*>(data);
  if (!device->in_batch_) return nullptr;
  device->loop_->batch().shared()->header.words[HEADER_COUNT] = device->loop_->pump().next();
  return nullptr;
}

void Device::turn(const std::function<void()>& work) {
  const Napi::HandleScope handle_scope(Env());
  const Napi::CallbackScope callback_scope(Env(), *context_);
  work();
}

void Device::on_event(const Event& event) {
  const Napi::HandleScope scope(Env());
  const napi_value arguments[] = {
      Napi::Number::New(Env(), static_cast<int>(event.kind)),
      Napi::Number::New(Env(), event.queue),
      Napi::Number::New(Env(), event.value),
      Napi::String::New(Env(), event.text),
  };
  napi_value result;
  const napi_status status =
      napi_call_function(Env(), Env().Undefined(), on_event_.Value(), 4, arguments, &result);
  if (status != napi_ok && Env().IsExceptionPending()) report(Env().GetAndClearPendingException());
}

void Device::after_visit() {
  if (!batch_error_.IsEmpty()) report(std::exchange(batch_error_, Napi::Error()));
}

// A callback threw, which is a bug of its owner: the process hears of it as of any uncaught exception.
void Device::report(const Napi::Error& error) { napi_fatal_exception(Env(), error.Value()); }

}  // namespace vhost_user_scmi
