// The command `strata`: reads the command line, sets up the process, hands over to a verb. Links no LibTorch; verbs
// that need it come from a module (tensor_verbs.h).
#include <cstdio>
#include <exception>
#include <iostream>
#include <new>

#include "apps/strata/command_line.h"
#include "apps/strata/tensor_verbs.h"
#include "apps/strata/verbs.h"
#include "strata/base/block_pool.h"
#include "strata/base/error.h"
#include "strata/base/threads.h"

namespace strata::cli {
namespace {

void print_for_shell(const Options& options) {
  Options unused;
  CLI::App app;
  describe(app, unused);
  std::cout << (options.verb == "manual" ? manual(app) : completion(app, options.completion.shell));
}

void dispatch(const Options& options, const Startup& startup) {
  const std::string& verb = options.verb;
  if (verb == "convert") return convert(options.common, options.convert);
  if (verb == "inspect") return inspect(options.common, options.inspect);
  if (verb == "tokenize") return tokenize(options.common, options.tokenize);
  if (verb == "recipes") return recipes(options.common, options.recipes);
  if (verb == "doctor") return doctor(options.common, options.doctor, startup);
  if (verb == "completion" || verb == "manual") return print_for_shell(options);
  if (verb == "bench" && options.bench.what == std::vector<std::string>{"tokenize"})
    return bench_tokenize(options.common, options.bench);
  const TensorVerbs& tensors = tensor_verbs();
  if (verb == "train") return tensors.train(options.common, options.train);
  if (verb == "eval") return tensors.eval(options.common, options.eval);
  if (verb == "run") return tensors.run(options.common, options.run);
  if (verb == "probe") return tensors.probe(options.common, options.probe);
  if (verb == "prune") return tensors.prune(options.common, options.prune);
  if (verb == "merge") return tensors.merge(options.common, options.merge);
  if (verb == "generate") return tensors.generate(options.common, options.generate);
  if (verb == "bench") return tensors.bench(options.common, options.bench);
  if (verb == "gelu") {
    std::cout << tensors.gelu_milliseconds(options.common) << "\n";
    return;
  }
  fail("verb '", verb, "' is in the table of verbs but does nothing");
}

// What was printed must have arrived: a full disk is an error, not a shorter result.
int finish() {
  std::cout.flush();
  if (!std::cout || std::fflush(stdout) != 0)
    fail("the result could not be written to standard output; is the disk full?");
  return 0;
}

int run_command(int argc, const char* const* argv) {
  Startup startup;
  startup.allocator = choose_allocator();
  std::optional<Options> options = read_command_line(argc, argv);
  if (!options) return finish();
  const ThreadChoice threads = choose_threads(options->common.threads);
  set_threads(threads.count);
  options->common.threads = threads.count;
  startup.threads_reason = threads.reason;
  dispatch(*options, startup);
  return finish();
}

int complain(const std::string& verb, const char* what, int code) {
  std::cerr << verb << ": " << what << std::endl;
  return code;
}

}  // namespace
}  // namespace strata::cli

int main(int argc, char** argv) {
  using namespace strata;
  const std::string verb = cli::who(argc, argv);
  try {
    return cli::run_command(argc, argv);
  } catch (const UsageError& error) {
    return cli::complain(verb, error.what(), 2);
  } catch (const std::bad_alloc&) {
    return cli::complain(verb, "out of memory", 1);
  } catch (const std::exception& error) {
    return cli::complain(verb, error.what(), 1);
  }
}
