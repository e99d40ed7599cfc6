#include "batch.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace vhost_user_scmi {
namespace {

// Descriptors walked in one batch, roughly. 256 chains of 1024 descriptors would hold up the event loop.
constexpr uint32_t VISITS_MAX = 4096;

bool overlap(const Piece& a, const Piece& b) { return a.host < b.host + b.length && b.host < a.host + a.length; }

// Whether the reply can be written straight into the driver's buffer while the request is still being read. Not if they
// overlap, as with FreeBSD's driver: then the reply stays in scratch memory until it is published.
bool can_reply_in_place(const DescriptorChain& chain, const MemoryMap& memory) {
  const std::vector<Piece>& writable = chain.writable();
  if (writable.size() != 1) return false;
  const std::vector<Piece>& readable = chain.readable();
  // Different host addresses may be the same memory. This is rare, so the slow way will do.
  if (memory.aliased()) return readable.empty();
  return std::none_of(readable.begin(), readable.end(),
                      [&](const Piece& piece) { return overlap(piece, writable[0]); });
}

bool can_reply_in_place(const StraightChain& chain, const MemoryMap& memory) {
  return !memory.aliased() && !overlap(chain.request, chain.reply);
}

}  // namespace

// Inline: what is done for every message.
inline void Batch::fill(Entry& entry, Slot& slot, uint16_t head, const StraightChain& chain, uint32_t ticket) {
  __builtin_prefetch(chain.request.host);
  __builtin_prefetch(chain.reply.host, 1);
  const uint32_t capacity = std::min(chain.reply.length, MESSAGE_MAX);
  entry = {
      .request_window = chain.request.window,
      .request_offset = chain.request.offset,
      .request_length = chain.request.length,
      .reply_window = chain.reply.window,
      .reply_offset = chain.reply.offset,
      .reply_capacity = capacity,
      .written = 0,
      .ticket = ticket,
  };
  slot = {head, capacity, 0, 0};
}

// Zeroed, so that no reply can leak data of this process. By calloc, because pages that are never touched take no memory.
Batch::Batch() : shared_(static_cast<SharedMemory*>(std::calloc(1, sizeof(SharedMemory))), std::free), slots_() {}

Batch::Taken Batch::take(Virtqueue& queue, const MemoryMap& memory, uint32_t max) {
  SharedMemory& shared = *shared_;
  Taken taken = {};
  count_ = 0;
  scatter_.clear();
  for (uint32_t visits = 0; count_ < max && visits < VISITS_MAX;) {
    uint16_t head;
    Peek peek = queue.peek_head(head);
    DescriptorsRead read;
    if (StraightChain straight; peek == Peek::CHAIN && queue.walk_straight(head, memory, read, straight) &&
                                can_reply_in_place(straight, memory)) {
      fill(shared.entries[count_], slots_[count_], head, straight, queue.ticket(head));
      count_++;
      queue.take(head);
      visits += read.ring.size() + read.table.size();
      continue;
    }
    if (peek == Peek::CHAIN) peek = queue.walk(head, memory, chain_, read);
    taken.fault = peek == Peek::FAULT;
    if (peek != Peek::CHAIN) break;
    visits += chain_.visited();
    if (chain_.misordered()) {
      // Request and reply can't be told apart, so the chain is given back. In order: after those before it are published.
      if (count_ > 0) break;
      queue.take(head);
      queue.complete(head, 0);
      taken.returned = true;
      continue;
    }
    fill(count_++, chain_, memory, queue.ticket(head), scatter_);
    queue.take(head);
  }
  taken.count = count_;
  shared.header.words[HEADER_POSITION] = queue.next_used();
  return taken;
}

void Batch::publish(Virtqueue& queue) {
  for (uint32_t i = 0; i < count_; i++) {
    const uint32_t written = shared_->entries[i].written;
    if (written == WRITTEN_LATER) {
      queue.hold(slots_[i].head);
    } else {
      finish(i, written, queue, scatter_);
    }
  }
  count_ = 0;
}

