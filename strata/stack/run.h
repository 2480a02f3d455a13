#pragma once

#include <memory>

#include "strata/route/route.h"
#include "strata/stack/stack.h"

namespace strata {

struct RunOptions {
  const Given* given = nullptr;
  Taps* taps = nullptr;
  Caches* caches = nullptr;  // kept by the caller from call to call; each entry belongs to one executed prefix
  std::vector<Live> live;    // per slot, or empty: all rows run everywhere
  std::vector<const Overlay*> overlays;  // on the opened stack's weights; later ones on top
  const StackSources* sources = nullptr;
  Random random;
  bool training = false;
};

/// Runs blocks of a stack along a route. One lives as long as one pass, or as one walk through a trie of routes.
class Runner {
 public:
  /// How far a pass has come: copied where routes branch.
  struct Progress {
    int64_t slot = 0;
    std::map<std::string, int64_t> occurrences;
    std::string prefix;  // canonical text of what has run; kept only when there are caches
  };

  /// The options must outlive the runner.
  Runner(const Stack& stack, const RunOptions& options);

  /// Checks the route against the stack (and its sources), and that all its blocks need was given. Throws Error.
  void check(const Route& route, int64_t sequences) const;

  Stream embed(const Stream& input) const;
  /// One step; advances `progress`.
  Stream step(const Step& step, const Stream& x, Progress& progress) const;
  /// Final norm, at whatever depth the stream is.
  Stream norm(const Stream& x) const;
  /// Final norm and head.
  Stream head(const Stream& x) const;

 private:
  struct Site;  // one call of one step, ready to run
  Site site(const Call& call, Progress& progress, const Step& step, size_t index) const;
  Stream leaf(const Block& block, const Weights& weights, const Stream& x, Pass& pass, const Live* live) const;
  Stream call(const Site& site, const Stream& x, bool deltas_only) const;

  const Stack& stack_;
  const RunOptions& options_;
  Given nothing_;
};

/// head(norm(steps(embed(input)))): the whole pass.
Stream run(const Stack& stack, const Route& route, const Stream& input, const RunOptions& options = {});

/// The stream after the last step of the route, before norm and head: what another stack reads as memory.
Stream run_trunk(const Stack& stack, const Route& route, const Stream& input, const RunOptions& options = {});

}  // namespace strata
