// System calls that only tests make, beside those of a front end (native/front_end_calls.h): pipes, listening sockets, and
// processes that change shared memory while the device looks.
#include <fcntl.h>
#include <napi.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "front_end_calls.h"

namespace {

using namespace vhost_user_scmi::calls;

Napi::Value Pipe(Args args) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0) return fail_call(args.Env(), "pipe");
  Napi::Array result = Napi::Array::New(args.Env(), 2);
  result.Set(0u, Napi::Number::New(args.Env(), ends[0]));
  result.Set(1u, Napi::Number::New(args.Env(), ends[1]));
  return result;
}

Napi::Value Dup(Args args) { return number_or_fail(args.Env(), "dup", fcntl(int_of(args, 0), F_DUPFD_CLOEXEC, 3)); }

Napi::Value SocketPair(Args args) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0) return fail_call(args.Env(), "socketpair");
  Napi::Array result = Napi::Array::New(args.Env(), 2);
  result.Set(0u, Napi::Number::New(args.Env(), ends[0]));
  result.Set(1u, Napi::Number::New(args.Env(), ends[1]));
  return result;
}

Napi::Value Listen(Args args) {
  return open_socket(args, "listen", [](int fd, const sockaddr* address, socklen_t length) {
    return bind(fd, address, length) < 0 ? -1 : listen(fd, 8);
  });
}

Napi::Value Accept(Args args) {
  const int fd = accept4(int_of(args, 0), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0 && errno == EAGAIN) return Napi::Number::New(args.Env(), -1);
  return number_or_fail(args.Env(), "accept", fd);
}

// Forks a child that runs `work` until this process ends. The child of a multi-threaded process may only access memory and
// make plain system calls, so `work` does nothing else.
template <typename Work>
Napi::Value ForkWorker(Napi::Env env, Work work) {
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child != 0) return number_or_fail(env, "fork", child);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);
  for (;;) work();
}

// forkFlip(words, at, one, other): a child process that stores one value and the other in a word of shared memory, in
// turn, as fast as it can: what a guest does on another processor while the device looks.
Napi::Value ForkFlip(Args args) {
  uint32_t* const word = args[0].As<Napi::Uint32Array>().Data() + int_of(args, 1);
  const uint32_t one = args[2].As<Napi::Number>().Uint32Value();
  const uint32_t other = args[3].As<Napi::Number>().Uint32Value();
  return ForkWorker(args.Env(), [=] {
    __atomic_store_n(word, one, __ATOMIC_RELAXED);
    __atomic_store_n(word, other, __ATOMIC_RELAXED);
  });
}

// forkDriver(available, used, heads, kick, mode): a child process that offers `heads` chains again and again, as fast as
// the device returns them, until it is killed. Both rings are Uint16Arrays in shared memory; word 1 is their idx.
// `mode` says when it kicks: 0 always, 1 when used.flags ask for it, 2 when avail_event does (the last word of `used`).
Napi::Value ForkDriver(Args args) {
  uint16_t* const available = args[0].As<Napi::Uint16Array>().Data();
  const uint16_t* const used = args[1].As<Napi::Uint16Array>().Data();
  const uint16_t* const avail_event = used + args[1].As<Napi::Uint16Array>().ElementLength() - 1;
  const uint16_t heads = static_cast<uint16_t>(int_of(args, 2));
  const int kick = int_of(args, 3);
  const int mode = int_of(args, 4);
  return ForkWorker(args.Env(), [=, index = __atomic_load_n(&available[1], __ATOMIC_RELAXED)]() mutable {
    const uint64_t one = 1;
    // Acquire pairs with the device's release of used.idx.
    const uint16_t in_flight = static_cast<uint16_t>(index - __atomic_load_n(&used[1], __ATOMIC_ACQUIRE));
    const bool offer = in_flight < heads;
    // Release pairs with the device's acquire of avail.idx.
    if (offer) __atomic_store_n(&available[1], ++index, __ATOMIC_RELEASE);
    bool wanted = mode == 0;
    if (mode != 0 && offer) {
      // Full: our avail.idx before our look at the device's wish (virtio 1.3 §2.7.13.4.1).
      __atomic_thread_fence(__ATOMIC_SEQ_CST);
      wanted = mode == 1 ? (__atomic_load_n(&used[0], __ATOMIC_RELAXED) & 1) == 0
                         : __atomic_load_n(avail_event, __ATOMIC_RELAXED) == static_cast<uint16_t>(index - 1);
    }
    if (wanted && write(kick, &one, sizeof one) < 0 && errno != EAGAIN) _exit(1);
    // With nothing to do it must not keep the device or another guest from this core.
    if (!offer && !wanted) sched_yield();
  });
}

// killChild(pid): SIGKILL, and waits until it is gone and its descriptors are closed.
Napi::Value KillChild(Args args) {
  const pid_t child = int_of(args, 0);
  if (kill(child, SIGKILL) < 0) return fail_call(args.Env(), "kill");
  return number_or_fail(args.Env(), "waitpid", waitpid(child, nullptr, 0));
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  const auto add = [&](const char* name, Napi::Value (*function)(Args)) {
    exports.Set(name, Napi::Function::New(env, function, name));
  };
  add("pipe", Pipe);
  add("dup", Dup);
  add("socketPair", SocketPair);
  add("listen", Listen);
  add("accept", Accept);
  add("forkFlip", ForkFlip);
  add("forkDriver", ForkDriver);
  add("killChild", KillChild);
  return exports;
}

}  // namespace

NODE_API_MODULE(mock_front_end, Init)
