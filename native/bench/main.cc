// The native half of `vhost-user-scmi bench`, which starts it: a front end that measures, or a floor.
//   scmi_bench measure socket=PATH … command=WEIGHT:constant|varies:WORDS … depth=N …
//   scmi_bench event-loop|busy-loop socket=PATH … answer=WORDS …
// Words are separated by commas, the first is the message's header. Ends with its parent.
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "command.h"
#include "fail.h"
#include "floors.h"
#include "measure.h"

namespace vhost_user_scmi::bench {
namespace {

uint32_t number(const std::string& text) {
  char* end;
  const unsigned long long value = strtoull(text.c_str(), &end, 10);
  if (text.empty() || *end != '\0' || value > UINT32_MAX) fail("%s is not a number", text.c_str());
  return static_cast<uint32_t>(value);
}

Words words(const std::string& text) {
  Words result;
  if (!parse_words(text.c_str(), result)) fail("%s is no list of words", text.c_str());
  return result;
}

// WEIGHT:constant|varies:WORDS
Command command(const std::string& text) {
  const size_t first = text.find(':');
  const size_t second = text.find(':', first + 1);
  if (first == std::string::npos || second == std::string::npos) fail("%s is no command", text.c_str());
  return {
      .request = words(text.substr(second + 1)),
      .weight = number(text.substr(0, first)),
      .constant = text.substr(first + 1, second - first - 1) == "constant",
  };
}

Cores cores(const std::string& text) {
  if (text == "one") return Cores::ONE;
  return text == "apart" ? Cores::APART : Cores::FREE;
}

struct Arguments {
  MeasureOptions measure;
  ConstantAnswers answers;

  void take(const std::string& name, const std::string& value) {
    if (name == "socket") {
      measure.sockets.push_back(value);
    } else if (name == "command") {
      measure.commands.push_back(command(value));
    } else if (name == "answer") {
      answers.add(words(value));
    } else if (name == "depth") {
      measure.driver.depth = number(value);
    } else if (name == "indirect") {
      measure.driver.indirect = number(value) != 0;
    } else if (name == "event-idx") {
      measure.driver.event_idx = number(value) != 0;
    } else if (name == "gathers") {
      measure.driver.gathers = number(value) != 0;
    } else if (name == "measure-ms") {
      measure.measure_ms = number(value);
    } else if (name == "warmup-ms") {
      measure.warmup_ms = number(value);
    } else if (name == "spin-us") {
      measure.spin_us = number(value);
    } else if (name == "limit-ms") {
      measure.limit_ms = number(value);
    } else if (name == "cores") {
      measure.cores = cores(value);
    } else {
      fail("there is no argument %s", name.c_str());
    }
  }
};

}  // namespace
}  // namespace vhost_user_scmi::bench

int main(int argc, char** argv) {
  using namespace vhost_user_scmi::bench;
  const pid_t parent = getppid();
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != parent) return 1;  // it died before
  const std::string mode = argc > 1 ? argv[1] : "";
  Arguments arguments;
  for (int i = 2; i < argc; i++) {
    const std::string argument = argv[i];
    const size_t equals = argument.find('=');
    if (equals == std::string::npos) fail("%s is no name=value", argv[i]);
    arguments.take(argument.substr(0, equals), argument.substr(equals + 1));
  }
  const MeasureOptions& options = arguments.measure;
  if (options.sockets.empty()) fail("usage: scmi_bench measure|event-loop|busy-loop socket=PATH …; see vhost-user-scmi bench");
  if (mode == "event-loop") serve_event_loop(options.sockets, arguments.answers);
  if (mode == "busy-loop") serve_busy_loop(options.sockets, arguments.answers);
  if (mode != "measure" || options.commands.empty()) fail("%s is no mode, or there is no command", mode.c_str());
  if (options.driver.depth == 0 || options.driver.depth > Driver::DEPTH_MAX) fail("the depth is 1 to 256");
  measure(options);
}