Peek Batch::peek_event(Virtqueue& queue, const MemoryMap& memory, bool& returned) {
  returned = false;
  for (uint32_t visits = 0; visits < VISITS_MAX; visits += event_chain_.visited()) {
    const Peek peek = queue.peek(memory, event_chain_);
    if (peek != Peek::CHAIN) return peek;
    // virtio 1.3 §5.17.6.2: event buffers are device-writable, and nothing else.
    if (event_chain_.readable_bytes() == 0 && event_chain_.writable_bytes() > 0) {
      event_scatter_.clear();
      fill(BATCH_MAX, event_chain_, memory, queue.next_used(), event_scatter_);
      return Peek::CHAIN;
    }
    queue.take(event_chain_.head());
    queue.complete(event_chain_.head(), 0);
    returned = true;
  }
  return Peek::EMPTY;
}

void Batch::commit_event(Virtqueue& queue, uint32_t written) {
  queue.take(event_chain_.head());
  finish(BATCH_MAX, written, queue, event_scatter_);
}

void Batch::fill(uint32_t index, const DescriptorChain& chain, const MemoryMap& memory, uint32_t ticket,
                 std::vector<Piece>& scatter) {
  const auto scratch_offset = static_cast<uint32_t>(index * sizeof(SharedMemory::Message));
  SharedMemory::Message& scratch = shared_->scratch[index];
  Entry& entry = shared_->entries[index];
  Slot& slot = slots_[index];
  const auto scatter_begin = static_cast<uint32_t>(scatter.size());

  entry = {
      .request_window = SCRATCH_WINDOW,
      .request_offset = scratch_offset + static_cast<uint32_t>(offsetof(SharedMemory::Message, request)),
      .request_length = chain.readable_bytes(),
      .reply_window = SCRATCH_WINDOW,
      .reply_offset = scratch_offset + static_cast<uint32_t>(offsetof(SharedMemory::Message, reply)),
      .reply_capacity = std::min(chain.writable_bytes(), MESSAGE_MAX),
      .written = 0,
      .ticket = ticket,
  };
  const std::vector<Piece>& readable = chain.readable();
  if (readable.size() == 1) {
    entry.request_window = readable[0].window;
    entry.request_offset = readable[0].offset;
    __builtin_prefetch(readable[0].host);
  } else {
    uint32_t copied = 0;
    for (const Piece& piece : readable) {
      const uint32_t bytes = std::min(piece.length, MESSAGE_MAX - copied);
      if (bytes == 0) break;
      std::memcpy(scratch.request + copied, piece.host, bytes);
      copied += bytes;
    }
  }
  const std::vector<Piece>& writable = chain.writable();
  if (can_reply_in_place(chain, memory)) {
    __builtin_prefetch(writable[0].host, 1);
    entry.reply_window = writable[0].window;
    entry.reply_offset = writable[0].offset;
  } else {
    uint32_t kept = 0;
    for (const Piece& piece : writable) {
      if (kept >= MESSAGE_MAX) break;
      scatter.push_back(piece);
      kept += std::min(piece.length, MESSAGE_MAX);
    }
  }
  slot = {chain.head(), entry.reply_capacity, scatter_begin, static_cast<uint32_t>(scatter.size())};
}

void Batch::finish(uint32_t index, uint32_t written, Virtqueue& queue, const std::vector<Piece>& scatter) {
  const Slot& slot = slots_[index];
  // By our own copy of the capacity: JavaScript can write to the shared one, and a bug there must not overrun the buffer.
  written = std::min(written, slot.capacity);
  uint32_t copied = 0;
  for (uint32_t i = slot.scatter_begin; i < slot.scatter_end && copied < written; i++) {
    const uint32_t bytes = std::min(scatter[i].length, written - copied);
    std::memcpy(scatter[i].host, shared_->scratch[index].reply + copied, bytes);
    copied += bytes;
  }
  queue.complete(slot.head, written);
}

}  // namespace vhost_user_scmi
