#include "front_end_calls.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include <memory>
#include <utility>

namespace vhost_user_scmi::calls {
namespace {

constexpr size_t FDS_MAX = 64;

// memfd(name, size, sealed): an anonymous file; sealed as QEMU seals its memory, so that it can't change its size.
Napi::Value memfd(Args args) {
  const std::string name = args[0].As<Napi::String>();
  const int fd = memfd_create(name.c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) return fail_call(args.Env(), "memfd_create");
  const int seals = args[2].As<Napi::Boolean>() ? F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW : 0;
  if (ftruncate(fd, long_of(args, 1)) < 0 || (seals != 0 && fcntl(fd, F_ADD_SEALS, seals) < 0)) {
    const Napi::Value failed = fail_call(args.Env(), "memfd size or seals");
    close(fd);
    return failed;
  }
  return Napi::Number::New(args.Env(), fd);
}

// map(fd, offset, length): the file's bytes, shared. Mapped until unmap(); the garbage collector does not unmap it.
Napi::Value map(Args args) {
  const size_t length = static_cast<size_t>(long_of(args, 2));
  void* bytes = mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, int_of(args, 0), long_of(args, 1));
  if (bytes == MAP_FAILED) return fail_call(args.Env(), "mmap");
  return Napi::ArrayBuffer::New(args.Env(), bytes, length);
}

// unmap(buffer): detaches it first, so that a view kept by mistake throws.
Napi::Value unmap(Args args) {
  Napi::ArrayBuffer buffer = args[0].As<Napi::ArrayBuffer>();
  void* const bytes = buffer.Data();
  const size_t length = buffer.ByteLength();
  buffer.Detach();
  return number_or_fail(args.Env(), "munmap", munmap(bytes, length));
}

Napi::Value new_eventfd(Args args) { return number_or_fail(args.Env(), "eventfd", eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)); }

// readEvent(fd): takes the eventfd's count; 0 if it was not signalled.
Napi::Value read_event(Args args) {
  uint64_t count = 0;
  if (read(int_of(args, 0), &count, sizeof count) < 0 && errno != EAGAIN) return fail_call(args.Env(), "read eventfd");
  return Napi::Number::New(args.Env(), static_cast<double>(count));
}

Napi::Value write_event(Args args) {
  const uint64_t count = static_cast<uint64_t>(long_of(args, 1));
  return number_or_fail(args.Env(), "write eventfd", write(int_of(args, 0), &count, sizeof count));
}

Napi::Value connect_to(Args args) { return open_socket(args, "connect", connect); }

// send(fd, bytes, fds): returns the number of bytes sent, or -1 if the socket is full.
Napi::Value send_message(Args args) {
  const Napi::Uint8Array bytes = args[1].As<Napi::Uint8Array>();
  const Napi::Array fds = args[2].As<Napi::Array>();
  const size_t count = fds.Length() < FDS_MAX ? fds.Length() : FDS_MAX;
  iovec part = {const_cast<uint8_t*>(bytes.Data()), bytes.ByteLength()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * FDS_MAX)] = {};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (count > 0) {
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(sizeof(int) * count);
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int) * count);
    for (uint32_t i = 0; i < count; i++) {
      const int fd = fds.Get(i).As<Napi::Number>().Int32Value();
      memcpy(CMSG_DATA(header) + i * sizeof fd, &fd, sizeof fd);
    }
  }
  const ssize_t sent = sendmsg(int_of(args, 0), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent < 0 && errno == EAGAIN) return Napi::Number::New(args.Env(), -1);
  return number_or_fail(args.Env(), "sendmsg", sent);
}

