#include "values.h"

#include <uv.h>

#include <cmath>

namespace vhost_user_scmi {

bool is_integer(const Napi::Value& value, double min, double max) {
  if (!value.IsNumber()) return false;
  const double number = value.As<Napi::Number>().DoubleValue();
  return std::trunc(number) == number && number >= min && number <= max;
}

bool is_bytes(const Napi::Value& value) {
  return value.IsTypedArray() && value.As<Napi::TypedArray>().TypedArrayType() == napi_uint8_array;
}

void throw_type_error(Napi::Env env, const std::string& message) {
  Napi::TypeError::New(env, message).ThrowAsJavaScriptException();
}

void throw_errno(Napi::Env env, int error, const std::string& what) {
  const std::string code = uv_err_name(-error);
  Napi::Error exception = Napi::Error::New(env, what + ": " + uv_strerror(-error) + " (" + code + ")");
  exception.Set("code", Napi::String::New(env, code));
  exception.ThrowAsJavaScriptException();
}

}  // namespace vhost_user_scmi
