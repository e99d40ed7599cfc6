// A thread that looks whether JavaScript still comes to its event loop. Where a plug-in's code never ends it does not, and then no
// signal does anything: Node hands signals to the loop. The thread names what is under way, on stderr, and lets signals end the
// process. It runs only where plug-ins are loaded, and knows nothing of what they do.
#ifndef VHOST_USER_SCMI_STALL_WATCH_H
#define VHOST_USER_SCMI_STALL_WATCH_H

#include <cstdint>
#include <string>

namespace vhost_user_scmi::stall_watch {

// Starts the thread, once for the process. `beats` of the loop are missed for this long before it says so.
void start(uint32_t limit_ms);
// The event loop has turned. Called at once when Node begins to handle a signal, too: one that comes then is not lost.
void beat();
// Gives what can be under way its number, from 1 up.
uint32_t number_of(std::string name);
// What is under way from now on, by its number; 0: nothing that has one. Returns what was. Costs one store.
uint32_t enter(uint32_t number);

}  // namespace vhost_user_scmi::stall_watch

#endif
