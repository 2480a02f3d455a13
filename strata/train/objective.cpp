#include "strata/train/objective.h"

#include <algorithm>
#include <charconv>

#include "strata/base/error.h"
#include "strata/blocks/patches.h"
#include "strata/blocks/tokens.h"
#include "strata/ops/linear_cross_entropy.h"
#include "strata/ops/loss.h"

namespace strata {
namespace {

// 12 in slot.12.block.3.predict.slot_logits
int64_t slot_of(std::string_view tap) {
  constexpr std::string_view kSlot = "slot.";
  int64_t slot = 0;
  std::from_chars(tap.data() + kSlot.size(), tap.data() + tap.size(), slot);
  return slot;
}

}  // namespace

std::vector<Live> live_rows(const Draw& draw, int64_t samples) {
  std::vector<Live> live;
  for (const auto& row : draw.live) {
    if (std::ssize(row) != samples)
      fail("objective: expected a draw for ", samples, " samples, got one for ", row.size());
    Tensor keep = at::empty({samples}, at::kBool);
    std::copy(row.begin(), row.end(), keep.mutable_data_ptr<bool>());
    live.push_back({.keep = keep});
  }
  return live;
}

Losses losses(const Stack& stack, const Draw& draw, const Stream& input, const HeadLoss& classification,
              const ObjectiveConfig& config, const RunOptions& options) {
  Taps taps;
  if (config.predict_weight > 0) taps.want("slot.*.block.*.predict.slot_logits");
  RunOptions pass = options;
  pass.taps = &taps;
  pass.live = live_rows(draw, input.rows()->sequences);
  const Stream x = run_trunk(stack, draw.route, input, pass);
  Losses result;
  result.classification = classification(Runner(stack, pass), x);
  result.total = result.classification;
  std::vector<Tensor> logits, slots;
  for (const auto& [name, value] : taps.values()) {
    if (value.size(0) == 0) continue;
    logits.push_back(value);
    slots.push_back(at::full({value.size(0)}, slot_of(name), at::kLong));
  }
  if (!logits.empty()) {
    result.position = ops::cross_entropy(at::cat(logits), at::cat(slots));
    result.total = result.total + config.predict_weight * result.position;
  }
  return result;
}

Losses losses(const Stack& stack, const Draw& draw, const Tensor& pixels, const Targets& targets,
              const ObjectiveConfig& config, const RunOptions& options) {
  const HeadLoss classification = [&](const Runner& runner, const Stream& x) {
    const Tensor logits = runner.head(x).x();
    const Tensor first = ops::cross_entropy(logits, targets.labels, config.label_smoothing);
    if (!targets.others.defined()) return first;
    return targets.share * first +
           (1 - targets.share) * ops::cross_entropy(logits, targets.others, config.label_smoothing);
  };
  return losses(stack, draw, image_stream(pixels), classification, config, options);
}

Losses losses(const Stack& stack, const Draw& draw, const TextBatch& batch, double scale, const ObjectiveConfig& config,
              const RunOptions& options) {
  const auto* head = dynamic_cast<const TokenHead*>(stack.head.get());
  if (!head) fail("objective: expected a model with a head over tokens, got stack '", stack.name, "'");
  const HeadLoss classification = [&](const Runner& runner, const Stream& x) {
    const auto [inner, table] =
        head->before_product(Weights(stack.weights, "head.", options.overlays), runner.norm(x).x());
    return ops::linear_cross_entropy(inner, table, {}, batch.targets,
                                     at::full({batch.targets.size(0)}, scale, at::kFloat), config.label_smoothing,
                                     ops::Reduction::sum);
  };
  return losses(stack, draw, token_stream(batch.tokens, batch.rows), classification, config, options);
}

Draw slice(const Draw& draw, int64_t first, int64_t count) {
  Draw piece{draw.route, {}};
  for (const auto& row : draw.live) piece.live.emplace_back(row.begin() + first, row.begin() + first + count);
  return piece;
}

}  // namespace strata
