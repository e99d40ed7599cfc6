// Fuzz target: the straight path against the general one. Two devices have the same rings and the same memory. The first may
// take the straight path; the second never can, because its memory map forgets the region it translated last. Random and
// hostile chains go to both, one at a time, and all that comes out is compared: entries, scratch memory, faults with their
// numbers, the used ring, and the guest's memory. The general path also goes on from what the straight one has read, and that is
// spoiled meanwhile: a word that was read twice would change what comes out.
#include "chain.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <optional>

#include "batch.h"
#include "harness.h"
#include "virtqueue.h"

using namespace vhost_user_scmi;
using namespace vhost_user_scmi::fuzz;

namespace {

constexpr uint64_t FILE_BYTES = 0x20000;
constexpr uint64_t GUEST = 0x10000;
constexpr uint64_t AVAIL = 0x1000;
constexpr uint64_t USED = 0x2000;
constexpr uint32_t POOL = 0x3000;
// The second region follows the first one in guest addresses, but not in memory. Where the third lies in the file, the input
// says: beside them, or over the end of the first, so that one byte has two addresses.
constexpr VhostUserMemoryRegion REGIONS[] = {
    {.guest_address = GUEST, .size = 0xc000, .user_address = 0x7f0000000000, .mmap_offset = 0},
    {.guest_address = GUEST + 0xc000, .size = 0x4000, .user_address = 0x7f0000100000, .mmap_offset = 0x10000},
    {.guest_address = 0x100000000, .size = 0x4000, .user_address = 0x7f0000200000, .mmap_offset = 0x18000},
};
constexpr uint64_t ALIASED_OFFSET = 0x8000;
constexpr VhostUserMemoryRegion PASSING = {
    .guest_address = 0x200000000, .size = 0x1000, .user_address = 0x7f0000300000, .mmap_offset = 0x1f000};

uint64_t chains, straight_chains, faults;

bool same(const Piece& a, const Piece& b) {
  return a.host == b.host && a.length == b.length && a.window == b.window && a.offset == b.offset;
}

bool same(const RingError& a, const RingError& b) {
  return a.fault == b.fault && a.index == b.index && a.head == b.head && a.address == b.address && a.value == b.value &&
         a.indirect == b.indirect;
}

bool same(const std::vector<Piece>& a, const std::vector<Piece>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const Piece& one, const Piece& other) { return same(one, other); });
}

struct Device {
  Fd file{memfd_create("guest", MFD_CLOEXEC)};
  uint8_t* guest = nullptr;
  MemoryMap memory;
  std::vector<MemoryMap::Window> windows;
  Batch batch;
  Virtqueue queue;

  Device() {
    CHECK(file && ftruncate(file.get(), FILE_BYTES) == 0);
    guest = static_cast<uint8_t*>(mmap(nullptr, FILE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0));
    CHECK(guest != MAP_FAILED);
  }

  RingPointers ring() const {
    uint8_t* at = memory.from_user(REGIONS[0].user_address, REGIONS[0].size);
    return {.desc = reinterpret_cast<VirtqDesc*>(at),
            .avail = reinterpret_cast<VirtqAvail*>(at + AVAIL),
            .used = reinterpret_cast<VirtqUsed*>(at + USED)};
  }

  void start(uint16_t num, uint64_t features, bool aliased) {
    std::memset(guest, 0, FILE_BYTES);
    memory = MemoryMap();
    for (VhostUserMemoryRegion region : REGIONS) {
      if (aliased && &region != REGIONS && region.guest_address == REGIONS[2].guest_address) {
        region.mmap_offset = ALIASED_OFFSET;
      }
      CHECK(!memory.add(region, file.get()));
    }
    CHECK(memory.aliased() == aliased);
    windows = memory.windows();
    restart(num, features);
  }

  void restart(uint16_t num, uint64_t features) {
    const auto used = ring().used->idx;
    ring().avail->idx = used;
    CHECK(!queue.start(ring(), num, used, features, {}));
  }

  // The next translation has to look for its region: that is the general path's.
  void forget_region() {
    CHECK(!memory.add(PASSING, file.get()));
    CHECK(memory.remove(PASSING));
  }

  uint8_t* at(uint32_t window, uint32_t offset) {
    return window == SCRATCH_WINDOW ? reinterpret_cast<uint8_t*>(batch.shared()->scratch) + offset
                                    : windows[window - 1].data + offset;
  }
};

// They are large, and hold nothing between inputs.
Device& device(bool may_go_straight) {
  static Device devices[2];
  return devices[may_go_straight ? 0 : 1];
}
DescriptorChain plain, informed;

class Pair {
 public:
  explicit Pair(Input& input) : input_(input) {
    const uint8_t how = input.byte();
    num_ = static_cast<uint16_t>(1 << (how & 7));
    features_ = feature_bit(VIRTIO_F_VERSION_1) | (how & 8 ? 0 : feature_bit(VIRTIO_F_INDIRECT_DESC));
    for (Device* one : both_) one->start(num_, features_, (how & 0x30) == 0x30);
  }

