#include "memory_watch.h"

#include <algorithm>
#include <iterator>

namespace vhost_user_scmi {
namespace {

// Relaxed: JavaScript reads what the flag or word is about, and takes the flag back with an atomic exchange.
uint64_t load(const uint8_t* at) { return __atomic_load_n(reinterpret_cast<const uint64_t*>(at), __ATOMIC_RELAXED); }

// The part of a processor that looks may take: one in so many.
constexpr uint64_t SHARE = 100;
constexpr uint64_t LOOK_MS_MAX = 20;
constexpr uint64_t NS_PER_MS = 1'000'000;
// Looks cost up to so many times the cheapest one. Where it was more, JavaScript's timers ran, too.
constexpr uint64_t SPREAD = 4;

}  // namespace

void LookRate::looked(uint64_t cpu_ns, bool rested) {
  const uint64_t cost = cpu_ns - looked_cpu_ns_;
  looked_cpu_ns_ = cpu_ns;
  if (!rested) return;
  costs_ns_[looks_++] = cost;
  if (looks_ < LOOKS) return;
  const uint64_t affordable_ms = (cost_ns() * SHARE + NS_PER_MS - 1) / NS_PER_MS;
  ms_ = std::max(wanted_ms_, std::min(affordable_ms, LOOK_MS_MAX));
  looks_ = 0;
}

// What a look costs on average, wake-up included.
uint64_t LookRate::cost_ns() const {
  const uint64_t most = *std::min_element(std::begin(costs_ns_), std::end(costs_ns_)) * SPREAD;
  uint64_t sum = 0;
  uint64_t looks = 0;
  for (const uint64_t cost : costs_ns_) {
    if (cost > most) continue;
    sum += cost;
    looks++;
  }
  return sum / looks;
}

void MemoryWatch::set(uint64_t address, uint32_t flags, uint32_t words) {
  address_ = address;
  flags_ = flags;
  last_.assign(words / sizeof(uint64_t), 0);
  changed_before_ = false;
}

bool MemoryWatch::look(const MemoryMap& memory) {
  const auto words = static_cast<uint32_t>(last_.size() * sizeof(uint64_t));
  Piece piece;
  if (memory.locate(address_, flags_ + words, piece) != MemoryMap::Place::WHOLE) return false;
  bool rung = false;
  for (uint32_t at = 0; at < flags_; at += sizeof(uint64_t)) rung |= load(piece.host + at) != 0;
  return words_changed(piece.host + flags_) || rung;
}

bool MemoryWatch::words_changed(const uint8_t* words) {
  bool changed = false;
  for (uint64_t& last : last_) {
    const uint64_t now = load(words);
    words += sizeof now;
    changed |= now != last;
    last = now;
  }
  const bool before = changed_before_;
  changed_before_ = changed;
  return changed || before;
}

}  // namespace vhost_user_scmi
