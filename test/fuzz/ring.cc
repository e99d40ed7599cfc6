// Fuzz target: rings, chains and an inflight region written by a hostile guest, on a session that a correct front end has
// set up. The first bytes of the input say how.
#include "harness.h"

using namespace vhost_user_scmi;
using namespace vhost_user_scmi::fuzz;

namespace {

// Adjacent in guest addresses but not in the file; apart from the others.
constexpr VhostUserMemoryRegion REGIONS[] = {
    {.guest_address = 0x10000, .size = 0x20000, .user_address = 0x7f0000010000, .mmap_offset = 0},
    {.guest_address = 0x30000, .size = 0x8000, .user_address = 0x7f0000100000, .mmap_offset = 0x30000},
    {.guest_address = 0x100000000, .size = 0x10000, .user_address = 0x7f0000200000, .mmap_offset = 0x20000},
};
constexpr uint64_t GUEST = REGIONS[0].guest_address;
constexpr uint64_t USER = REGIONS[0].user_address;
constexpr uint64_t INFLIGHT_OFFSET = 0x38000;
constexpr uint64_t INFLIGHT_BYTES = 0x4000;

// Offsets in the first region, for each queue; the pool for buffers and tables lies behind.
constexpr uint32_t QUEUE_BYTES = 0x3000;
constexpr uint32_t AVAIL = 0x1000;
constexpr uint32_t USED = 0x2000;
constexpr uint32_t POOL = QUEUES * QUEUE_BYTES;

// Steps; seeds.ts writes the same.
enum Step : uint8_t {
  DESCRIPTOR,
  TABLE,
  OFFER,
  IDX,
  WISH,
  KICK,
  EVENT,
  RESTART,
  POKE,
  TRUNCATE,
  WRITTEN,
  MOVE,
  LATE,
  BREAK,
  STEPS
};

struct Guest {
  Rig& rig;
  uint16_t num[QUEUES];
  uint64_t features;
  bool inflight;

  template <typename T>
  void put(uint32_t offset, T value) {
    std::memcpy(rig.memory() + offset, &value, sizeof value);
  }
  template <typename T>
  T get(uint32_t offset) {
    T value;
    std::memcpy(&value, rig.memory() + offset, sizeof value);
    return value;
  }

