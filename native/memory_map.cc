#include "memory_map.h"

#include <algorithm>

namespace vhost_user_scmi {
namespace {

// Callers have checked that neither sum overflows.
bool overlap(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size) { return a < b + b_size && b < a + a_size; }

bool overflows(uint64_t address, uint64_t size) { return address > UINT64_MAX - size; }

}  // namespace

Refusal MemoryMap::add(const VhostUserMemoryRegion& region, int fd) {
  const auto refused = [&](Reason reason) { return Refusal{.reason = reason, .region = region}; };
  if (regions_.size() == MEM_SLOTS_MAX) return refused(Reason::TOO_MANY_REGIONS);
  if (region.size == 0) return refused(Reason::REGION_EMPTY);
  if (overflows(region.guest_address, region.size)) return refused(Reason::GUEST_ADDRESS_OVERFLOW);
  if (overflows(region.user_address, region.size)) return refused(Reason::USER_ADDRESS_OVERFLOW);
  uint64_t total = region.size;
  for (const Region& other : regions_) {
    if (overlap(region.guest_address, region.size, other.wire.guest_address, other.wire.size)) {
      return refused(Reason::GUEST_OVERLAP);
    }
    if (overlap(region.user_address, region.size, other.wire.user_address, other.wire.size)) {
      return refused(Reason::USER_OVERLAP);
    }
    // Exact if the new region is within the budget, as all others are: at most 32 sizes of at most 1 TiB.
    total += other.wire.size;
  }
  if (region.size > MEMORY_BYTES_MAX || total > MEMORY_BYTES_MAX) return refused(Reason::TOO_MUCH_MEMORY);

  Mapping mapping;
  if (const Refusal refusal = mapping.map(fd, region.mmap_offset, region.size)) return refused(refusal.reason);
  regions_.push_back({region, std::move(mapping), 0});
  changed();
  return {};
}

bool MemoryMap::remove(const VhostUserMemoryRegion& region) {
  const size_t index = find(region);
  if (index == regions_.size()) return false;
  regions_.erase(regions_.begin() + static_cast<ptrdiff_t>(index));
  changed();
  return true;
}

bool MemoryMap::broken() const {
  return std::any_of(regions_.begin(), regions_.end(), [](const Region& region) { return region.mapping.broken(); });
}

bool MemoryMap::translate(uint64_t address, uint32_t length, std::vector<Piece>& pieces) const {
  while (length > 0) {
    const Region* region = region_of(address);
    if (region == nullptr) return false;
    recent_ = {region->wire.guest_address, region->wire.size, region->mapping.data(), region->first_window};
    const uint64_t offset = address - region->wire.guest_address;
    const uint64_t available = std::min(region->wire.size - offset, WINDOW_BYTES - offset % WINDOW_BYTES);
    const auto taken = static_cast<uint32_t>(std::min<uint64_t>(length, available));
    translate_whole(address, taken, pieces.emplace_back());
    // Can't wrap: the piece ends inside a region, and no region reaches 2^64.
    address += taken;
    length -= taken;
  }
  return true;
}

MemoryMap::Place MemoryMap::locate(uint64_t address, uint32_t length, Piece& piece) const {
  if (!translate_whole(address, length, piece)) {
    std::vector<Piece> pieces;
    if (overflows(address, length) || !translate(address, length, pieces)) return Place::NOT_MEMORY;
    if (pieces.size() != 1) return Place::SPLIT;
    piece = pieces.front();
  }
  // A front end chooses where a region begins: in its file, and in the guest.
  const uint64_t odd = reinterpret_cast<uintptr_t>(piece.host) | piece.offset;
  return odd % sizeof(uint64_t) == 0 ? Place::WHOLE : Place::UNALIGNED;
}

uint8_t* MemoryMap::from_user(uint64_t address, uint64_t length) const {
  for (const Region& region : regions_) {
    if (address < region.wire.user_address) continue;
    const uint64_t offset = address - region.wire.user_address;
    if (offset < region.wire.size && length <= region.wire.size - offset) return region.mapping.data() + offset;
  }
  return nullptr;
}

std::vector<MemoryMap::Window> MemoryMap::windows() const {
  std::vector<Window> windows;
  for (const Region& region : regions_) {
    for (uint64_t offset = 0; offset < region.wire.size; offset += WINDOW_BYTES) {
      windows.push_back({region.mapping.data() + offset, std::min(region.wire.size - offset, WINDOW_BYTES)});
    }
  }
  return windows;
}

size_t MemoryMap::find(const VhostUserMemoryRegion& region) const {
  // vhost-user, REM_MEM_REG: guest address, size and user address identify a region; the offset does not.
  const auto same = [&](const Region& other) {
    return other.wire.guest_address == region.guest_address && other.wire.size == region.size &&
           other.wire.user_address == region.user_address;
  };
  return static_cast<size_t>(std::find_if(regions_.begin(), regions_.end(), same) - regions_.begin());
}

const MemoryMap::Region* MemoryMap::region_of(uint64_t guest_address) const {
  const auto covers = [=](const Region& region) {
    return guest_address - region.wire.guest_address < region.wire.size;  // wraps below the region
  };
  const auto found = std::find_if(regions_.begin(), regions_.end(), covers);
  return found == regions_.end() ? nullptr : &*found;
}

void MemoryMap::changed() {
  recent_ = {};
  aliased_ = false;
  for (auto region = regions_.begin(); region != regions_.end(); ++region) {
    aliased_ |= std::any_of(regions_.begin(), region,
                            [&](const Region& other) { return region->mapping.shares_bytes(other.mapping); });
  }
  uint32_t next = SCRATCH_WINDOW + 1;
  for (Region& region : regions_) {
    region.first_window = next;
    next += static_cast<uint32_t>((region.wire.size + WINDOW_BYTES - 1) / WINDOW_BYTES);
  }
}

}  // namespace vhost_user_scmi
