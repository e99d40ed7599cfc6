#include "file_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>

#include <memory>
#include <utility>

#include "mapping.h"
#include "text.h"
#include "values.h"

namespace vhost_user_scmi {
namespace {

int descriptor(const Napi::Value& value) { return value.IsNumber() ? value.As<Napi::Number>().Int32Value() : -1; }

// flock() of an open file: false if another open file of it is locked.
Napi::Value lock_file(const Napi::CallbackInfo& info) {
  const int fd = descriptor(info[0]);
  if (flock(fd, LOCK_EX | LOCK_NB) == 0) return Napi::Boolean::New(info.Env(), true);
  if (errno == EWOULDBLOCK) return Napi::Boolean::New(info.Env(), false);
  throw_errno(info.Env(), errno, text("can't lock file descriptor %d", fd));
  return info.Env().Undefined();
}

// The disk's blocks are taken before: a write to a hole of a full disk would be a SIGBUS.
Napi::Value map_file(const Napi::CallbackInfo& info) {
  const int fd = descriptor(info[0]);
  const int64_t bytes = info[1].IsNumber() ? info[1].As<Napi::Number>().Int64Value() : 0;
  if (const int error = posix_fallocate(fd, 0, bytes)) {
    throw_errno(info.Env(), error, text("can't take %lld bytes of the disk", static_cast<long long>(bytes)));
    return info.Env().Undefined();
  }
  auto mapping = std::make_shared<Mapping>();
  if (mapping->map(fd, 0, static_cast<uint64_t>(bytes))) {
    throw_errno(info.Env(), ENOMEM, text("can't map file descriptor %d", fd));
    return info.Env().Undefined();
  }
  using Owner = std::shared_ptr<Mapping>;
  const auto buffer = Napi::ArrayBuffer::New(
      info.Env(), mapping->data(), static_cast<size_t>(bytes), [](Napi::Env, void*, Owner* owner) { delete owner; },
      new Owner(mapping));
  // A mapped file stays locked, so unmapping can't wait for the garbage collector.
  const auto unmap = [mapping](const Napi::CallbackInfo& args) {
    args[0].As<Napi::ArrayBuffer>().Detach();
    *mapping = Mapping();
  };
  Napi::Object mapped = Napi::Object::New(info.Env());
  mapped.Set("buffer", buffer);
  mapped.Set("unmap", Napi::Function::New(info.Env(), unmap));
  return mapped;
}

}  // namespace

void define_file_calls(Napi::Env env, Napi::Object exports) {
  exports.Set("lockFile", Napi::Function::New(env, lock_file, "lockFile"));
  exports.Set("mapFile", Napi::Function::New(env, map_file, "mapFile"));
}

}  // namespace vhost_user_scmi
