#include "driver.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstring>

#include "../clock.h"
#include "fail.h"

namespace vhost_user_scmi::bench {
namespace {

constexpr uint64_t GUEST_ADDRESS = 0x4000'0000;
constexpr size_t MEMORY_BYTES = 256 << 10;
// What reply buffers hold before. No header and no status looks like this, so a reply that was not written is noticed.
constexpr uint32_t NOT_WRITTEN = 0xffff'ffff;

}  // namespace

Driver::Driver(const DriverOptions& options, const std::vector<Command>& commands, Histogram& latencies)
    : options_(options), commands_(commands), latencies_(latencies), answers_(commands.size()) {
  uint32_t rounds = 0;
  for (const Command& command : commands) rounds = std::max(rounds, command.weight);
  // Spread evenly: frequent commands come between the others.
  for (uint32_t round = 0; round < rounds; round++) {
    for (uint32_t i = 0; i < commands.size(); i++) {
      if (round < commands[i].weight) order_.push_back(i);
    }
  }
  // Two at least: no chain may be longer than the queue, not even in an indirect table (§2.7.5.3.1).
  num_ = static_cast<uint16_t>(std::bit_ceil(options.indirect ? std::max(options.depth, 2u) : 2 * options.depth));
  slots_.resize(options.depth);
  free_.reserve(options.depth);
  kick_.reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  call_.reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  error_.reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  file_.reset(memfd_create("guest memory", MFD_CLOEXEC));
  if (!kick_ || !call_ || !error_ || !file_ || ftruncate(file(), MEMORY_BYTES) != 0) fail("no guest memory: %s", strerror(errno));
  void* memory = mmap(nullptr, MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, file(), 0);
  if (memory == MAP_FAILED) fail("no guest memory: %s", strerror(errno));
  memory_ = static_cast<uint8_t*>(memory);
  lay_out();
}

Driver::~Driver() { munmap(memory_, MEMORY_BYTES); }

void Driver::lay_out() {
  size_t used = 0;
  const auto place = [&](size_t bytes, size_t align) {
    used = (used + align - 1) / align * align;
    uint8_t* at = memory_ + used;
    used += bytes;
    if (used > MEMORY_BYTES) fail("a queue of depth %u does not fit guest memory", options_.depth);
    return at;
  };
  // A cache line each: the two sides write them at the same time.
  descriptors_ = reinterpret_cast<VirtqDesc*>(place(virtq_desc_bytes(num_), 4096));
  avail_ = reinterpret_cast<VirtqAvail*>(place(virtq_avail_bytes(num_), 64));
  used_ = reinterpret_cast<VirtqUsed*>(place(virtq_used_bytes(num_), 4096));
  tables_ = reinterpret_cast<VirtqDesc*>(place(sizeof(VirtqDesc) * 2 * options_.depth, 64));
  buffers_ = reinterpret_cast<Buffers*>(place(sizeof(Buffers) * options_.depth, 64));
  for (uint32_t slot = 0; slot < options_.depth; slot++) {
    VirtqDesc* pair = options_.indirect ? &tables_[2 * slot] : &descriptors_[2 * slot];
    const auto second = static_cast<uint16_t>(options_.indirect ? 1 : 2 * slot + 1);
    pair[0] = {guest_address(buffers_[slot].request), 0, VIRTQ_DESC_F_NEXT, second};
    pair[1] = {guest_address(buffers_[slot].reply), REPLY_CAPACITY, VIRTQ_DESC_F_WRITE, 0};
    if (options_.indirect) {
      descriptors_[slot] = {guest_address(pair), 2 * sizeof(VirtqDesc), VIRTQ_DESC_F_INDIRECT, 0};
    }
  }
}

uint64_t Driver::guest_address(const void* at) const {
  return GUEST_ADDRESS + static_cast<uint64_t>(static_cast<const uint8_t*>(at) - memory_);
}

VhostUserMemoryRegion Driver::region() const {
  return {
      .guest_address = GUEST_ADDRESS,
      .size = MEMORY_BYTES,
      .user_address = reinterpret_cast<uint64_t>(memory_),
      .mmap_offset = 0,
  };
}

RingSetup Driver::ring() const {
  const VhostUserVringAddr address = {
      .index = 0,
      .flags = 0,
      .descriptor = reinterpret_cast<uint64_t>(descriptors_),
      .used = reinterpret_cast<uint64_t>(used_),
      .available = reinterpret_cast<uint64_t>(avail_),
      .log = 0,
  };
  return {.num = num_, .address = address, .kick = kick_.get(), .call = call(), .error = error()};
}

void Driver::send_one(uint32_t command) {
  post(0, command, monotonic_ns());
  publish();
}

void Driver::fill() {
  posting_ = true;
  const uint64_t now_ns = monotonic_ns();
  for (uint32_t slot = 0; slot < options_.depth; slot++) post(slot, next_command(), now_ns);
  publish();
}

uint64_t Driver::turn() {
  uint64_t now = take();
  if (now == 0) return 0;
  if (options_.gathers) {
    while (const uint64_t later = take()) now = later;
  }
  if (posting_) {
    for (const uint32_t slot : free_) post(slot, next_command(), now);
    publish();
  }
  free_.clear();
  return now;
}

// What was answered at one look; returns the time, 0 if there was nothing.
uint64_t Driver::take() {
  // Pairs with the device's release of used.idx (§2.7.8): who sees the index sees the reply.
  const uint16_t used_idx = __atomic_load_n(&used_->idx, __ATOMIC_ACQUIRE);
  if (used_idx == next_used_) return 0;
  const uint64_t now = monotonic_ns();
  const auto count = static_cast<uint16_t>(used_idx - next_used_);
  if (count > in_flight_) fail("used.idx went on by %u with %u commands in flight", count, in_flight_);
  while (next_used_ != used_idx) {
    const VirtqUsedElem element = used_->ring[next_used_ & (num_ - 1)];
    const uint32_t slot = options_.indirect ? element.id : element.id / 2;
    if (slot >= slots_.size()) fail("a used element names descriptor %u, which heads no chain", element.id);
    check(slot, element.len);
    latencies_.record(now - slots_[slot].sent_ns);
    next_used_++;
    in_flight_--;
    free_.push_back(slot);
  }
  taken_.store(taken() + count, std::memory_order_relaxed);
  return now;
}

void Driver::check(uint32_t slot, uint32_t length) {
  const Slot& sent = slots_[slot];
  const uint32_t* reply = buffers_[slot].reply;
  Words& answer = answers_[sent.command];
  if (sent.header == NOT_WRITTEN) fail("the command in slot %u was answered twice", slot);
  if (reply[0] != sent.header || length < 2 * sizeof(uint32_t) || length > REPLY_CAPACITY || length % 4 != 0) {
    fail("the answer to header 0x%x is no answer: header 0x%x, %u bytes", sent.header, reply[0], length);
  }
  if (answer.count == 0) {
    answer.count = length / sizeof(uint32_t);
    std::memcpy(answer.word, reply, length);
  }
  // A payload that varies is compared as far as its status.
  const uint32_t compared = commands_[sent.command].constant ? answer.count : 2;
  if (length != answer.count * sizeof(uint32_t) ||
      std::memcmp(reply + 1, answer.word + 1, (compared - 1) * sizeof(uint32_t)) != 0) {
    fail("the answer to header 0x%x differs from the first one: status %d, %u bytes", sent.header,
         static_cast<int>(reply[1]), length);
  }
  slots_[slot].header = NOT_WRITTEN;
}

uint32_t Driver::next_command() {
  const uint32_t command = order_[next_in_order_];
  if (++next_in_order_ == order_.size()) next_in_order_ = 0;
  return command;
}

void Driver::post(uint32_t slot, uint32_t command, uint64_t now_ns) {
  const Words& request = commands_[command].request;
  Slot& sent = slots_[slot];
  Buffers& buffers = buffers_[slot];
  sent = {
      .sent_ns = now_ns,
      .command = command,
      .header = request.word[0] | (sequence_++ << TOKEN_SHIFT & TOKEN_MASK),
  };
  buffers.request[0] = sent.header;
  for (uint32_t i = 1; i < request.count; i++) buffers.request[i] = request.word[i];
  for (uint32_t i = 0; i < std::max(2u, answers_[command].count); i++) buffers.reply[i] = NOT_WRITTEN;
  VirtqDesc& descriptor = options_.indirect ? tables_[2 * slot] : descriptors_[2 * slot];
  const uint32_t bytes = request.count * sizeof(uint32_t);
  if (descriptor.len != bytes) descriptor.len = bytes;
  avail_->ring[next_avail_++ & (num_ - 1)] = static_cast<uint16_t>(options_.indirect ? slot : 2 * slot);
  in_flight_++;
}

void Driver::publish() {
  // Pairs with the device's acquire of avail.idx (§2.7.13.3).
  __atomic_store_n(&avail_->idx, next_avail_, __ATOMIC_RELEASE);
  const auto count = static_cast<uint16_t>(next_avail_ - published_);
  published_ = next_avail_;
  // Full: our index before our look at the device's wish (§2.7.13.4.1).
  std::atomic_thread_fence(std::memory_order_seq_cst);
  bool wanted;
  if (options_.event_idx) {
    const auto* avail_event = reinterpret_cast<const uint16_t*>(&used_->ring[num_]);
    const uint16_t event = __atomic_load_n(avail_event, __ATOMIC_RELAXED);
    wanted = static_cast<uint16_t>(next_avail_ - event - 1) < count;
  } else {
    wanted = !(__atomic_load_n(&used_->flags, __ATOMIC_RELAXED) & VIRTQ_USED_F_NO_NOTIFY);
  }
  if (!wanted) return;
  const uint64_t one = 1;
  if (write(kick_.get(), &one, sizeof one) < 0) fail("the device can't be kicked: %s", strerror(errno));
  kicks_++;
}

bool Driver::arm() {
  if (options_.event_idx) {
    __atomic_store_n(&avail_->ring[num_], next_used_, __ATOMIC_RELAXED);
  } else {
    __atomic_store_n(&avail_->flags, uint16_t{0}, __ATOMIC_RELAXED);
  }
  // Full: our wish before our look at used.idx (§2.7.14).
  std::atomic_thread_fence(std::memory_order_seq_cst);
  return __atomic_load_n(&used_->idx, __ATOMIC_RELAXED) != next_used_;
}

// With EVENT_IDX, used_event simply stays behind.
void Driver::disarm() {
  if (!options_.event_idx) __atomic_store_n(&avail_->flags, VIRTQ_AVAIL_F_NO_INTERRUPT, __ATOMIC_RELAXED);
}

}  // namespace vhost_user_scmi::bench
