#include "strata/eval/block_map.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <limits>
#include <span>

#include "strata/base/error.h"
#include "strata/blocks/patches.h"
#include "strata/report/embed2d.h"
#include "strata/route/print.h"
#include "strata/stack/run.h"

namespace strata {
namespace {

constexpr int kNeighbours = 15;

// [sequences]: the class token's row of each image.
at::Tensor first_rows(const Rows& rows) {
  std::vector<int64_t> first(rows.sequences);
  for (int64_t s = 0; s < rows.sequences; ++s) first[s] = rows.begin(s);
  return at::tensor(first, at::kLong);
}

double share_of(const at::Tensor& values, const std::vector<int32_t>& group) {
  const at::Tensor centred = (values - values.mean(0, true)).to(at::kDouble);
  const double total = centred.square().sum().item<double>();
  if (total <= 0) return 0;
  const at::Tensor index = at::tensor(group, at::kInt).to(at::kLong);
  const int64_t groups = index.max().item<int64_t>() + 1;
  const at::Tensor sums = at::zeros({groups, values.size(1)}, at::kDouble).index_add_(0, index, centred);
  const at::Tensor counts = at::bincount(index, {}, groups).clamp_min(1).to(at::kDouble);
  return (sums.square().sum(1) / counts).sum().item<double>() / total;
}

}  // namespace

BlockOutputs block_outputs(const Stack& stack, const std::vector<Route>& orders, const at::Tensor& pixels) {
  const c10::InferenceMode no_gradients;
  const RunOptions options;
  const Runner runner(stack, options);
  const Stream embedded = runner.embed(image_stream(pixels));
  BlockOutputs outputs;
  std::vector<at::Tensor> pieces;
  for (const Route& route : orders) {
    runner.check(route, pixels.size(0));
    Stream x = embedded;
    Runner::Progress progress;
    for (const Step& step : route.steps) {
      if (step.size() != 1 || !step[0].source.empty() || !step[0].part.empty())
        fail("block outputs: expected one whole block of the model in every step, got '", print_step(step), "'");
      const int32_t slot = static_cast<int32_t>(progress.slot);
      const Stream next = runner.step(step, x, progress);
      const at::Tensor first = first_rows(*next.rows());
      pieces.push_back((next.x().index_select(0, first) - x.x().index_select(0, first)).to(at::kFloat));
      outputs.block.insert(outputs.block.end(), first.numel(), step[0].block);
      outputs.slot.insert(outputs.slot.end(), first.numel(), slot);
      x = next;
    }
  }
  if (pieces.empty()) fail("block outputs: expected at least one block to run, got none");
  outputs.values = at::cat(pieces);
  return outputs;
}

BlockMap map_blocks(const BlockOutputs& outputs, uint64_t seed) {
  const at::Tensor length = outputs.values.norm(2, {1}, true);
  const at::Tensor values = (outputs.values / length.clamp_min(1e-12)).contiguous();
  const int64_t count = values.size(0);
  const report::Points points{std::span(values.const_data_ptr<float>(), static_cast<size_t>(values.numel())), count,
                              values.size(1)};
  const std::vector<float> xy = report::umap2(points, {.neighbours = kNeighbours, .seed = seed});
  BlockMap map{.block = outputs.block,
               .slot = outputs.slot,
               .trustworthiness = count > 2 * kNeighbours ? report::trustworthiness(points, xy, kNeighbours)
                                                          : std::numeric_limits<double>::quiet_NaN(),
               .share_block = share_of(values, outputs.block),
               .share_slot = share_of(values, outputs.slot)};
  for (int64_t i = 0; i < count; ++i) {
    map.x.push_back(xy[2 * i]);
    map.y.push_back(xy[2 * i + 1]);
  }
  return map;
}

}  // namespace strata
