// What a device is created with.
#pragma once

#include <napi.h>

#include <cstdint>
#include <optional>

#include "pump.h"
#include "session.h"

namespace vhost_user_scmi {

struct DeviceOptions {
  SessionOptions offer;
  WatchOptions watch;
  Napi::Function on_batches;
  Napi::Function on_event;
};

// src/device/native.ts has checked them and explains what is wrong. Only types are checked again, so that nothing undefined
// can happen here: a TypeError is pending if there is no result. What is left out has its default.
std::optional<DeviceOptions> read_options(const Napi::Value& value);

}  // namespace vhost_user_scmi
