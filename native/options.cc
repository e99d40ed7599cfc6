#include "options.h"

#include "offer.h"
#include "text.h"
#include "values.h"

namespace vhost_user_scmi {
namespace {

constexpr unsigned FEATURE_BITS = 64;

bool is_boolean_or_absent(const Napi::Value& value) { return value.IsUndefined() || value.IsBoolean(); }

bool flag(const Napi::Value& value, bool otherwise) {
  return value.IsUndefined() ? otherwise : value.As<Napi::Boolean>().Value();
}

// An array of bit numbers as a mask. False if it is something else.
bool read_bits(const Napi::Value& value, uint64_t& mask) {
  if (value.IsUndefined()) return true;
  if (!value.IsArray()) return false;
  const auto bits = value.As<Napi::Array>();
  for (uint32_t i = 0; i < bits.Length(); i++) {
    const Napi::Value bit = bits.Get(i);
    if (bit.IsEmpty() || !is_integer(bit, 0, FEATURE_BITS - 1)) return false;
    mask |= feature_bit(bit.As<Napi::Number>().Uint32Value());
  }
  return true;
}

}  // namespace

std::optional<DeviceOptions> read_options(const Napi::Value& value) {
  const Napi::Env env = value.Env();
  const auto wrong = [&](const char* name) -> std::optional<DeviceOptions> {
    if (!env.IsExceptionPending()) throw_type_error(env, text("%s: wrong type", name));
    return std::nullopt;
  };
  if (!value.IsObject()) return wrong("options");
  const auto object = value.As<Napi::Object>();
  const auto get = [&](const char* name) { return Napi::Value(object.Get(name)); };
  const Napi::Value events = get("events");
  const Napi::Value mem_slots = get("memSlots");
  const Napi::Value without_features = get("withoutFeatures");
  const Napi::Value poll_us = get("pollUs");
  const Napi::Value on_batches = get("onBatches");
  const Napi::Value on_event = get("onEvent");
  if (env.IsExceptionPending()) return std::nullopt;

  uint64_t without = 0;
  if (!is_boolean_or_absent(events)) return wrong("options.events");
  if (!is_boolean_or_absent(mem_slots)) return wrong("options.memSlots");
  if (!read_bits(without_features, without)) return wrong("options.withoutFeatures");
  if (!poll_us.IsUndefined() && !is_integer(poll_us, 0, UINT32_MAX)) return wrong("options.pollUs");
  if (!on_batches.IsFunction()) return wrong("options.onBatches");
  if (!on_event.IsFunction()) return wrong("options.onEvent");

  const uint64_t features = FEATURES | (flag(events, true) ? feature_bit(VIRTIO_SCMI_F_P2A_CHANNELS) : 0);
  const uint64_t slots = flag(mem_slots, false) ? feature_bit(VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS) : 0;
  WatchOptions watch;
  if (!poll_us.IsUndefined()) {
    watch = {.ns = uint64_t{poll_us.As<Napi::Number>().Uint32Value()} * 1000, .backs_off = false};
  }
  return DeviceOptions{
      .offer = {.features = features & ~without, .protocol_features = PROTOCOL_FEATURES | slots},
      .watch = watch,
      .on_batches = on_batches.As<Napi::Function>(),
      .on_event = on_event.As<Napi::Function>(),
  };
}

}  // namespace vhost_user_scmi
