// Latencies in nanoseconds, counted in buckets that are at most 1/64 of their value wide. Fixed size, nothing allocated.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace vhost_user_scmi {

class Histogram {
 public:
  // `messages` took so long.
  void record(uint64_t ns, uint64_t messages = 1) {
    counts_[index_of(ns)] += messages;
    total_ += messages;
    if (ns > max_) max_ = ns;
  }
  void add(const Histogram& other) {
    for (uint32_t i = 0; i < counts_.size(); i++) counts_[i] += other.counts_[i];
    total_ += other.total_;
    if (other.max_ > max_) max_ = other.max_;
  }
  void clear() { *this = Histogram(); }

  uint64_t max() const { return max_; }
  // The latency that `part` (0 to 1) of all do not exceed: the upper end of its bucket. 0 if nothing was recorded.
  uint64_t percentile(double part) const {
    uint64_t left = static_cast<uint64_t>(part * static_cast<double>(total_));
    for (uint32_t i = 0; i < counts_.size(); i++) {
      if (counts_[i] > left) return upper_end(i) < max_ ? upper_end(i) : max_;
      left -= counts_[i];
    }
    return max_;
  }

 private:
  // Values below 2 * STEPS have a bucket each, and so has each 1/STEPS of every later power of two.
  static constexpr unsigned STEP_BITS = 6;
  static constexpr uint64_t STEPS = 1 << STEP_BITS;

  static uint32_t index_of(uint64_t ns) {
    if (ns < STEPS) return static_cast<uint32_t>(ns);
    const auto shift = static_cast<uint32_t>(std::bit_width(ns)) - STEP_BITS - 1;
    return static_cast<uint32_t>(shift * STEPS + (ns >> shift));
  }
  static uint64_t upper_end(uint32_t index) {
    if (index < 2 * STEPS) return index;
    const uint32_t shift = index / STEPS - 1;
    return ((index % STEPS + STEPS + 1) << shift) - 1;
  }

  std::array<uint64_t, (64 - STEP_BITS + 1) * STEPS> counts_ = {};
  uint64_t total_ = 0;
  uint64_t max_ = 0;
};

}  // namespace vhost_user_scmi
