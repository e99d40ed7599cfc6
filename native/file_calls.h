// What only native code can do with files that JavaScript has open.
#pragma once

#include <napi.h>

namespace vhost_user_scmi {

// lockFile(fd), mapFile(fd, bytes): see src/device/native.ts.
void define_file_calls(Napi::Env env, Napi::Object exports);

}  // namespace vhost_user_scmi