  template <typename Payload>
  void send(VhostUserRequest request, const Payload& payload, const std::vector<FdKind>& fds = {}) {
    rig.send({request, VHOST_USER_VERSION | VHOST_USER_NEED_REPLY_MASK, sizeof payload}, &payload, sizeof payload, fds);
  }
  void share_memory();
  void start(unsigned queue, uint16_t base);
  void stop(unsigned queue) { send(VHOST_USER_GET_VRING_BASE, VhostUserVringState{queue, 0}); }
  void set_up();
  // Sets everything up again, on a new connection if the old one is gone.
  void recover();
};

void Guest::share_memory() {
  struct {
    uint32_t nregions = std::size(REGIONS);
    uint32_t padding = 0;
    VhostUserMemoryRegion regions[std::size(REGIONS)];
  } table;
  std::copy(std::begin(REGIONS), std::end(REGIONS), table.regions);
  send(VHOST_USER_SET_MEM_TABLE, table, {FdKind::MEMORY, FdKind::MEMORY, FdKind::MEMORY});
}

void Guest::start(unsigned queue, uint16_t base) {
  const uint64_t at = USER + queue * QUEUE_BYTES;
  send(VHOST_USER_SET_VRING_NUM, VhostUserVringState{queue, num[queue]});
  send(VHOST_USER_SET_VRING_BASE, VhostUserVringState{queue, base});
  send(VHOST_USER_SET_VRING_ADDR,
       VhostUserVringAddr{.index = queue, .flags = 0, .descriptor = at, .used = at + USED, .available = at + AVAIL, .log = 0});
  send(VHOST_USER_SET_VRING_CALL, uint64_t{queue}, {FdKind::CALL});
  send(VHOST_USER_SET_VRING_KICK, uint64_t{queue}, {queue == CMDQ ? FdKind::KICK_0 : FdKind::KICK_1});
  send(VHOST_USER_SET_VRING_ENABLE, VhostUserVringState{queue, 1});
}

void Guest::set_up() {
  send(VHOST_USER_SET_FEATURES, features | feature_bit(VHOST_USER_F_PROTOCOL_FEATURES));
  share_memory();
  if (inflight) {
    const VhostUserInflight region = {INFLIGHT_BYTES, INFLIGHT_OFFSET, QUEUES, 256, 0};
    send(VHOST_USER_SET_INFLIGHT_FD, region, {FdKind::MEMORY});
  }
  for (unsigned queue = 0; queue < QUEUES; queue++) start(queue, 0);
  rig.settle();
}

void Guest::recover() {
  if (!rig.session().connected()) rig.reconnect();
  set_up();
}

uint64_t address(Input& input) {
  const uint16_t offset = input.take<uint16_t>();
  switch (input.byte() % 8) {
    case 0: return REGIONS[1].guest_address - offset % 64;
    case 1: return REGIONS[2].guest_address + offset;
    case 2: return REGIONS[1].guest_address + REGIONS[1].size - offset % 64;
    case 3: return input.take<uint64_t>();
    case 4: return GUEST + offset % POOL;
    default: return GUEST + POOL + offset % (REGIONS[0].size - POOL - 64);
  }
}

VirtqDesc descriptor(Input& input, uint16_t num) {
  VirtqDesc made = {.addr = address(input), .len = input.byte(), .flags = 0, .next = 0};
  const uint8_t kind = input.byte();
  made.flags = kind & 7;
  if (kind & 0x80) made.len = input.take<uint32_t>();
  if (kind & 0x40) made.len *= sizeof(VirtqDesc);
  made.next = kind & 0x20 ? input.take<uint16_t>() : input.byte() % num;
  return made;
}

void step(Guest& guest, Input& input) {
  Rig& rig = guest.rig;
  const uint8_t what = input.byte();
  const unsigned queue = what >> 7;
  const uint16_t num = guest.num[queue];
  const uint32_t at = queue * QUEUE_BYTES;
  const auto available = [&] { return guest.get<uint16_t>(at + AVAIL + 2); };
  switch ((what & 0x7f) % STEPS) {
    case DESCRIPTOR: {
      const uint32_t index = input.byte() % num;
      guest.put(at + index * sizeof(VirtqDesc), descriptor(input, num));
      break;
    }
    case TABLE: {
      const uint32_t place = POOL + input.byte() * 64 + input.byte() % 64 * sizeof(VirtqDesc);
      guest.put(place, descriptor(input, num));
      break;
    }
    case OFFER: {
      const uint8_t head = input.byte();
      guest.put<uint16_t>(at + AVAIL + 4 + 2 * (available() % num), head & 0x80 ? head : head % num);
      guest.put<uint16_t>(at + AVAIL + 2, available() + 1);
      break;
    }
    case IDX:
      guest.put(at + AVAIL + 2, input.take<uint16_t>());
      break;
    case WISH:
      guest.put(at + AVAIL, static_cast<uint16_t>(input.byte() & 1));
      guest.put(at + AVAIL + 4 + 2 * num, input.take<uint16_t>());
      break;
    case KICK:
      rig.kick(queue);
      break;
    case EVENT:
      rig.send_event(input.take<uint16_t>());
      break;
    case RESTART: {
      guest.stop(queue);
      const uint16_t used = guest.get<uint16_t>(at + USED + 2);
      guest.start(queue, used + input.byte() % 4);
      break;
    }
    case POKE:
      guest.put(input.below(MEMORY_BYTES / 4 - 1) * 4, input.take<uint64_t>());
      break;
    case TRUNCATE:
      rig.truncate(input.byte() % 2 ? 0x8000 : 0);
      rig.kick(queue);
      rig.send_event(8);
      rig.truncate(MEMORY_BYTES);
      guest.recover();
      break;
    case WRITTEN:
      switch (input.byte() % 4) {
        case 0: rig.answer_with(input.byte()); break;
        case 1: rig.answer_with(UINT32_MAX); break;
        case 2: rig.answer_with(WRITTEN_LATER); break;
        case 3: rig.give_up(); break;
      }
      break;
    case MOVE:
      guest.share_memory();
      break;
    case LATE:
      rig.answer_late(input.byte(), input.take<uint16_t>());
      break;
    case BREAK:
      rig.break_down(queue);
      break;
  }
  if (!rig.settle()) guest.recover();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Guest* guest = nullptr;
  run(data, size, [&](Rig& rig, Input& input) {
    if (guest == nullptr) {
      const uint8_t how = input.byte();
      guest = new Guest{
          .rig = rig,
          .num = {static_cast<uint16_t>(1 << (how & 7)), static_cast<uint16_t>(1 << (input.byte() & 7))},
          .features = feature_bit(VIRTIO_F_VERSION_1) | feature_bit(VIRTIO_SCMI_F_P2A_CHANNELS) |
                      (how & 0x08 ? feature_bit(VIRTIO_F_EVENT_IDX) : 0) |
                      (how & 0x10 ? 0 : feature_bit(VIRTIO_F_INDIRECT_DESC)),
          .inflight = (how & 0x20) != 0,
      };
      guest->set_up();
      CHECK(guest->inflight || (rig.session().running(CMDQ) && rig.session().running(EVENTQ)));
    }
    step(*guest, input);
  });
  delete guest;
  return 0;
}
