#pragma once

#include <ATen/core/Tensor.h>

#include <functional>

#include "strata/base/config.h"
#include "strata/data/text_loader.h"
#include "strata/route/sampler.h"
#include "strata/stack/run.h"

namespace strata {

struct ObjectiveConfig {
  double label_smoothing = 0;
  /// Weight of LayerShuffle-predict's loss (arXiv 2407.04513, weight 1 there); counts only where blocks have slot
  /// predictors.
  double predict_weight = 1;
};

template <class Visit>
void fields(ObjectiveConfig& config, Visit&& visit) {
  visit("label_smoothing", config.label_smoothing, below(0, 1));
  visit("predict_weight", config.predict_weight, at_least(0));
}

/// Scalars with gradients; `position` is undefined when no block predicts its slot.
struct Losses {
  Tensor total;           // classification + predict_weight * position
  Tensor classification;  // label-smoothed cross-entropy, mean over samples
  Tensor position;        // mean over (slot, sample) of CE(slot logits, slot)
};

/// Which of `samples` samples run which step, as a pass reads it; empty when all run everywhere. Throws Error when the
/// draw is for another number of samples.
std::vector<Live> live_rows(const Draw& draw, int64_t samples);

/// What the images of a batch show: one label each, or two where images are mixed.
struct Targets {
  Tensor labels;     // int64 [samples]
  Tensor others;     // int64 [samples], or undefined
  double share = 1;  // what `labels` count; `others` count 1 - share

  Targets(Tensor one) : labels(std::move(one)) {}
  Targets(Tensor one, Tensor other, double share_of_one)
      : labels(std::move(one)), others(std::move(other)), share(share_of_one) {}
  int64_t size() const { return labels.size(0); }
  Targets narrow(int64_t first, int64_t count) const {
    return {labels.narrow(0, first, count), others.defined() ? others.narrow(0, first, count) : others, share};
  }
};

/// Loss under the route that was drawn for a batch; `classification` makes its main part from the stream that the last
/// block leaves. Throws Error when the draw is for another number of sequences.
///   options: what else the pass needs; its taps and live rows are set here
using HeadLoss = std::function<Tensor(const Runner& runner, const Stream& x)>;
Losses losses(const Stack& stack, const Draw& draw, const Stream& input, const HeadLoss& classification,
              const ObjectiveConfig& config, const RunOptions& options = {});

/// Loss of images under the route that was drawn for them.
///   pixels [samples, channels, height, width]; draw.live, where there is one, says which samples run which step
///   options: what else the pass needs; its taps and live rows are set here
/// Where images are mixed, classification is share CE(labels) + (1 - share) CE(others) (Zhang et al. 2018).
/// Throws Error when the draw is for another number of samples.
Losses losses(const Stack& stack, const Draw& draw, const Tensor& pixels, const Targets& targets,
              const ObjectiveConfig& config, const RunOptions& options = {});

/// Loss of tokens (next-token prediction), without holding the logits of all rows.
///   tokens [rows] with their targets, -100 where nothing is learned; `scale` multiplies the sum over the rows: 1 over
///   the number of targets of a whole batch makes the mean
Losses losses(const Stack& stack, const Draw& draw, const TextBatch& batch, double scale, const ObjectiveConfig& config,
              const RunOptions& options = {});

/// Rows `first` .. `first` + `count` - 1 of a draw: a piece of a batch in gradient accumulation.
Draw slice(const Draw& draw, int64_t first, int64_t count);

}  // namespace strata
