#include "strata/train/objective.h"

#include <algorithm>
#include <charconv>

#include "strata/base/error.h"
#include "strata/blocks/patches.h"
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

Losses losses(const Stack& stack, const Draw& draw, const Tensor& pixels, const Targets& targets,
              const ObjectiveConfig& config, const RunOptions& options) {
  Taps taps;
  if (config.predict_weight > 0) taps.want("slot.*.block.*.predict.slot_logits");
  RunOptions pass = options;
  pass.taps = &taps;
  pass.live = live_rows(draw, pixels.size(0));
  Losses result;
  const Tensor logits_of_classes = run(stack, draw.route, image_stream(pixels), pass).x();
  const auto classification = [&](const Tensor& labels) {
    return ops::cross_entropy(logits_of_classes, labels, config.label_smoothing);
  };
  result.classification = classification(targets.labels);
  if (targets.others.defined())
    result.classification =
        targets.share * result.classification + (1 - targets.share) * classification(targets.others);
  result.total = result.classification;
  std::vector<Tensor> logits, slots;
  for (const auto& [name, value] : taps.values()) {
    if (value.size(0) == 0) continue;
    logits.push_back(value);
    slots.push_back(at::full({value.size(0)}, slot_of(name), targets.labels.options()));
  }
  if (!logits.empty()) {
    result.position = ops::cross_entropy(at::cat(logits), at::cat(slots));
    result.total = result.total + config.predict_weight * result.position;
  }
  return result;
}

Draw slice(const Draw& draw, int64_t first, int64_t count) {
  Draw piece{draw.route, {}};
  for (const auto& row : draw.live) piece.live.emplace_back(row.begin() + first, row.begin() + first + count);
  return piece;
}

}  // namespace strata
