// Values from JavaScript, and errors for it.
#pragma once

#include <napi.h>

#include <string>

namespace vhost_user_scmi {

// An integer from `min` to `max`, as a number.
bool is_integer(const Napi::Value& value, double min, double max);
bool is_bytes(const Napi::Value& value);

void throw_type_error(Napi::Env env, const std::string& message);
// Throws an Error with a `code`, as Node's own system errors have.
void throw_errno(Napi::Env env, int error, const std::string& what);

}  // namespace vhost_user_scmi