// receive(fd, into, fds): fills `into` and appends descriptors to `fds`. Returns bytes, 0 at the end, -1 if none yet.
Napi::Value receive_message(Args args) {
  Napi::Uint8Array into = args[1].As<Napi::Uint8Array>();
  Napi::Array fds = args[2].As<Napi::Array>();
  iovec part = {into.Data(), into.ByteLength()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * FDS_MAX)];
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  const ssize_t got = recvmsg(int_of(args, 0), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (got < 0 && errno == EAGAIN) return Napi::Number::New(args.Env(), -1);
  if (got < 0) return fail_call(args.Env(), "recvmsg");
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    for (size_t i = 0; i < (header->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++) {
      int fd;
      memcpy(&fd, CMSG_DATA(header) + i * sizeof fd, sizeof fd);
      fds.Set(fds.Length(), Napi::Number::New(args.Env(), fd));
    }
  }
  return Napi::Number::New(args.Env(), static_cast<double>(got));
}

// Calls back whenever a descriptor is readable, until stop() or the end of the environment.
class Watch {
 public:
  // nullptr if the descriptor can't be polled.
  static Watch* start(Napi::Env env, int fd, Napi::Function callback) {
    uv_loop_t* loop = nullptr;
    if (napi_get_uv_event_loop(env, &loop) != napi_ok) return nullptr;
    auto* watch = new Watch(env, callback);
    if (uv_poll_init(loop, &watch->poll_, fd) != 0) {
      delete watch;
      return nullptr;
    }
    watch->poll_.data = watch;
    napi_add_async_cleanup_hook(
        env, [](napi_async_cleanup_hook_handle, void* self) { static_cast<Watch*>(self)->stop(); }, watch, &watch->hook_);
    uv_poll_start(&watch->poll_, UV_READABLE, [](uv_poll_t* poll, int, int) { static_cast<Watch*>(poll->data)->call(); });
    return watch;
  }

  // Once. libuv owns the memory until it has closed the handle.
  void stop() {
    if (std::exchange(stopped_, true)) return;
    callback_.Reset();
    uv_close(reinterpret_cast<uv_handle_t*>(&poll_), [](uv_handle_t* handle) {
      auto* watch = static_cast<Watch*>(handle->data);
      napi_remove_async_cleanup_hook(watch->hook_);
      delete watch;
    });
  }

 private:
  Watch(Napi::Env env, Napi::Function callback)
      : env_(env), callback_(Napi::Persistent(callback)), context_(env, "vhost-user front end") {}

  void call() {
    const Napi::HandleScope scope(env_);
    callback_.Value().MakeCallback(env_.Global(), 0, nullptr, context_);
    if (env_.IsExceptionPending()) napi_fatal_exception(env_, env_.GetAndClearPendingException().Value());
  }

  const Napi::Env env_;
  Napi::FunctionReference callback_;
  Napi::AsyncContext context_;
  uv_poll_t poll_ = {};
  napi_async_cleanup_hook_handle hook_ = nullptr;
  bool stopped_ = false;
};

// watch(fd, callback): returns a function that ends it, to be called once and before the descriptor is closed.
Napi::Value watch(Args args) {
  Watch* const started = Watch::start(args.Env(), int_of(args, 0), args[1].As<Napi::Function>());
  if (started == nullptr) {
    errno = EPERM;
    return fail_call(args.Env(), "watch");
  }
  // It may be called again after the watch is gone, so it forgets the watch at the first call.
  return Napi::Function::New(args.Env(), [running = std::make_shared<Watch*>(started)](Args) {
    if (Watch* const ending = std::exchange(*running, nullptr)) ending->stop();
  });
}

}  // namespace

Napi::Object front_end_calls(Napi::Env env) {
  const Napi::Object calls = Napi::Object::New(env);
  const auto add = [&](const char* name, Napi::Value (*function)(Args)) {
    calls.Set(name, Napi::Function::New(env, function, name));
  };
  add("memfd", memfd);
  add("map", map);
  add("unmap", unmap);
  add("eventfd", new_eventfd);
  add("readEvent", read_event);
  add("writeEvent", write_event);
  add("watch", watch);
  add("connect", connect_to);
  add("send", send_message);
  add("receive", receive_message);
  return calls;
}

}  // namespace vhost_user_scmi::calls
