#include "strata/surgery/ensemble.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include "strata/base/error.h"
#include "strata/blocks/patches.h"

namespace strata {
namespace {

void check_members(const std::vector<Tensor>& members) {
  if (members.empty()) fail("ensemble: expected members, got none");
  for (const Tensor& member : members)
    if (member.sizes() != members.front().sizes())
      fail("ensemble: expected outputs of one shape, got ", members.front().sizes(), " and ", member.sizes());
}

// Columns of a member's logits in the order of classes; undefined where they are in it.
Tensor columns_of(const EnsembleMember& member) {
  if (member.classes.empty()) return {};
  const Tensor classes = at::tensor(member.classes, at::kLong), in_order = at::arange(classes.size(0), at::kLong);
  const auto [sorted, columns] = classes.sort();
  if (!at::equal(sorted, in_order))
    fail("ensemble: expected each class 0 to ", classes.size(0) - 1, " once among those of a member's logits, got ",
         c10::ArrayRef<int64_t>(member.classes));
  return at::equal(columns, in_order) ? Tensor() : columns;
}

}  // namespace

Tensor mean_of(const std::vector<Tensor>& members) {
  check_members(members);
  auto level = std::get<0>(at::stack(members).sort(0)).unbind(0);
  while (level.size() > 1) {
    std::vector<Tensor> sums;
    for (size_t i = 0; i + 1 < level.size(); i += 2) sums.push_back(level[i] + level[i + 1]);
    if (level.size() % 2 == 1) sums.push_back(level.back());
    level = std::move(sums);
  }
  return level.front() / static_cast<double>(members.size());
}

Tensor ensemble_log_probabilities(const std::vector<Tensor>& logits, Average average) {
  check_members(logits);
  if (average == Average::logits) return mean_of(logits).log_softmax(1);
  // Relative to the likeliest member's, so that a probability which no number can hold still has its logarithm.
  std::vector<Tensor> members;
  members.reserve(logits.size());
  for (const Tensor& member : logits) members.push_back(member.log_softmax(1));
  Tensor most = at::stack(members).amax(0);
  most.masked_fill_(most.isneginf(), 0);  // no chance in any member: infinity less infinity is not a number
  for (Tensor& member : members) member = (member - most).exp();
  return most + mean_of(members).log();
}

Score score_ensemble(const std::vector<EnsembleMember>& members, const ImageSet& set, int64_t batch, Average average) {
  if (members.empty()) fail("ensemble: expected members, got none");
  std::vector<RunOptions> options(members.size());
  std::vector<Runner> runners;
  std::vector<Tensor> columns;
  for (size_t i = 0; i < members.size(); ++i) {
    check_scorable(*members[i].stack, set, batch);
    options[i].sources = members[i].sources;
    runners.emplace_back(*members[i].stack, options[i]);
    columns.push_back(columns_of(members[i]));
  }
  const c10::InferenceMode no_gradients;
  int64_t correct = 0;
  double loss = 0;
  for (int64_t first = 0; first < set.size(); first += batch) {
    const int64_t end = std::min(first + batch, set.size());
    const Tensor labels = set.labels.slice(0, first, end), pixels = image_batch(set, first, end);
    std::vector<Tensor> outputs;
    for (size_t i = 0; i < members.size(); ++i)
      for (auto& logits :
           route_outputs(runners[i], members[i].routes, image_stream(normalised(pixels, members[i].images))))
        outputs.push_back(columns[i].defined() ? logits.index_select(1, columns[i]) : std::move(logits));
    const Tensor log_probabilities = ensemble_log_probabilities(outputs, average);
    correct += log_probabilities.argmax(1).eq(labels).sum().item<int64_t>();
    loss -= log_probabilities.gather(1, labels.unsqueeze(1)).to(at::kDouble).sum().item<double>();
  }
  const auto samples = static_cast<double>(set.size());
  return {set.size(), static_cast<double>(correct) / samples, loss / samples};
}

}  // namespace strata
