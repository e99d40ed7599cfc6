#include "sigbus.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>

#include <atomic>
#include <mutex>

namespace vhost_user_scmi::sigbus {
namespace {

// A handler may not lock or allocate, so the table is a fixed array of atomics. It outlives everything: static storage
// without a destructor, because a fault can come while the process exits.
struct Slot {
  std::atomic<bool> claimed;
  std::atomic<uintptr_t> begin;  // 0: not watched
  std::atomic<uintptr_t> end;
  std::atomic<uintptr_t> page_size;
  std::atomic<bool> broken;
};
static_assert(std::atomic<uintptr_t>::is_always_lock_free && std::atomic<bool>::is_always_lock_free);

// Enough for a dozen devices with all their memory slots, twice (old table and new).
constexpr int SLOTS = 1024;
constinit Slot slots[SLOTS];
constinit std::atomic<uint64_t> replaced;
struct sigaction previous;

void handle(int signal, siginfo_t* info, void*) {
  const int saved_errno = errno;
  const auto address = reinterpret_cast<uintptr_t>(info->si_addr);
  // si_code > 0: raised by the kernel for an access. One sent by kill(2) carries no address of ours.
  for (int i = 0; info->si_code > 0 && i < SLOTS; i++) {
    // Pairs with the release stores in watch(): a slot with a begin has its end and page size.
    const uintptr_t begin = slots[i].begin.load(std::memory_order_acquire);
    if (begin == 0 || address < begin) continue;
    const uintptr_t page_size = slots[i].page_size.load(std::memory_order_acquire);
    if (address >= slots[i].end.load(std::memory_order_acquire)) continue;
    // Another thread may have given the slot to another mapping since: then its begin has changed, at the latest to 0.
    if (slots[i].begin.load(std::memory_order_relaxed) != begin) continue;
    void* page = reinterpret_cast<void*>(address & ~(page_size - 1));
    if (mmap(page, page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == page) {
      // Read by the thread that faulted, after this handler returned to it: program order suffices.
      slots[i].broken.store(true, std::memory_order_relaxed);
      replaced.fetch_add(1, std::memory_order_relaxed);
      errno = saved_errno;
      return;
    }
    break;
  }
  errno = saved_errno;
  // Not ours: give the signal back to whoever had it. A faulting access repeats and arrives there; a sent signal
  // does not repeat, so it is raised again.
  sigaction(signal, &previous, nullptr);
  if (info->si_code <= 0) raise(signal);
}

void install() {
  struct sigaction action = {};
  action.sa_sigaction = handle;
  // NODEFER: a second fault while the first is handled must not kill the process by default action.
  action.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK | SA_NODEFER;
  sigaction(SIGBUS, &action, &previous);
}

}  // namespace

int watch(const void* begin, size_t length, size_t page_size) {
  static std::once_flag once;
  std::call_once(once, install);
  for (int i = 0; i < SLOTS; i++) {
    // Devices of several Node environments share the table; the exchange gives each slot one owner. Acquire pairs with
    // the release in unwatch(): the former owner's stores are over.
    if (slots[i].claimed.exchange(true, std::memory_order_acquire)) continue;
    const auto address = reinterpret_cast<uintptr_t>(begin);
    slots[i].broken.store(false, std::memory_order_relaxed);
    // Release: pairs with the acquire loads in handle(), for which the begin of before is gone once it sees these.
    slots[i].page_size.store(page_size, std::memory_order_release);
    slots[i].end.store(address + length, std::memory_order_release);
    slots[i].begin.store(address, std::memory_order_release);
    return i;
  }
  return -1;
}

void unwatch(int slot) {
  slots[slot].begin.store(0, std::memory_order_relaxed);
  slots[slot].claimed.store(false, std::memory_order_release);  // pairs with the exchange in watch()
}

bool broken(int slot) { return slots[slot].broken.load(std::memory_order_relaxed); }

uint64_t replaced_pages() { return replaced.load(std::memory_order_relaxed); }

}  // namespace vhost_user_scmi::sigbus
