// The front end's side of one vhost-user connection: connects, negotiates, hands over memory and one ring. Every step
// ends the process with a sentence if the back end refuses it or does not answer in time.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "../fd.h"
#include "../vhost_user.h"

namespace vhost_user_scmi::bench {

// The command queue as its driver laid it out; addresses are this process's own.
struct RingSetup {
  uint16_t num;
  VhostUserVringAddr address;
  int kick;
  int call;
  int error;
};

class FrontEnd {
 public:
  FrontEnd(const std::string& path, uint64_t limit_ms);

  // Acknowledges `wanted`, all of which has to be offered.
  void negotiate(uint64_t wanted);
  void share_memory(const VhostUserMemoryRegion& region, int file);
  void start(const RingSetup& ring);

  int socket() const { return socket_.get(); }
  // The process that listens.
  pid_t peer() const { return peer_; }

 private:
  void send(uint32_t request, const void* payload, uint32_t size, int fd = -1, bool need_reply = false);
  void receive(uint32_t request, void* payload, uint32_t size);
  void read_whole(void* to, size_t size, const char* what);
  uint64_t ask(uint32_t request);
  // Sends a request and waits until it has been carried out.
  void tell(uint32_t request, const void* payload, uint32_t size, int fd = -1);
  void tell_ring(uint32_t request, uint32_t num);
  void tell_ring_fd(uint32_t request, int fd);

  const std::string path_;
  Fd socket_;
  pid_t peer_ = 0;
  bool acknowledges_ = false;
};

}  // namespace vhost_user_scmi::bench
