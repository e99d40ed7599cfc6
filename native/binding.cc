// The addon's JavaScript face: class Device, as src/device/native.ts describes it. Owns what only Node can give (references,
// windows, callbacks) and lends it to the event loop; the only file that includes napi.h.
#include <errno.h>
#include <fcntl.h>
#include <napi.h>
#include <sys/file.h>
#include <uv.h>

#include <cmath>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "batch.h"
#include "event_loop.h"
#include "front_end_calls.h"
#include "offer.h"
#include "session.h"
#include "stall_watch.h"
#include "text.h"

namespace vhost_user_scmi {
namespace {

constexpr double WATCH_US_MAX = 1'000'000;

bool is_integer(const Napi::Value& value, double min, double max) {
  if (!value.IsNumber()) return false;
  const double number = value.As<Napi::Number>().DoubleValue();
  return std::trunc(number) == number && number >= min && number <= max;
}

bool is_bytes(const Napi::Value& value) {
  return value.IsTypedArray() && value.As<Napi::TypedArray>().TypedArrayType() == napi_uint8_array;
}

// Reads options.<name>; throws a TypeError and returns false if it has the wrong type or value.
class Options {
 public:
  explicit Options(const Napi::Value& value) : env_(value.Env()) {
    if (value.IsObject()) {
      object_ = value.As<Napi::Object>();
    } else {
      fail("the options must be an object");
    }
  }

  bool boolean(const char* name, bool& out) {
    const Napi::Value value = get(name);
    if (value.IsEmpty() || value.IsUndefined()) return ok();
    if (!value.IsBoolean()) return fail(text("options.%s must be true or false", name));
    out = value.As<Napi::Boolean>();
    return true;
  }
  // Microseconds, or 'auto'.
  bool watch(const char* name, WatchOptions& out) {
    const Napi::Value value = get(name);
    if (value.IsEmpty() || value.IsUndefined()) return ok();
    if (value.IsString() && value.As<Napi::String>().Utf8Value() == "auto") return true;
    if (!is_integer(value, 0, WATCH_US_MAX)) {
      return fail(text("options.%s must be 'auto' or an integer from 0 to %.0f", name, WATCH_US_MAX));
    }
    out = {.ns = static_cast<uint64_t>(value.As<Napi::Number>().DoubleValue()) * 1000, .backs_off = false};
    return true;
  }
  // An array of bit numbers, as a mask.
  bool bits(const char* name, uint64_t& out) {
    const Napi::Value value = get(name);
    if (value.IsEmpty() || value.IsUndefined()) return ok();
    if (!value.IsArray()) return fail(text("options.%s must be an array of bit numbers", name));
    const auto array = value.As<Napi::Array>();
    for (uint32_t i = 0; i < array.Length(); i++) {
      const Napi::Value bit = array.Get(i);
      if (bit.IsEmpty()) return ok();
      if (!is_integer(bit, 0, 63)) return fail(text("options.%s[%u] must be a bit number from 0 to 63", name, i));
      out |= feature_bit(bit.As<Napi::Number>().Uint32Value());
    }
    return true;
  }
  bool function(const char* name, Napi::FunctionReference& out) {
    const Napi::Value value = get(name);
    if (value.IsEmpty()) return ok();
    if (!value.IsFunction()) return fail(text("options.%s must be a function", name));
    out = Napi::Persistent(value.As<Napi::Function>());
    return true;
  }

 private:
  // Empty, with the exception pending, if a getter threw or there are no options.
  Napi::Value get(const char* name) { return ok() ? Napi::Value(object_.Get(name)) : Napi::Value(); }
  bool ok() { return !env_.IsExceptionPending(); }
  bool fail(const std::string& message) {
    Napi::TypeError::New(env_, message).ThrowAsJavaScriptException();
    return false;
  }

  Napi::Env env_;
  Napi::Object object_;
};

// An Error with a `code`, as Node's own system errors have.
void throw_errno(Napi::Env env, int error, const std::string& what) {
  const std::string code = uv_err_name(-error);
  Napi::Error exception = Napi::Error::New(env, what + ": " + uv_strerror(-error) + " (" + code + ")");
  exception.Set("code", Napi::String::New(env, code));
  exception.ThrowAsJavaScriptException();
}

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

Device::Device(const Napi::CallbackInfo& info) : Napi::ObjectWrap<Device>(info) {
  bool events = true;
  bool mem_slots = false;
  uint64_t without = 0;
  WatchOptions watch;
  Options options(info[0]);
  if (!options.boolean("events", events) || !options.bits("withoutFeatures", without) ||
      !options.boolean("memSlots", mem_slots) || !options.watch("pollUs", watch) ||
      !options.function("onBatches", on_batches_) || !options.function("onEvent", on_event_)) {
    return;
  }
  uv_loop_t* loop;
  if (napi_get_uv_event_loop(Env(), &loop) != napi_ok) {
    Napi::Error::New(Env(), "there is no event loop").ThrowAsJavaScriptException();
    return;
  }
  const SessionOptions offer = {
      .features = (FEATURES | (events ? feature_bit(VIRTIO_SCMI_F_P2A_CHANNELS) : 0)) & ~without,
      .protocol_features =
          PROTOCOL_FEATURES | (mem_slots ? feature_bit(VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS) : 0),
  };
  loop_.emplace(loop, offer, watch, static_cast<JavaScriptSide&>(*this));
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
  // It points here, so it keeps this object alive.
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

// One way to meet a front end at a time. False, with an exception pending, if there is one already.
bool Device::out_of_reach(const char* method) {
  if (!loop_->listening() && !loop_->session().connected()) return true;
  const char* state = loop_->listening() ? "the device listens" : "a front end is connected";
  Napi::Error::New(Env(), text("%s(): %s already", method, state)).ThrowAsJavaScriptException();
  return false;
}

std::optional<std::string> Device::path_of(const Napi::CallbackInfo& info, const char* method) {
  if (info[0].IsString()) return info[0].As<Napi::String>().Utf8Value();
  Napi::TypeError::New(Env(), text("%s(): the path must be a string", method)).ThrowAsJavaScriptException();
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
    Napi::TypeError::New(Env(), "listen(): the mode must be an integer from 0 to 0777").ThrowAsJavaScriptException();
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
    Napi::TypeError::New(Env(), "adopt(): the file descriptor must be an integer").ThrowAsJavaScriptException();
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
    Napi::TypeError::New(Env(), "commitEvent(): the length must be an integer").ThrowAsJavaScriptException();
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
    Napi::TypeError::New(Env(), text("completeHeld(): %s", wrong)).ThrowAsJavaScriptException();
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
    Napi::TypeError::New(Env(), text("breakRing(): there are queues 0 to %u", QUEUES - 1)).ThrowAsJavaScriptException();
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

void Device::handles_closed() {
  Unref();
  forget_environment();
}

// A callback threw, which is a bug of its owner: the process hears of it as of any uncaught exception.
void Device::report(const Napi::Error& error) { napi_fatal_exception(Env(), error.Value()); }

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

// The environment (a worker, or the process) ends. It waits until the hook is removed, that is until libuv has let go
// of every handle.
void Device::on_environment_end(napi_async_cleanup_hook_handle, void* data) {
  auto* device = static_cast<Device*>(data);
  if (!device->loop_->closed()) device->dispose();
}

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
