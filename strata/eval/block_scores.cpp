#include "strata/eval/block_scores.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>

#include "strata/base/error.h"

namespace strata {

std::vector<Removal> remove_greedily(const Stack& stack, int64_t count, const Exam& exam,
                                     const RemovalProgress& progress) {
  if (count < 0 || count > stack.depth())
    fail("prune: the model has ", stack.depth(), " blocks, cannot take ", count, " away");
  Route left = identity(stack.depth());
  std::vector<Removal> removals;
  while (std::ssize(removals) < count) {
    std::vector<Route> candidates;
    for (size_t i = 0; i < left.steps.size(); ++i) {
      candidates.push_back(left);
      candidates.back().steps.erase(candidates.back().steps.begin() + static_cast<std::ptrdiff_t>(i));
    }
    const auto scores = score_routes(stack, candidates, exam);
    const auto best =
        std::min_element(scores.begin(), scores.end(), [](const Score& a, const Score& b) { return a.loss < b.loss; });
    const auto index = best - scores.begin();
    removals.push_back({left.steps[index][0].block, candidates[index], *best});
    left = candidates[index];
    if (progress) progress(std::ssize(removals));
  }
  return removals;
}

std::vector<BlockChange> block_changes(const Stack& stack, const Exam& exam) {
  exam.check(stack);
  const c10::InferenceMode no_gradients;
  const RunOptions options;
  const Runner runner(stack, options);
  std::vector<BlockChange> sums(stack.depth());
  int64_t rows = 0;
  for (int64_t batch = 0; batch < exam.batches(); ++batch) {
    Stream x = runner.embed(exam.at(batch).input);
    rows += x.x().size(0);
    Runner::Progress progress;
    for (int64_t block = 0; block < stack.depth(); ++block) {
      const Tensor in = x.x().to(at::kDouble);
      x = runner.step({Call{.block = static_cast<int32_t>(block)}}, x, progress);
      const Tensor out = x.x().to(at::kDouble);
      const Tensor length = in.norm(2, 1);
      sums[block].magnitude += ((out - in).norm(2, 1) / length).sum().item<double>();
      sums[block].turn += (1 - (in * out).sum(1) / (length * out.norm(2, 1))).sum().item<double>();
    }
  }
  for (auto& sum : sums) {
    sum.magnitude /= static_cast<double>(rows);
    sum.turn /= static_cast<double>(rows);
  }
  return sums;
}

}  // namespace strata
