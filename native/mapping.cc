#include "mapping.h"

#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <utility>

#include "sigbus.h"

namespace vhost_user_scmi {
namespace {

// Offsets, lengths and replacement pages of a hugetlbfs file are multiples of its huge page; elsewhere of a page.
uint64_t page_size_of(int fd) {
  struct statfs fs;
  if (fstatfs(fd, &fs) == 0 && fs.f_type == HUGETLBFS_MAGIC) return static_cast<uint64_t>(fs.f_bsize);
  return static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace

Mapping::Mapping(Mapping&& other) noexcept { *this = std::move(other); }

Mapping& Mapping::operator=(Mapping&& other) noexcept {
  std::swap(begin_, other.begin_);
  std::swap(bytes_, other.bytes_);
  std::swap(data_, other.data_);
  std::swap(part_, other.part_);
  std::swap(slot_, other.slot_);
  return *this;
}

Mapping::~Mapping() {
  if (begin_ == nullptr) return;
  sigbus::unwatch(slot_);
  munmap(begin_, bytes_);
}

Refusal Mapping::map(int fd, uint64_t offset, uint64_t length) {
  struct stat file;
  if (fstat(fd, &file) != 0 || !S_ISREG(file.st_mode)) return {.reason = Reason::NOT_A_FILE};
  uint64_t end;
  if (__builtin_add_overflow(offset, length, &end) || end > INT64_MAX) return {.reason = Reason::OFFSET_OVERFLOW};
  if (end > static_cast<uint64_t>(file.st_size)) return {.reason = Reason::FILE_TOO_SHORT};

  const uint64_t page_size = page_size_of(fd);
  const uint64_t start = offset & ~(page_size - 1);
  const uint64_t bytes = (end - start + page_size - 1) & ~(page_size - 1);
  // NORESERVE: the front end pays for this memory, and a sparse 8 GiB region must not be charged to us.
  void* begin =
      mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, static_cast<off_t>(start));
  if (begin == MAP_FAILED) return {.reason = Reason::MMAP_FAILED};
  const int slot = sigbus::watch(begin, bytes, page_size);
  if (slot < 0) {
    munmap(begin, bytes);
    return {.reason = Reason::TOO_MANY_MAPPINGS};
  }
  // A core dump of the device is not the place for the guest's memory. Refusal is harmless.
  madvise(begin, bytes, MADV_DONTDUMP);

  Mapping old = std::move(*this);
  begin_ = begin;
  bytes_ = bytes;
  data_ = static_cast<uint8_t*>(begin) + (offset - start);
  part_ = {file.st_dev, file.st_ino, offset, end};
  slot_ = slot;
  return {};
}

bool Mapping::shares_bytes(const Mapping& other) const {
  const Part &a = part_, &b = other.part_;
  return a.device == b.device && a.inode == b.inode && a.begin < b.end && b.begin < a.end;
}

bool Mapping::broken() const { return slot_ >= 0 && sigbus::broken(slot_); }

}  // namespace vhost_user_scmi
