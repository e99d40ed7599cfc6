// What the addon exports: class Device, the calls of a front end, and what else only native code can do for the process.
#include <napi.h>

#include "binding.h"
#include "file_calls.h"
#include "front_end_calls.h"
#include "stall_watch.h"

namespace vhost_user_scmi {
namespace {

// See stall_watch.h: what each does to the process.
Napi::Object stall_watch_functions(Napi::Env env) {
  const auto number = [](const Napi::CallbackInfo& info) {
    return info[0].IsNumber() ? info[0].As<Napi::Number>().Uint32Value() : 0;
  };
  Napi::Object functions = Napi::Object::New(env);
  functions.Set("start", Napi::Function::New(env, [number](const Napi::CallbackInfo& info) {
                  stall_watch::start(number(info));
                }));
  functions.Set("beat", Napi::Function::New(env, [](const Napi::CallbackInfo&) { stall_watch::beat(); }));
  functions.Set("numberOf", Napi::Function::New(env, [](const Napi::CallbackInfo& info) -> Napi::Value {
                  return Napi::Number::New(info.Env(), stall_watch::number_of(info[0].ToString().Utf8Value()));
                }));
  functions.Set("enter", Napi::Function::New(env, [number](const Napi::CallbackInfo& info) -> Napi::Value {
                  return Napi::Number::New(info.Env(), stall_watch::enter(number(info)));
                }));
  return functions;
}

Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  exports.Set("stallWatch", stall_watch_functions(env));
  exports.Set("Device", Device::define(env));
#ifdef __clang__
  exports.Set("compiler", __VERSION__);
#else
  exports.Set("compiler", "gcc " __VERSION__);
#endif
  define_file_calls(env, exports);
  exports.Set("frontEnd", calls::front_end_calls(env));
  return exports;
}

}  // namespace

NODE_API_MODULE(vhost_user_scmi, initialize)

}  // namespace vhost_user_scmi
