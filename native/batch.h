// The array that native code and JavaScript share, and the scratch memory beside it: fills entries from chains, turns
// answered entries back into used elements. src/device/native.ts documents the same layout; the two change together.
//
// Knows where bytes lie, not what they mean, and nothing of time, sockets or JavaScript.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "descriptor_chain.h"
#include "memory_map.h"
#include "virtqueue.h"

namespace vhost_user_scmi {

inline constexpr uint32_t BATCH_MAX = 256;
inline constexpr uint32_t BATCH_HEADER = 8;
inline constexpr uint32_t ENTRY_WORDS = 8;
inline constexpr uint32_t BATCH_WORDS = BATCH_HEADER + (BATCH_MAX + 1) * ENTRY_WORDS;
inline constexpr uint32_t MESSAGE_MAX = 4096;
// As Entry::written: the chain is not published with its batch, but held under its ticket. No reply has this length, nor
// does a mistake such as -1 result in it.
inline constexpr uint32_t WRITTEN_LATER = 0x8000'0000;

// The header's first 16 bytes, seen as doubles.
inline constexpr uint32_t TIME_TAKEN = 0;
inline constexpr uint32_t TIME_SERVICE = 1;
inline constexpr uint32_t TIMES = 2;
inline constexpr uint32_t HEADER_PREVIOUS_COUNT = 4;
inline constexpr uint32_t HEADER_COUNT = 5;
inline constexpr uint32_t HEADER_POSITION = 6;

// Words of an entry.
struct Entry {
  uint32_t request_window;
  uint32_t request_offset;
  uint32_t request_length;
  uint32_t reply_window;
  uint32_t reply_offset;
  uint32_t reply_capacity;
  uint32_t written;
  uint32_t ticket;
};
static_assert(sizeof(Entry) == ENTRY_WORDS * sizeof(uint32_t));

// What JavaScript sees. Shared ownership: an ArrayBuffer over it can outlive the device.
struct SharedMemory {
  struct Message {
    uint8_t request[MESSAGE_MAX];
    uint8_t reply[MESSAGE_MAX];
  };

  union {
    uint32_t words[BATCH_HEADER];
    double times[TIMES];
  } header;
  Entry entries[BATCH_MAX + 1];
  Message scratch[BATCH_MAX + 1];
};
static_assert(offsetof(SharedMemory, entries) == BATCH_HEADER * sizeof(uint32_t));
static_assert(offsetof(SharedMemory, scratch) == BATCH_WORDS * sizeof(uint32_t));

class Batch {
 public:
  Batch();

  const std::shared_ptr<SharedMemory>& shared() const { return shared_; }

  struct Taken {
    // Messages to be answered, entries 0..count-1.
    uint32_t count;
    // Chains that hold no message were given back unused, in their turn.
    bool returned;
    // The chain after these is corrupt: queue.error() says how. These still have to be answered.
    bool fault;
  };
  // `max`: messages, at most BATCH_MAX.
  Taken take(Virtqueue& queue, const MemoryMap& memory, uint32_t max);
  // Publishes what take() took, or holds it.
  void publish(Virtqueue& queue);

  // The last entry, for the event queue: shows the next buffer that can hold an event. Buffers that can't are given
  // back unused on the way (`returned`).
  Peek peek_event(Virtqueue& queue, const MemoryMap& memory, bool& returned);
  // Takes the buffer peek_event() showed, and publishes it.
  void commit_event(Virtqueue& queue, uint32_t written);
  uint32_t event_capacity() const { return slots_[BATCH_MAX].capacity; }

 private:
  struct Slot {
    uint16_t head;
    uint32_t capacity;
    // Where a reply in scratch memory goes: this range of scatter_. Empty if JavaScript writes to guest memory itself.
    uint32_t scatter_begin;
    uint32_t scatter_end;
  };

  static void fill(Entry& entry, Slot& slot, uint16_t head, const StraightChain& chain, uint32_t ticket);
  void fill(uint32_t index, const DescriptorChain& chain, const MemoryMap& memory, uint32_t ticket,
            std::vector<Piece>& scatter);
  void finish(uint32_t index, uint32_t written, Virtqueue& queue, const std::vector<Piece>& scatter);

  std::shared_ptr<SharedMemory> shared_;
  std::array<Slot, BATCH_MAX + 1> slots_;
  uint32_t count_ = 0;
  DescriptorChain chain_;
  std::vector<Piece> scatter_;
  // Apart from the above: an event is peeked and committed while a batch is being answered.
  DescriptorChain event_chain_;
  std::vector<Piece> event_scatter_;
};

}  // namespace vhost_user_scmi