  void step();

 private:
  template <typename T>
  void put(uint32_t offset, T value) {
    for (Device* one : both_) std::memcpy(one->guest + offset, &value, sizeof value);
  }

  uint64_t address();
  VirtqDesc spoiled(VirtqDesc descriptor);
  void write_chain(uint16_t head);
  void compare_walks(uint16_t head);
  void compare_entries();
  void answer();

  Input& input_;
  Device* const both_[2] = {&device(true), &device(false)};
  Device& first_ = *both_[0];
  Device& second_ = *both_[1];
  uint16_t num_;
  uint64_t features_;
};

uint64_t Pair::address() {
  const uint16_t offset = input_.take<uint16_t>();
  switch (input_.byte() % 48) {
    case 0: return REGIONS[1].guest_address - offset % 64;
    case 1: return REGIONS[2].guest_address + offset % REGIONS[2].size;
    case 2: return REGIONS[1].guest_address + REGIONS[1].size - offset % 64;
    case 3: return input_.take<uint64_t>();
    case 4: return GUEST + offset % POOL;
    default: return GUEST + POOL + offset % (REGIONS[0].size - POOL);
  }
}

// Most often as it is.
VirtqDesc Pair::spoiled(VirtqDesc descriptor) {
  switch (input_.byte() % 64) {
    case 0: descriptor.flags = input_.byte() & 7; break;
    case 1: descriptor.flags = input_.take<uint16_t>(); break;
    case 2: descriptor.len = input_.take<uint32_t>(); break;
    case 3: descriptor.len = input_.byte() % 4 * 16; break;
    case 4: descriptor.next = input_.take<uint16_t>(); break;
    case 5: descriptor.next = input_.byte() % num_; break;
    case 6: descriptor.addr = input_.take<uint64_t>(); break;
  }
  return descriptor;
}

// A chain as drivers send it, perhaps with more descriptors, and with mistakes.
void Pair::write_chain(uint16_t head) {
  const uint8_t how = input_.byte();
  const bool indirect = how & 1;
  const uint32_t count = how & 0xe ? 2 : 1 + input_.byte() % 5;
  const uint64_t table = how & 0x70 ? GUEST + POOL + input_.byte() * 16 + (how & 0x80 ? 1 : 0) : address();
  uint16_t at = head;
  for (uint32_t i = 0; i < count; i++) {
    const bool last = i + 1 == count;
    // Rarely beyond the ring, where there is room for descriptors, too.
    const uint32_t linked = input_.byte() % 16 == 0 ? input_.byte() : input_.byte() % num_;
    const auto next = static_cast<uint16_t>(last ? 0 : indirect ? i + 1 : linked);
    const bool writable = count == 1 ? (how & 0x10) != 0 : i >= (count + 1) / 2;
    const VirtqDesc descriptor = spoiled({
        .addr = address(),
        .len = 4u + input_.byte() % 32 * 4,
        .flags = static_cast<uint16_t>((last ? 0 : VIRTQ_DESC_F_NEXT) | (writable ? VIRTQ_DESC_F_WRITE : 0)),
        .next = next,
    });
    const uint64_t place = indirect ? table - GUEST + i * sizeof(VirtqDesc) : at * sizeof(VirtqDesc);
    if (place < REGIONS[0].size - sizeof(VirtqDesc)) put(static_cast<uint32_t>(place), descriptor);
    at = next;
  }
  if (indirect) {
    put(head * sizeof(VirtqDesc), spoiled({.addr = table,
                                           .len = count * static_cast<uint32_t>(sizeof(VirtqDesc)),
                                           .flags = VIRTQ_DESC_F_INDIRECT,
                                           .next = 0}));
  }
}

// Spoils what the straight path has read, while it lives: who reads it again gets something else.
class Spoiled {
 public:
  Spoiled(VirtqDesc* ring, uint16_t head, const MemoryMap& memory, const DescriptorsRead& read) {
    spoil(&ring[head], sizeof(VirtqDesc));
    if (read.count == 2) spoil(&ring[read.ring[0].next], sizeof(VirtqDesc));
    if (!read.has_table) return;
    Piece pair;
    const MemoryMap::Place place = memory.locate(read.ring[0].addr, sizeof read.table, pair);
    CHECK(place == MemoryMap::Place::WHOLE || place == MemoryMap::Place::UNALIGNED);
    spoil(pair.host, sizeof read.table);
  }
  // Last spoiled, first restored: they may overlap.
  ~Spoiled() {
    for (; count_ > 0; count_--) std::memcpy(parts_[count_ - 1].at, parts_[count_ - 1].before, parts_[count_ - 1].bytes);
  }

