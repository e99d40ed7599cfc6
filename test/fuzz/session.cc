// Fuzz target: the vhost-user session with a front end that sends any request in any order, with any descriptors.
#include "harness.h"

using namespace vhost_user_scmi;
using namespace vhost_user_scmi::fuzz;

namespace {

// Steps; seeds.ts writes the same.
enum Step : uint8_t { SEND, RAW, KICK, EVENT, RECONNECT, UNREAD, POKE, TRUNCATE, STEPS };

void send(Rig& rig, Input& input) {
  VhostUserHeader header = {};
  header.request = input.byte();
  header.flags = input.byte();
  std::vector<FdKind> fds(input.byte() % 40);
  for (FdKind& kind : fds) kind = static_cast<FdKind>(input.byte() % static_cast<uint8_t>(FdKind::COUNT));
  // The size that the header claims differs from the payload's by this.
  const int8_t lie = static_cast<int8_t>(input.byte());
  const std::vector<uint8_t> payload = input.bytes(input.below(512));
  header.size = static_cast<uint32_t>(static_cast<int32_t>(payload.size()) + lie);
  rig.send(header, payload.data(), payload.size(), fds);
}

void step(Rig& rig, Input& input) {
  switch (input.byte() % STEPS) {
    case SEND:
      send(rig, input);
      break;
    case RAW: {
      const std::vector<uint8_t> bytes = input.bytes(input.byte());
      rig.raw(bytes.data(), bytes.size());
      break;
    }
    case KICK:
      rig.kick(input.byte() % QUEUES);
      break;
    case EVENT:
      rig.send_event(input.take<uint16_t>());
      break;
    case RECONNECT:
      rig.reconnect();
      break;
    case UNREAD:
      rig.leave_unread(input.byte());
      break;
    case POKE: {
      const uint32_t offset = input.below(MEMORY_BYTES / 4 - 1) * 4;
      const auto value = input.take<uint64_t>();
      if (offset < MEMORY_BYTES) std::memcpy(rig.memory() + offset, &value, sizeof value);
      break;
    }
    case TRUNCATE:
      // The front end must not touch what it has cut off itself.
      rig.truncate(input.byte() % 2 ? 4096 : 0);
      rig.kick(CMDQ);
      rig.send_event(8);
      rig.truncate(MEMORY_BYTES);
      break;
  }
  if (!rig.settle()) rig.reconnect();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  run(data, size, step);
  return 0;
}
