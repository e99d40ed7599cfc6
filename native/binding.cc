// What JavaScript calls, and the life of the object. Methods check state and types: whatever they are called with, and
// whenever, they throw or do what they say.
#include "binding.h"

#include <errno.h>
#include <fcntl.h>
#include <uv.h>

#include <memory>
#include <utility>

#include "options.h"
#include "text.h"
#include "values.h"

namespace vhost_user_scmi {

Device::Device(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Device>(info) {
  const auto options = read_options(info[0]);
  if (!options) return;
  uv_loop_t* loop;
  if (napi_get_uv_event_loop(Env(), &loop) != napi_ok) {
    Napi::Error::New(Env(), "there is no event loop").ThrowAsJavaScriptException();
    return;
  }
  on_batches_ = Napi::Persistent(options->on_batches);
  on_event_ = Napi::Persistent(options->on_event);
  loop_.emplace(loop, options->offer, options->watch, static_cast<JavaScriptSide&>(*this));
  context_.emplace(Env(), "vhost-user-scmi");
  share_batch(info.This().As<Napi::Object>());
  define_next_batch(info.This().As<Napi::Object>());
  napi_add_async_cleanup_hook(Env(), on_environment_end, this, &hook_);
}

Device::~Device() { forget_environment(); }

// `batch`, `times` and window 0 lie over one block of memory, which lives until the last of their buffers is collected.
void Device::share_batch(Napi::Object self) {
  using Shared = std::shared_ptr<SharedMemory>;
  const Shared& shared = loop_->batch().shared();
  const auto buffer = [&](void* data, size_t bytes) {
    return Napi::ArrayBuffer::New(
        Env(), data, bytes, [](Napi::Env, void*, Shared* owner) { delete owner; }, new Shared(shared));
  };
  const Napi::ArrayBuffer words = buffer(&shared->header, BATCH_WORDS * sizeof(uint32_t));
  scratch_ = Napi::Persistent(buffer(shared->scratch, sizeof shared->scratch));
  if (Env().IsExceptionPending()) return;
  self.DefineProperties({
      Napi::PropertyDescriptor::Value("batch", Napi::Uint32Array::New(Env(), BATCH_WORDS, words, 0), napi_enumerable),
      Napi::PropertyDescriptor::Value("times", Napi::Float64Array::New(Env(), TIMES, words, 0), napi_enumerable),
  });
}

// A plain function: finding the device of a method's object takes several times as long as the call itself.
void Device::define_next_batch(Napi::Object self) {
  napi_value function;
  if (napi_create_function(Env(), "nextBatch", NAPI_AUTO_LENGTH, next_batch, this, &function) != napi_ok) return;
  // The function points to this object, so it keeps it alive.
  Napi::Object(Env(), function).Set("device", self);
  self.DefineProperty(Napi::PropertyDescriptor::Value("nextBatch", Napi::Value(Env(), function), napi_enumerable));
}

bool Device::open(const char* method, bool in_batch) {
  std::string reason;
  if (loop_->closed()) {
    reason = text("%s(): the device is closed", method);
  } else if (in_batch_ && !in_batch) {
    reason = text("%s() can't be called from onBatch", method);
  }
  if (!reason.empty()) Napi::Error::New(Env(), reason).ThrowAsJavaScriptException();
  return reason.empty();
}

// False, with an exception pending, if the device listens or has a front end already.
bool Device::out_of_reach(const char* method) {
  if (!loop_->listening() && !loop_->session().connected()) return true;
  const char* state = loop_->listening() ? "the device listens" : "a front end is connected";
  Napi::Error::New(Env(), text("%s(): %s already", method, state)).ThrowAsJavaScriptException();
  return false;
}

std::optional<std::string> Device::path_of(const Napi::CallbackInfo& info, const char* method) {
  if (info[0].IsString()) return info[0].As<Napi::String>().Utf8Value();
  throw_type_error(Env(), text("%s(): the path must be a string", method));
  return std::nullopt;
}

Napi::Value Device::windows(const Napi::CallbackInfo&) {
  if (!open("windows")) return Env().Undefined();
  if (lent_.empty()) {
    for (const MemoryMap::Window& window : loop_->session().memory().windows()) {
      // Without a finalizer: the mapping is ours, and detached long before the buffer is collected.
      const Napi::ArrayBuffer buffer = Napi::ArrayBuffer::New(Env(), window.data, window.bytes);
      if (Env().IsExceptionPending()) {
        detach_windows();  // all or none
        return Env().Undefined();
      }
      lent_.push_back(Napi::Persistent(buffer));
    }
  }
  Napi::Array views = Napi::Array::New(Env(), 1 + lent_.size());
  views.Set(SCRATCH_WINDOW, Napi::DataView::New(Env(), scratch_.Value()));
  for (uint32_t i = 0; i < lent_.size(); i++) {
    views.Set(SCRATCH_WINDOW + 1 + i, Napi::DataView::New(Env(), lent_[i].Value()));
  }
  return views;
}

Napi::Value Device::listen(const Napi::CallbackInfo& info) {
  if (!open("listen")) return Env().Undefined();
  const auto path = path_of(info, "listen");
  if (!path || !out_of_reach("listen")) return Env().Undefined();
  const bool has_mode = !info[1].IsUndefined();
  if (has_mode && !is_integer(info[1], 0, 0777)) {
    throw_type_error(Env(), "listen(): the mode must be an integer from 0 to 0777");
    return Env().Undefined();
  }
  const mode_t mode = has_mode ? info[1].As<Napi::Number>().Uint32Value() : OWNER_ONLY;
  Fd fd;
  if (const int error = listen_unix(*path, fd, mode)) {
    throw_errno(Env(), error, text("can't listen on %s", path->c_str()));
  } else {
    loop_->listen_on(fd);
    loop_->settle();
  }
  return Env().Undefined();
}

Napi::Value Device::adopt(const Napi::CallbackInfo& info) {
  if (!open("adopt") || !out_of_reach("adopt")) return Env().Undefined();
  if (!is_integer(info[0], 0, INT32_MAX)) {
    throw_type_error(Env(), "adopt(): the file descriptor must be an integer");
    return Env().Undefined();
  }
  const int fd = info[0].As<Napi::Number>().Int32Value();
  const int flags = fcntl(fd, F_GETFL);
  if (flags < 0) {
    throw_errno(Env(), errno, text("can't adopt file descriptor %d", fd));
    return Env().Undefined();
  }
  const SocketKind kind = socket_kind(fd);
  if (kind == SocketKind::NEITHER) {
    throw_errno(Env(), ENOTSOCK, text("file descriptor %d is no Unix stream socket that listens or is connected", fd));
    return Env().Undefined();
  }
  Fd owned(fd);
  if (kind == SocketKind::LISTENING ? !loop_->listen_on(owned) : !loop_->attach(owned)) {
    owned.release();  // still the caller's
    throw_errno(Env(), EEXIST, text("file descriptor %d is in use by this process", fd));
    return Env().Undefined();
  }
  fcntl(fd, F_SETFL, flags | O_NONBLOCK);
  fcntl(fd, F_SETFD, FD_CLOEXEC);
  loop_->settle();
  return Env().Undefined();
}

Napi::Value Device::dial(const Napi::CallbackInfo& info) {
  if (!open("dial")) return Env().Undefined();
  const auto path = path_of(info, "dial");
  if (!path || !out_of_reach("dial")) return Env().Undefined();
  Fd fd;
  const int error = connect_unix(*path, fd);
  if (error == ENOENT || error == ECONNREFUSED) return Napi::Boolean::New(Env(), false);
  if (error != 0) {
    throw_errno(Env(), error, text("can't connect to %s", path->c_str()));
    return Env().Undefined();
  }
  loop_->attach(fd);
  loop_->settle();
  return Napi::Boolean::New(Env(), true);
}

Napi::Value Device::peek_event(const Napi::CallbackInfo&) {
  if (!open("peekEvent", true)) return Env().Undefined();
  const int64_t capacity = loop_->event_buffers().peek();
  loop_->settle();
  return Napi::Number::New(Env(), static_cast<double>(capacity));
}

Napi::Value Device::commit_event(const Napi::CallbackInfo& info) {
  if (!open("commitEvent", true)) return Env().Undefined();
  if (!is_integer(info[0], 0, UINT32_MAX)) {
    throw_type_error(Env(), "commitEvent(): the length must be an integer");
  } else if (!loop_->event_buffers().commit(info[0].As<Napi::Number>().Uint32Value())) {
    Napi::Error::New(Env(), "commitEvent(): no buffer was peeked, or its ring has stopped since")
        .ThrowAsJavaScriptException();
  }
  loop_->settle();
  return Env().Undefined();
}

Napi::Value Device::complete_held(const Napi::CallbackInfo& info) {
  if (!open("completeHeld")) return Env().Undefined();
  const bool told = !info[2].IsUndefined();
  const char* wrong = !is_integer(info[0], 0, UINT32_MAX)           ? "the ticket must be a 32-bit number"
                      : !is_bytes(info[1])                          ? "the reply must be a Uint8Array"
                      : told && !is_integer(info[2], 0, UINT32_MAX) ? "the length must be a 32-bit number"
                                                                    : nullptr;
  if (wrong != nullptr) {
    throw_type_error(Env(), text("completeHeld(): %s", wrong));
    return Env().Undefined();
  }
  const auto reply = info[1].As<Napi::Uint8Array>();
  std::optional<uint32_t> used_len;
  if (told) used_len = info[2].As<Napi::Number>().Uint32Value();
  const uint32_t ticket = info[0].As<Napi::Number>().Uint32Value();
  const bool done = loop_->held_replies().complete(ticket, reply.Data(), reply.ByteLength(), used_len);
  loop_->settle();
  return Napi::Boolean::New(Env(), done);
}

Napi::Value Device::break_ring(const Napi::CallbackInfo& info) {
  if (!open("breakRing")) return Env().Undefined();
  if (is_integer(info[0], 0, QUEUES - 1)) {
    loop_->session().break_down(info[0].As<Napi::Number>().Uint32Value());
  } else {
    throw_type_error(Env(), text("breakRing(): there are queues 0 to %u", QUEUES - 1));
  }
  loop_->settle();
  return Env().Undefined();
}

Napi::Value Device::features(const Napi::CallbackInfo&) {
  if (!open("features")) return Env().Undefined();
  return Napi::Number::New(Env(), static_cast<double>(loop_->session().features()));
}

Napi::Value Device::latencies(const Napi::CallbackInfo&) {
  const Histogram& latencies = loop_->latencies();
  Napi::Object result = Napi::Object::New(Env());
  const auto set = [&](const char* name, uint64_t ns) {
    result.Set(name, Napi::Number::New(Env(), static_cast<double>(ns)));
  };
  set("p50", latencies.percentile(0.5));
  set("p99", latencies.percentile(0.99));
  set("p999", latencies.percentile(0.999));
  set("max", latencies.max());
  return result;
}

Napi::Value Device::close(const Napi::CallbackInfo&) {
  if (!loop_->closed() && open("close")) dispose();
  return Env().Undefined();
}

void Device::handles_closed() {
  Unref();
  forget_environment();
}

void Device::dispose() {
  loop_->close();
  on_batches_.Reset();
  on_event_.Reset();
  scratch_.Reset();
  if (!loop_->has_handles()) forget_environment();
}

void Device::forget_environment() {
  if (hook_ != nullptr) napi_remove_async_cleanup_hook(std::exchange(hook_, nullptr));
}

// The environment (a worker, or the process) ends. It waits until the hook is removed: after libuv has closed every handle.
void Device::on_environment_end(napi_async_cleanup_hook_handle, void* data) {
  auto* device = static_cast<Device*>(data);
  if (!device->loop_->closed()) device->dispose();
}

}  // namespace vhost_user_scmi
