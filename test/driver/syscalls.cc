// System calls the mock front end and driver need and TypeScript cannot make. One function is one call (or one fixed
// sequence of them) with no policy: what to send, when and why is decided in TypeScript. Failures throw an Error with the
// errno's name in `code`; calls on non-blocking descriptors return -1 instead when there is nothing to do yet.
#include <fcntl.h>
#include <napi.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>

namespace {

using Args = const Napi::CallbackInfo&;

constexpr size_t kMaxFds = 64;

Napi::Value Fail(Napi::Env env, const char* call) {
  const int error = errno;
  Napi::Error exception = Napi::Error::New(env, std::string(call) + ": " + strerror(error));
  exception.Set("code", Napi::String::New(env, uv_err_name(-error)));
  exception.ThrowAsJavaScriptException();
  return env.Undefined();
}

Napi::Value NumberOrFail(Napi::Env env, const char* call, int64_t result) {
  if (result < 0) return Fail(env, call);
  return Napi::Number::New(env, static_cast<double>(result));
}

int Int(Args args, size_t i) { return args[i].As<Napi::Number>().Int32Value(); }
int64_t Long(Args args, size_t i) { return args[i].As<Napi::Number>().Int64Value(); }

// memfd(name, size, sealed): an anonymous file; sealed as QEMU seals its memory, so that it can't change its size.
Napi::Value Memfd(Args args) {
  const std::string name = args[0].As<Napi::String>();
  const int fd = memfd_create(name.c_str(), MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) return Fail(args.Env(), "memfd_create");
  const int seals = args[2].As<Napi::Boolean>() ? F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW : 0;
  if (ftruncate(fd, Long(args, 1)) < 0 || (seals != 0 && fcntl(fd, F_ADD_SEALS, seals) < 0)) {
    const Napi::Value failed = Fail(args.Env(), "memfd size or seals");
    close(fd);
    return failed;
  }
  return Napi::Number::New(args.Env(), fd);
}

// map(fd, offset, length): the file's bytes, shared. Lives until unmap(); never unmapped by the collector.
Napi::Value Map(Args args) {
  const size_t length = static_cast<size_t>(Long(args, 2));
  void* bytes = mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, Int(args, 0), Long(args, 1));
  if (bytes == MAP_FAILED) return Fail(args.Env(), "mmap");
  return Napi::ArrayBuffer::New(args.Env(), bytes, length);
}

// unmap(buffer): detaches it first, so that a view kept by mistake throws.
Napi::Value Unmap(Args args) {
  Napi::ArrayBuffer buffer = args[0].As<Napi::ArrayBuffer>();
  void* const bytes = buffer.Data();
  const size_t length = buffer.ByteLength();
  buffer.Detach();
  return NumberOrFail(args.Env(), "munmap", munmap(bytes, length));
}

Napi::Value EventFd(Args args) { return NumberOrFail(args.Env(), "eventfd", eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)); }

// readEvent(fd): takes the eventfd's count, 0 if nobody signalled.
Napi::Value ReadEvent(Args args) {
  uint64_t count = 0;
  if (read(Int(args, 0), &count, sizeof count) < 0 && errno != EAGAIN) return Fail(args.Env(), "read eventfd");
  return Napi::Number::New(args.Env(), static_cast<double>(count));
}

Napi::Value WriteEvent(Args args) {
  const uint64_t count = static_cast<uint64_t>(Long(args, 1));
  return NumberOrFail(args.Env(), "write eventfd", write(Int(args, 0), &count, sizeof count));
}

Napi::Value Pipe(Args args) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0) return Fail(args.Env(), "pipe");
  Napi::Array result = Napi::Array::New(args.Env(), 2);
  result.Set(0u, Napi::Number::New(args.Env(), ends[0]));
  result.Set(1u, Napi::Number::New(args.Env(), ends[1]));
  return result;
}

Napi::Value Dup(Args args) { return NumberOrFail(args.Env(), "dup", fcntl(Int(args, 0), F_DUPFD_CLOEXEC, 3)); }

Napi::Value SocketPair(Args args) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0) return Fail(args.Env(), "socketpair");
  Napi::Array result = Napi::Array::New(args.Env(), 2);
  result.Set(0u, Napi::Number::New(args.Env(), ends[0]));
  result.Set(1u, Napi::Number::New(args.Env(), ends[1]));
  return result;
}

// Opens a non-blocking Unix stream socket and hands it with its address to `use` (connect, or bind and listen).
template <typename Use>
Napi::Value OpenSocket(Args args, const char* call, Use use) {
  const std::string path = args[0].As<Napi::String>();
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    errno = ENAMETOOLONG;
    return Fail(args.Env(), call);
  }
  memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return Fail(args.Env(), "socket");
  if (use(fd, reinterpret_cast<const sockaddr*>(&address), static_cast<socklen_t>(sizeof address)) < 0) {
    const Napi::Value failed = Fail(args.Env(), call);
    close(fd);
    return failed;
  }
  return Napi::Number::New(args.Env(), fd);
}

