// Survives files that shrink under their mapping. A front end can truncate the file behind a mapping at any time; the
// next access, even from optimised JavaScript, is then a SIGBUS. The handler maps a private zero page there and marks the
// mapping as broken: the access completes, and the owner stops using the mapping at its next check.
//
// Owns the signal handler and its table, both one per process. Knows nothing of regions or rings.
#pragma once

#include <cstddef>
#include <cstdint>

namespace vhost_user_scmi::sigbus {

// Installs the handler on first use. `page_size` is the mapping's own (huge pages can only be replaced whole).
// Returns a slot, or -1 if the table is full.
int watch(const void* begin, size_t length, size_t page_size);

// To be called before the mapping goes.
void unwatch(int slot);

// True if a page of this mapping was replaced.
bool broken(int slot);

// How many pages were replaced in this process. While it stays the same, no mapping has become broken.
uint64_t replaced_pages();

}  // namespace vhost_user_scmi::sigbus
