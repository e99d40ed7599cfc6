// System calls of a vhost-user front end that TypeScript can't make: shared memory, eventfds, descriptors in messages. One
// function is one call, or one fixed sequence of them, with no policy: src/front-end decides what is sent, and when.
// Failures throw an Error with the errno's name in `code`; calls on non-blocking descriptors return -1 where there is
// nothing to do yet.
#pragma once

#include <napi.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>

namespace vhost_user_scmi::calls {

using Args = const Napi::CallbackInfo&;

constexpr size_t FDS_MAX = 64;

inline Napi::Value fail_call(Napi::Env env, const char* call) {
  const int error = errno;
  Napi::Error exception = Napi::Error::New(env, std::string(call) + ": " + strerror(error));
  exception.Set("code", Napi::String::New(env, uv_err_name(-error)));
  exception.ThrowAsJavaScriptException();
  return env.Undefined();
}

inline Napi::Value number_or_fail(Napi::Env env, const char* call, int64_t result) {
  if (result < 0) return fail_call(env, call);
  return Napi::Number::New(env, static_cast<double>(result));
}

inline int int_of(Args args, size_t i) { return args[i].As<Napi::Number>().Int32Value(); }
inline int64_t long_of(Args args, size_t i) { return args[i].As<Napi::Number>().Int64Value(); }

// Opens a non-blocking Unix stream socket and hands it with its address to `use` (connect, or bind and listen).
template <typename Use>
Napi::Value open_socket(Args args, const char* call, Use use) {
  const std::string path = args[0].As<Napi::String>();
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    errno = ENAMETOOLONG;
    return fail_call(args.Env(), call);
  }
  memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return fail_call(args.Env(), "socket");
  if (use(fd, reinterpret_cast<const sockaddr*>(&address), static_cast<socklen_t>(sizeof address)) < 0) {
    const Napi::Value failed = fail_call(args.Env(), call);
    close(fd);
    return failed;
  }
  return Napi::Number::New(args.Env(), fd);
}

// The functions by name: memfd, map, unmap, eventfd, readEvent, writeEvent, watch, connect, send, receive.
Napi::Object front_end_calls(Napi::Env env);

}  // namespace vhost_user_scmi::calls
