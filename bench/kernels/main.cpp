#include <benchmark/benchmark.h>

#include "strata/base/threads.h"

int main(int argc, char** argv) {
  strata::set_threads(strata::choose_threads().count);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
