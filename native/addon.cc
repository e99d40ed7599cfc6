// What the addon exports: class Device, the calls of a front end, and what else only native code can do for the process.
#include <errno.h>
#include <napi.h>
#include <sys/file.h>

#include "binding.h"
#include "front_end_calls.h"
#include "stall_watch.h"
#include "text.h"
#include "values.h"

namespace vhost_user_scmi {
namespace {

// flock() of an open file: false if another open file of it is locked.
Napi::Value lock_file(const Napi::CallbackInfo& info) {
  const int fd = info[0].IsNumber() ? info[0].As<Napi::Number>().Int32Value() : -1;
  if (flock(fd, LOCK_EX | LOCK_NB) == 0) return Napi::Boolean::New(info.Env(), true);
  if (errno == EWOULDBLOCK) return Napi::Boolean::New(info.Env(), false);
  throw_errno(info.Env(), errno, text("can't lock file descriptor %d", fd));
  return info.Env().Undefined();
}

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
  exports.Set("lockFile", Napi::Function::New(env, lock_file, "lockFile"));
  exports.Set("frontEnd", calls::front_end_calls(env));
  return exports;
}

}  // namespace

NODE_API_MODULE(vhost_user_scmi, initialize)

}  // namespace vhost_user_scmi