Napi::Value Connect(Args args) { return OpenSocket(args, "connect", connect); }

Napi::Value Listen(Args args) {
  return OpenSocket(args, "listen", [](int fd, const sockaddr* address, socklen_t length) {
    return bind(fd, address, length) < 0 ? -1 : listen(fd, 8);
  });
}

Napi::Value Accept(Args args) {
  const int fd = accept4(Int(args, 0), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0 && errno == EAGAIN) return Napi::Number::New(args.Env(), -1);
  return NumberOrFail(args.Env(), "accept", fd);
}

// send(fd, bytes, fds): returns the number of bytes that went, or -1 if the socket is full.
Napi::Value Send(Args args) {
  const Napi::Uint8Array bytes = args[1].As<Napi::Uint8Array>();
  const Napi::Array fds = args[2].As<Napi::Array>();
  const size_t count = fds.Length() < kMaxFds ? fds.Length() : kMaxFds;
  iovec part = {const_cast<uint8_t*>(bytes.Data()), bytes.ByteLength()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kMaxFds)] = {};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (count > 0) {
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(sizeof(int) * count);
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int) * count);
    for (uint32_t i = 0; i < count; i++) {
      const int fd = fds.Get(i).As<Napi::Number>().Int32Value();
      memcpy(CMSG_DATA(header) + i * sizeof fd, &fd, sizeof fd);
    }
  }
  const ssize_t sent = sendmsg(Int(args, 0), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent < 0 && errno == EAGAIN) return Napi::Number::New(args.Env(), -1);
  return NumberOrFail(args.Env(), "sendmsg", sent);
}

// receive(fd, into, fds): fills `into` and appends descriptors to `fds`. Returns bytes, 0 at the end, -1 if none yet.
Napi::Value Receive(Args args) {
  Napi::Uint8Array into = args[1].As<Napi::Uint8Array>();
  Napi::Array fds = args[2].As<Napi::Array>();
  iovec part = {into.Data(), into.ByteLength()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kMaxFds)];
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  const ssize_t got = recvmsg(Int(args, 0), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (got < 0 && errno == EAGAIN) return Napi::Number::New(args.Env(), -1);
  if (got < 0) return Fail(args.Env(), "recvmsg");
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    for (size_t i = 0; i < (header->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++) {
      int fd;
      memcpy(&fd, CMSG_DATA(header) + i * sizeof fd, sizeof fd);
      fds.Set(fds.Length(), Napi::Number::New(args.Env(), fd));
    }
  }
  return Napi::Number::New(args.Env(), static_cast<double>(got));
}

// Forks a child that runs `work` for ever and dies with this process. The child of a process with threads may only touch
// memory and make plain system calls, so `work` can do nothing else.
template <typename Work>
Napi::Value ForkWorker(Napi::Env env, Work work) {
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child != 0) return NumberOrFail(env, "fork", child);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);
  for (;;) work();
}

// forkFlip(words, at, one, other): a child process that stores one value and the other in a word of shared memory, in
// turn, as fast as it can: what a guest does on another processor while the device looks.
Napi::Value ForkFlip(Args args) {
  uint32_t* const word = args[0].As<Napi::Uint32Array>().Data() + Int(args, 1);
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
  const uint16_t heads = static_cast<uint16_t>(Int(args, 2));
  const int kick = Int(args, 3);
  const int mode = Int(args, 4);
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
  });
}

// killChild(pid): SIGKILL, and waits until it is gone and its descriptors are closed.
Napi::Value KillChild(Args args) {
  const pid_t child = Int(args, 0);
  if (kill(child, SIGKILL) < 0) return Fail(args.Env(), "kill");
  return NumberOrFail(args.Env(), "waitpid", waitpid(child, nullptr, 0));
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  const auto add = [&](const char* name, Napi::Value (*function)(Args)) {
    exports.Set(name, Napi::Function::New(env, function, name));
  };
  add("memfd", Memfd);
  add("map", Map);
  add("unmap", Unmap);
  add("eventfd", EventFd);
  add("readEvent", ReadEvent);
  add("writeEvent", WriteEvent);
  add("pipe", Pipe);
  add("dup", Dup);
  add("socketPair", SocketPair);
  add("connect", Connect);
  add("listen", Listen);
  add("accept", Accept);
  add("send", Send);
  add("receive", Receive);
  add("forkFlip", ForkFlip);
  add("forkDriver", ForkDriver);
  add("killChild", KillChild);
  return exports;
}

}  // namespace

NODE_API_MODULE(mock_front_end, Init)
