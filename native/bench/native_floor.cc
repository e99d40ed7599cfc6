// The native floor: the device's own loop (session, rings, batches, pump, on Node's event loop) with a constant answer in
// C++ where the device enters JavaScript. The difference to the device is what TypeScript costs.
//
//   new NativeFloor(path, answers): listens; `answers` is an array of arrays of words, the header first
#include <napi.h>
#include <uv.h>

#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "../event_loop.h"
#include "../offer.h"
#include "command.h"

namespace vhost_user_scmi::bench {
namespace {

class NativeFloor final : public Napi::ObjectWrap<NativeFloor>, JavaScriptSide {
 public:
  static Napi::Function define(Napi::Env env) { return DefineClass(env, "NativeFloor", {}); }

  explicit NativeFloor(const Napi::CallbackInfo& info) : Napi::ObjectWrap<NativeFloor>(info) {
    const std::string path = info[0].As<Napi::String>();
    const auto answers = info[1].As<Napi::Array>();
    for (uint32_t i = 0; i < answers.Length(); i++) {
      const auto list = answers.Get(i).As<Napi::Array>();
      Words words;
      while (words.count < list.Length() && words.count < REPLY_WORDS) {
        words.word[words.count] = list.Get(words.count).As<Napi::Number>().Uint32Value();
        words.count++;
      }
      answers_.add(words);
    }
    uv_loop_t* loop;
    napi_get_uv_event_loop(Env(), &loop);
    const SessionOptions offer = {.features = FEATURES, .protocol_features = PROTOCOL_FEATURES};
    loop_.emplace(loop, offer, WatchOptions(), static_cast<JavaScriptSide&>(*this));
    Fd fd;
    if (const int error = listen_unix(path, fd)) {
      Napi::Error::New(Env(), path + ": " + strerror(error)).ThrowAsJavaScriptException();
      return;
    }
    loop_->listen_on(fd);
    loop_->settle();
  }

 private:
  // As the device does it: where a message lies is looked up by window and offset, and only a whole header is answered.
  void answer(uint32_t count) override {
    SharedMemory& shared = *loop_->batch().shared();
    do {
      for (uint32_t i = 0; i < count; i++) {
        Entry& entry = shared.entries[i];
        if (entry.request_length < sizeof(uint32_t)) continue;
        uint32_t header;
        std::memcpy(&header, windows_[entry.request_window] + entry.request_offset, sizeof header);
        uint8_t* reply = windows_[entry.reply_window] + entry.reply_offset;
        entry.written = answers_.write(header, reply, entry.reply_capacity);
      }
    } while ((count = loop_->pump().next()) > 0);
  }

  void on_event(const Event& event) override {
    if (event.kind != EventKind::MEMORY) return;
    windows_.assign(1, reinterpret_cast<uint8_t*>(loop_->batch().shared()->scratch));
    for (const MemoryMap::Window& window : loop_->session().memory().windows()) windows_.push_back(window.data);
  }

  void turn(const std::function<void()>& work) override { work(); }
  void after_visit() override {}
  void detach_windows() override { windows_.clear(); }
  void handles_opened() override { Ref(); }
  void handles_closed() override { Unref(); }

  ConstantAnswers answers_;
  std::optional<EventLoop> loop_;
  std::vector<uint8_t*> windows_;
};

Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  exports.Set("NativeFloor", NativeFloor::define(env));
  return exports;
}

}  // namespace

NODE_API_MODULE(native_floor, initialize)

}  // namespace vhost_user_scmi::bench