 private:
  struct Part {
    void* at;
    size_t bytes;
    uint8_t before[2 * sizeof(VirtqDesc)];
  };

  void spoil(void* at, size_t bytes) {
    Part& part = parts_[count_++];
    part.at = at;
    part.bytes = bytes;
    std::memcpy(part.before, at, bytes);
    std::memset(at, 0xff, bytes);
  }

  Part parts_[3];
  size_t count_ = 0;
};

// The walks themselves, on one device: the general one from the start, straight, the general one that goes on from there.
void Pair::compare_walks(uint16_t head) {
  const MemoryMap& memory = first_.memory;
  const bool indirect = features_ & feature_bit(VIRTIO_F_INDIRECT_DESC);
  VirtqDesc* table = first_.ring().desc;
  DescriptorsRead read;
  StraightChain straight;
  const bool is_straight = walk_straight(table, num_, head, indirect, memory, read, straight);
  const bool whole = plain.walk(table, num_, head, indirect, memory);
  // All that there is to read was read, unless the chain goes on in the ring.
  std::optional<Spoiled> spoiled;
  if (read.has_table || plain.visited() <= read.count) spoiled.emplace(table, head, memory, read);
  const bool goes_on = informed.walk(table, num_, head, indirect, memory, read);
  spoiled.reset();
  CHECK(goes_on == whole);
  CHECK(informed.head() == plain.head() && informed.visited() == plain.visited());
  CHECK(informed.misordered() == plain.misordered());
  if (!whole) {
    CHECK(!is_straight);
    CHECK(same(informed.error(), plain.error()));
    return;
  }
  CHECK(same(informed.readable(), plain.readable()) && same(informed.writable(), plain.writable()));
  CHECK(informed.readable_bytes() == plain.readable_bytes() && informed.writable_bytes() == plain.writable_bytes());
  if (!is_straight) return;
  straight_chains++;
  CHECK(!plain.misordered());
  CHECK(same(plain.readable(), {straight.request}) && same(plain.writable(), {straight.reply}));
  CHECK(plain.readable_bytes() == straight.request.length && plain.writable_bytes() == straight.reply.length);
}

void Pair::compare_entries() {
  const Entry& one = first_.batch.shared()->entries[0];
  const Entry& other = second_.batch.shared()->entries[0];
  CHECK(std::memcmp(&one, &other, sizeof one) == 0);
  if (one.request_window != SCRATCH_WINDOW) return;
  CHECK(std::memcmp(first_.at(SCRATCH_WINDOW, one.request_offset), second_.at(SCRATCH_WINDOW, one.request_offset),
                    std::min(one.request_length, MESSAGE_MAX)) == 0);
}

void Pair::answer() {
  const uint8_t filling = input_.byte();
  const uint32_t written = filling & 1 ? input_.take<uint32_t>() : filling;
  for (Device* one : both_) {
    Entry& entry = one->batch.shared()->entries[0];
    std::memset(one->at(entry.reply_window, entry.reply_offset), filling, std::min<uint32_t>(entry.reply_capacity, filling));
    entry.written = written;
  }
}

void Pair::step() {
  const auto head = static_cast<uint16_t>(input_.byte() % 16 == 0 ? input_.take<uint16_t>() : input_.byte() % num_);
  if (head < num_) write_chain(head);
  const auto idx = static_cast<uint16_t>(first_.ring().avail->idx + (input_.byte() == 0 ? input_.take<uint16_t>() : 1));
  put<uint16_t>(AVAIL + 4 + 2 * (first_.queue.next_avail() % num_), head);
  put(AVAIL + 2, idx);
  chains++;
  // A region that was used before is the one that the straight path knows.
  if (input_.byte() % 8 == 0) first_.forget_region();
  if (head < num_) compare_walks(head);
  second_.forget_region();

  const Batch::Taken one = first_.batch.take(first_.queue, first_.memory, 1);
  const Batch::Taken other = second_.batch.take(second_.queue, second_.memory, 1);
  CHECK(one.count == other.count && one.returned == other.returned && one.fault == other.fault);
  if (one.count > 0) {
    compare_entries();
    answer();
  }
  for (Device* device : both_) device->batch.publish(device->queue);
  CHECK(first_.queue.next_avail() == second_.queue.next_avail() && first_.queue.next_used() == second_.queue.next_used());
  CHECK(std::memcmp(first_.guest, second_.guest, FILE_BYTES) == 0);
  if (!one.fault) return;
  faults++;
  CHECK(same(first_.queue.error(), second_.queue.error()));
  for (Device* device : both_) device->restart(num_, features_);
}

}  // namespace

Counts vhost_user_scmi::fuzz::counts() { return {chains, straight_chains, faults}; }

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input input(data, size);
  Pair pair(input);
  while (!input.empty()) pair.step();
  return 0;
}
