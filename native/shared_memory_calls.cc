// The device's methods about memory that guest and platform share: where it is, and what is looked at there.
#include "binding.h"
#include "values.h"

namespace vhost_user_scmi {
namespace {

// Numbers of JavaScript are exact up to it.
constexpr double ADDRESS_MAX = 9007199254740991.0;
// Bytes of flags, and of words: enough for a board of the largest size, and little to look at.
constexpr double WATCH_MAX = 1 << 20;

}  // namespace

Napi::Value Device::locate(const Napi::CallbackInfo& info) {
  if (!open("locate", true)) return Env().Undefined();
  if (!is_integer(info[0], 0, ADDRESS_MAX) || !is_integer(info[1], 1, WINDOW_BYTES)) {
    throw_type_error(Env(), "locate(): address and length must be integers, and the length at most 1 GiB");
    return Env().Undefined();
  }
  const auto address = static_cast<uint64_t>(info[0].As<Napi::Number>().Int64Value());
  Piece piece;
  switch (loop_->session().memory().locate(address, info[1].As<Napi::Number>().Uint32Value(), piece)) {
    case MemoryMap::Place::NOT_MEMORY:
      return Napi::String::New(Env(), "not memory");
    case MemoryMap::Place::SPLIT:
      return Napi::String::New(Env(), "split");
    case MemoryMap::Place::UNALIGNED:
      return Napi::String::New(Env(), "unaligned");
    case MemoryMap::Place::WHOLE:
      break;
  }
  Napi::Object place = Napi::Object::New(Env());
  place.Set("window", Napi::Number::New(Env(), piece.window));
  place.Set("offset", Napi::Number::New(Env(), piece.offset));
  return place;
}

Napi::Value Device::watch_memory(const Napi::CallbackInfo& info) {
  if (!open("watchMemory", true)) return Env().Undefined();
  const auto is_length = [](const Napi::Value& value) {
    return is_integer(value, 0, WATCH_MAX) && value.As<Napi::Number>().Uint32Value() % sizeof(uint64_t) == 0;
  };
  if (!is_integer(info[0], 0, UINT32_MAX) || !is_integer(info[1], 0, ADDRESS_MAX) || !is_length(info[2]) ||
      !is_length(info[3])) {
    throw_type_error(Env(), "watchMemory(): milliseconds, an address and two lengths, which are multiples of 8");
    return Env().Undefined();
  }
  const auto number = [&](size_t i) { return static_cast<uint64_t>(info[i].As<Napi::Number>().Int64Value()); };
  loop_->watch_memory(number(0), number(1), static_cast<uint32_t>(number(2)), static_cast<uint32_t>(number(3)));
  return Env().Undefined();
}

}  // namespace vhost_user_scmi
