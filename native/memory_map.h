// The guest's memory as the front end described it: regions, their mappings, and both translations. Descriptors hold
// guest-physical addresses; ring addresses are front-end virtual (vhost-user, "Ring addresses").
//
// Every range is translated whole or not at all. Knows nothing of rings, and nothing of who looks at the windows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "fd.h"
#include "mapping.h"
#include "refusal.h"
#include "vhost_user.h"

namespace vhost_user_scmi {

// JavaScript sees memory through windows of at most 1 GiB: offsets stay small integers, and Node limits the size of an
// external ArrayBuffer. Window 0 is scratch memory; a region's windows are numbered from its `first_window`.
inline constexpr uint64_t WINDOW_BYTES = uint64_t{1} << 30;
inline constexpr uint32_t SCRATCH_WINDOW = 0;

// vhost-user leaves the number of slots to the back end; QEMU asks for it with GET_MAX_MEM_SLOTS.
inline constexpr uint32_t MEM_SLOTS_MAX = 32;
// So that sparse files can't exhaust our address space: 1024 windows.
inline constexpr uint64_t MEMORY_BYTES_MAX = uint64_t{1} << 40;

// Bytes that lie in one piece, in one window.
struct Piece {
  uint8_t* host;
  uint32_t length;
  uint32_t window;
  uint32_t offset;
};

class MemoryMap {
 public:
  // A refusal changes nothing. `fd` may be closed afterwards.
  Refusal add(const VhostUserMemoryRegion& region, int fd);
  // Finds a region by addresses and size, and unmaps it. False if there is none.
  bool remove(const VhostUserMemoryRegion& region);

  bool empty() const { return regions_.empty(); }
  bool contains(const VhostUserMemoryRegion& region) const { return find(region) != regions_.size(); }
  // True if a file shrank under its mapping; the memory is then not usable until it is replaced.
  bool broken() const;

  // Two regions show the same bytes of a file: different host addresses may then be the same memory.
  bool aliased() const { return aliased_; }

  // Fast path: guest-physical [address, address + length) as one piece. False does not mean that it is not memory: use
  // translate().
  bool translate_whole(uint64_t address, uint32_t length, Piece& piece) const;
  // Appends the pieces of guest-physical [address, address + length), split where regions or windows end. False, with
  // `pieces` in an unspecified longer state, if any byte is not guest memory.
  bool translate(uint64_t address, uint32_t length, std::vector<Piece>& pieces) const;

  enum class Place : uint8_t {
    WHOLE,
    NOT_MEMORY,  // some byte is not guest memory
    SPLIT,       // it lies in two regions or windows
    UNALIGNED,   // words in it could not be read and written whole
  };
  // Guest-physical [address, address + length) as one piece of 64-bit words, for memory that is looked at for long.
  Place locate(uint64_t address, uint32_t length, Piece& piece) const;

  // Front-end virtual [address, address + length) as a pointer, if it lies in one region; else nullptr.
  uint8_t* from_user(uint64_t address, uint64_t length) const;

  struct Window {
    uint8_t* data;
    size_t bytes;
  };
  // Windows 1, 2, …, in order.
  std::vector<Window> windows() const;

 private:
  struct Region {
    VhostUserMemoryRegion wire;
    Mapping mapping;
    uint32_t first_window;
  };

  size_t find(const VhostUserMemoryRegion& region) const;
  const Region* region_of(uint64_t guest_address) const;
  // After every change of regions_.
  void changed();

  std::vector<Region> regions_;
  bool aliased_ = false;
  // The region that translated last: consecutive descriptors nearly always share one. Size 0: none.
  struct Recent {
    uint64_t guest_address = 0;
    uint64_t size = 0;
    uint8_t* host = nullptr;
    uint32_t first_window = 0;
  };
  mutable Recent recent_;
};

// Inline: most descriptors end here.
inline bool MemoryMap::translate_whole(uint64_t address, uint32_t length, Piece& piece) const {
  // Below the region the difference wraps to something larger than any size.
  const uint64_t offset = address - recent_.guest_address;
  const uint64_t in_window = offset % WINDOW_BYTES;
  if (offset >= recent_.size || length > recent_.size - offset || length > WINDOW_BYTES - in_window) return false;
  piece = {
      .host = recent_.host + offset,
      .length = length,
      .window = recent_.first_window + static_cast<uint32_t>(offset / WINDOW_BYTES),
      .offset = static_cast<uint32_t>(in_window),
  };
  return true;
}

}  // namespace vhost_user_scmi
