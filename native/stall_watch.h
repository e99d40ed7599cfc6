// A thread that checks whether the event loop still turns. It does not while a plug-in's code never returns, and then signals
// have no effect either, because Node handles them on the loop. The thread reports on stderr what is running, and lets signals
// end the process. It runs only if plug-ins are loaded, and knows nothing of what they do.
#ifndef VHOST_USER_SCMI_STALL_WATCH_H
#define VHOST_USER_SCMI_STALL_WATCH_H

#include <cstdint>
#include <string>

namespace vhost_user_scmi::stall_watch {

// Starts the thread, once for the process. It reports after this long without a beat.
void start(uint32_t limit_ms);
// The event loop has turned. Also called as soon as Node begins to handle a signal.
void beat();
// The number, from 1 up, of something that can be running.
uint32_t number_of(std::string name);
// What is running from now on, by its number; 0: nothing. Returns what ran before. Costs one store.
uint32_t enter(uint32_t number);

}  // namespace vhost_user_scmi::stall_watch

#endif
