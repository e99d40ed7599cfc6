// Runs the fuzz target `chain` without libFuzzer: `chains SEED CHAINS` makes random inputs until that many chains were compared,
// and prints the counts.
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

#include "chain.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

int main(int argc, char** argv) {
  using vhost_user_scmi::fuzz::counts;
  if (argc != 3) return 2;
  std::mt19937_64 random(strtoull(argv[1], nullptr, 10));
  const uint64_t wanted = strtoull(argv[2], nullptr, 10);
  std::vector<uint64_t> input(512);
  while (counts().chains < wanted) {
    for (uint64_t& word : input) word = random();
    LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(input.data()), input.size() * sizeof(uint64_t));
  }
  const auto [chains, straight, faults] = counts();
  printf("{\"chains\":%" PRIu64 ",\"straight\":%" PRIu64 ",\"faults\":%" PRIu64 "}\n", chains, straight, faults);
}
