#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "strata/data/images.h"
#include "strata/eval/block_map.h"
#include "strata/eval/exam.h"
#include "strata/eval/probe_plan.h"
#include "strata/eval/spread.h"
#include "strata/stack/stack.h"

namespace strata {

/// How a stack takes to other routes than the one it is known by, as plain data. Accuracies and their intervals are 0
/// .. 1. There are two kinds of interval, both at `confidence`: those of a Spread are over routes (all on the same
/// images), those of a Measured are over images or tokens (one
/// route; tokens of one text are not independent of each other, so theirs are on the narrow side).
struct ElasticityReport {
  struct Measured {
    std::string route;
    double accuracy = 0;
    double loss = 0;
    Interval images;           // of the accuracy, over the choice of test images (Wilson)
    double bits_per_byte = 0;  // of text
  };
  struct Order {
    std::string route;
    double distance = 0;  // Kendall's tau distance from the trained order, 0 .. 1
    double accuracy = 0;
    double loss = 0;
  };
  struct AtDistance {
    double distance = 0;
    Spread accuracy;
  };
  struct Missing {
    int64_t blocks = 0;
    Spread in_order;   // the rest in ascending order (LayerDrop's protocol)
    Spread any_order;  // the rest in random order (LayerShuffle's)
  };
  struct Window {
    int64_t blocks = 0;
    Spread accuracy;
  };
  /// A route for those who can pay for so many block passes, chosen on other images than it is measured on.
  struct Budget {
    int64_t passes = 0;
    Measured measured;
    double chosen_accuracy = 0;  // on the images it was chosen on
    bool recommended = false;    // no cheaper route was at least as accurate there
  };
  /// Block passes for one batch, and the seconds of the whole probe.
  struct Work {
    int64_t routes = 0;
    double passes = 0, passes_one_by_one = 0;
    double seconds = 0;
    int64_t timing_images = 0;  // 0: the two times were not taken
    double timing_shared = 0, timing_one_by_one = 0;

    double saving() const { return passes > 0 ? passes_one_by_one / passes : 1; }
  };

  std::string name;
  std::string origin;  // how the model came to be, in words; empty: unknown
  std::string data;
  std::string unit = "images";  // or tokens
  int64_t images = 0;           // of these, as many
  int64_t classes = 0;
  int64_t depth = 0;
  double confidence = 0.95;
  uint64_t seed = 0;

  Measured in_order;
  Spread any_order;
  std::vector<Order> orders;  // those behind any_order
  std::vector<AtDistance> distances;
  std::vector<Missing> missing;   // [0 .. depth]
  std::vector<Measured> without;  // [block]
  std::vector<Measured> exits;    // [0 .. depth blocks run]; empty when not asked for
  std::vector<double> pairs;      // [depth, depth], see plan_probe; no number on the diagonal; empty when not asked for
  std::vector<Window> windows;
  std::vector<double> heads;    // [depth, heads]: accuracy without this head; empty when not asked for
  std::vector<double> neurons;  // [depth, groups]: accuracy without this group of neurons; empty when not asked for
  std::vector<Budget> budgets;  // from no blocks to all; empty without images to choose on
  Work work;
  std::optional<BlockMap> map;

  /// Accuracy of guessing among the classes.
  double guess() const { return 1.0 / static_cast<double>(classes); }
  /// Half of the interval, over images and routes together, below which a difference of in_order and any_order counts
  /// as none: both are taken as measured on images of their own, which errs on the wide side.
  double noise() const;
};

/// Called after every batch with the images done and all there are.
using ProbeProgress = std::function<void(int64_t done, int64_t total)>;

/// Measures a stack: one walk along the trie of all routes of plan_probe for each batch, then the map of block outputs.
/// Routes for a budget are found by taking away one block at a time, the least loss on `choice` (nullptr: none are).
/// Apart from the times a pure function of its arguments. Throws UsageError for a configuration that makes no sense,
/// Error for images that do not fit.
ElasticityReport probe(const std::string& name, const Stack& stack, const ImageSet& set, const ImageConfig& images,
                       const ProbeConfig& config = {}, const ProbeProgress& progress = {},
                       const ImageSet* choice = nullptr);

/// The same for a language model: accuracy is how often the next token is the likeliest. There is no map, and
/// config.images says nothing: the exams are what they are.
ElasticityReport probe(const std::string& name, const Stack& stack, const TextExam& exam, const ProbeConfig& config,
                       const ProbeProgress& progress = {}, const TextExam* choice = nullptr);

}  // namespace strata
