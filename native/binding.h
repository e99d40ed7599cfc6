// Class Device of the addon, as src/device/native.ts describes it. Owns what only Node has (references, windows, callbacks)
// for the event loop. binding.cc has the methods that JavaScript calls, javascript_side.cc the calls into JavaScript.
#pragma once

#include <napi.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "event_loop.h"

namespace vhost_user_scmi {

class Device final : public Napi::ObjectWrap<Device>, JavaScriptSide {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "Device",
                       {
                           InstanceMethod<&Device::windows>("windows"),
                           InstanceMethod<&Device::listen>("listen"),
                           InstanceMethod<&Device::adopt>("adopt"),
                           InstanceMethod<&Device::dial>("dial"),
                           InstanceMethod<&Device::peek_event>("peekEvent"),
                           InstanceMethod<&Device::commit_event>("commitEvent"),
                           InstanceMethod<&Device::complete_held>("completeHeld"),
                           InstanceMethod<&Device::break_ring>("breakRing"),
                           InstanceMethod<&Device::locate>("locate"),
                           InstanceMethod<&Device::watch_memory>("watchMemory"),
                           InstanceMethod<&Device::features>("features"),
                           InstanceMethod<&Device::latencies>("latencies"),
                           InstanceMethod<&Device::close>("close"),
                       });
  }

  explicit Device(const Napi::CallbackInfo& info);
  ~Device() override;

 private:
  Napi::Value windows(const Napi::CallbackInfo& info);
  Napi::Value listen(const Napi::CallbackInfo& info);
  Napi::Value adopt(const Napi::CallbackInfo& info);
  Napi::Value dial(const Napi::CallbackInfo& info);
  Napi::Value peek_event(const Napi::CallbackInfo& info);
  Napi::Value commit_event(const Napi::CallbackInfo& info);
  Napi::Value complete_held(const Napi::CallbackInfo& info);
  Napi::Value break_ring(const Napi::CallbackInfo& info);
  Napi::Value locate(const Napi::CallbackInfo& info);
  Napi::Value watch_memory(const Napi::CallbackInfo& info);
  Napi::Value features(const Napi::CallbackInfo& info);
  Napi::Value latencies(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);

  // False, with an exception pending, if the method can't be called now.
  bool open(const char* method, bool in_batch = false);
  bool out_of_reach(const char* method);
  std::optional<std::string> path_of(const Napi::CallbackInfo& info, const char* method);
  void share_batch(Napi::Object self);
  void define_next_batch(Napi::Object self);
  static napi_value next_batch(napi_env env, napi_callback_info info);

  // JavaScriptSide
  void answer(uint32_t count) override;
  void turn(const std::function<void()>& work) override;
  void on_event(const Event& event) override;
  void after_visit() override;
  void detach_windows() override;
  void handles_opened() override { Ref(); }
  void handles_closed() override;

  void report(const Napi::Error& error);
  void dispose();
  void forget_environment();
  static void on_environment_end(napi_async_cleanup_hook_handle hook, void* device);

  std::optional<EventLoop> loop_;
  Napi::FunctionReference on_batches_;
  Napi::FunctionReference on_event_;
  std::optional<Napi::AsyncContext> context_;
  napi_async_cleanup_hook_handle hook_ = nullptr;

  Napi::Reference<Napi::ArrayBuffer> scratch_;
  std::vector<Napi::Reference<Napi::ArrayBuffer>> lent_;
  // Set while onBatches runs: the pump is on the stack, and no ring may change under it.
  bool in_batch_ = false;
  // What onBatches threw, until its batch is published.
  Napi::Error batch_error_;
};

}  // namespace vhost_user_scmi
