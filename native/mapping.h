// One shared mapping of a file the front end sent: checked against the file's length, watched for truncation, unmapped
// when it goes. Knows no addresses but its own.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>

#include "refusal.h"

namespace vhost_user_scmi {

class Mapping {
 public:
  Mapping() = default;
  Mapping(Mapping&& other) noexcept;
  Mapping& operator=(Mapping&& other) noexcept;
  ~Mapping();

  // Maps [offset, offset + length) of `fd`, which replaces the mapping of this object; on failure the old one stays. The
  // offset needs no alignment. `fd` can be closed afterwards.
  Refusal map(int fd, uint64_t offset, uint64_t length);

  // The byte at `offset`.
  uint8_t* data() const { return data_; }
  explicit operator bool() const { return data_ != nullptr; }
  // True once the file shrank below the mapping and a page had to be replaced: what is read here is no longer shared.
  bool broken() const;
  // Both show some byte of the same file.
  bool shares_bytes(const Mapping& other) const;

 private:
  // The part of the file that is shown.
  struct Part {
    dev_t device = 0;
    ino_t inode = 0;
    uint64_t begin = 0;
    uint64_t end = 0;
  };

  void* begin_ = nullptr;
  size_t bytes_ = 0;
  uint8_t* data_ = nullptr;
  Part part_;
  int slot_ = -1;
};

}  // namespace vhost_user_scmi
