#include "stall_watch.h"

#include <signal.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <mutex>
#include <thread>
#include <vector>

namespace vhost_user_scmi::stall_watch {
namespace {

constexpr auto LOOK = std::chrono::milliseconds(250);
constexpr std::array SIGNALS{SIGTERM, SIGINT, SIGHUP};

std::atomic<uint32_t> beats{0};
std::atomic<uint32_t> under_way{0};
// The last of the signals that came, 0: none; and how many beats there had been.
std::atomic<int> last_signal{0};
std::atomic<uint32_t> beats_at_signal{0};
// A turn of the loop that had begun when a signal came does not see it.
constexpr uint32_t BEATS_UNSEEN = 1;
std::mutex names_mutex;
std::vector<std::string> names;

// What the process does with a signal: Node's handler, which only writes to a pipe that its loop reads.
std::array<struct sigaction, SIGNALS.size()> handlers{};

void on_signal(int signal, siginfo_t* info, void* context) {
  beats_at_signal = beats.load();
  last_signal = signal;
  for (size_t i = 0; i < SIGNALS.size(); i++) {
    if (SIGNALS[i] != signal) continue;
    if (handlers[i].sa_flags & SA_SIGINFO) {
      handlers[i].sa_sigaction(signal, info, context);
    } else {
      handlers[i].sa_handler(signal);
    }
  }
}

std::mutex signals_mutex;

// Follows which signals Node handles: that may change at any time.
void follow_signals() {
  const std::lock_guard lock(signals_mutex);
  for (size_t i = 0; i < SIGNALS.size(); i++) {
    struct sigaction now{};
    if (sigaction(SIGNALS[i], nullptr, &now) != 0) continue;
    const bool ours = (now.sa_flags & SA_SIGINFO) && now.sa_sigaction == on_signal;
    if (ours || (!(now.sa_flags & SA_SIGINFO) && (now.sa_handler == SIG_DFL || now.sa_handler == SIG_IGN))) continue;
    handlers[i] = now;
    now.sa_flags |= SA_SIGINFO;
    now.sa_sigaction = on_signal;
    sigaction(SIGNALS[i], &now, nullptr);
  }
}

void let_signals_end() {
  struct sigaction action{};
  action.sa_handler = SIG_DFL;
  for (const int signal : SIGNALS) sigaction(signal, &action, nullptr);
  const bool is_unseen = beats - beats_at_signal <= BEATS_UNSEEN;
  if (const int signal = last_signal; signal != 0 && is_unseen) kill(getpid(), signal);
}

void handle_signals_again() {
  for (size_t i = 0; i < SIGNALS.size(); i++) {
    if (handlers[i].sa_handler != SIG_DFL) sigaction(SIGNALS[i], &handlers[i], nullptr);
  }
}

void say(uint32_t limit_ms) {
  std::string name = "JavaScript";
  {
    const std::lock_guard lock(names_mutex);
    if (const uint32_t number = under_way; number > 0 && number <= names.size()) name = names[number - 1];
  }
  const std::string line = "vhost-user-scmi: " + name + " has not ended for " + std::to_string(limit_ms / 1000) +
                           " s: nobody is answered; SIGTERM ends the process at once\n";
  if (write(STDERR_FILENO, line.data(), line.size()) < 0) return;
}

// Looks are counted, not time: a process that was stopped for a while has missed none.
void watch(uint32_t limit_ms) {
  const auto looks_max = limit_ms / static_cast<uint32_t>(LOOK.count());
  uint32_t last = beats;
  for (uint32_t looks = 0;; looks++) {
    std::this_thread::sleep_for(LOOK);
    const bool is_stalled = looks >= looks_max;
    if (const uint32_t now = beats; now != last) {
      last = now;
      looks = 0;
      if (is_stalled) handle_signals_again();
    } else if (looks + 1 == looks_max) {
      say(limit_ms);
      let_signals_end();
    }
    if (looks + 1 < looks_max) follow_signals();
  }
}

}  // namespace

void start(uint32_t limit_ms) {
  static std::once_flag once;
  std::call_once(once, [limit_ms] {
    // Signals are for the threads that expect them.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    std::thread(watch, limit_ms).detach();
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  });
}

void beat() {
  beats.fetch_add(1, std::memory_order_relaxed);
  follow_signals();
}

uint32_t number_of(std::string name) {
  const std::lock_guard lock(names_mutex);
  names.push_back(std::move(name));
  return static_cast<uint32_t>(names.size());
}

uint32_t enter(uint32_t number) { return under_way.exchange(number, std::memory_order_relaxed); }

}  // namespace vhost_user_scmi::stall_watch
