#include "strata/text/sampling.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <unordered_map>
#include <unordered_set>

#include "strata/base/error.h"

namespace strata {
namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();

void forbid(std::span<float> logits, int32_t id) {
  if (id >= 0 && id < std::ssize(logits)) logits[static_cast<size_t>(id)] = kNever;
}

void penalise_repetition(double penalty, std::span<const int32_t> tokens, std::span<float> logits) {
  std::unordered_set<int32_t> seen;
  for (const int32_t id : tokens) {
    if (id < 0 || id >= std::ssize(logits) || !seen.insert(id).second) continue;
    float& logit = logits[static_cast<size_t>(id)];
    logit = static_cast<float>(logit < 0 ? logit * penalty : logit / penalty);
  }
}

void penalise_presence(const Sampling& sampling, std::span<const int32_t> output, std::span<float> logits) {
  std::unordered_map<int32_t, int64_t> counts;
  for (const int32_t id : output) ++counts[id];
  for (const auto& [id, count] : counts)
    if (id >= 0 && id < std::ssize(logits))
      logits[static_cast<size_t>(id)] -=
          static_cast<float>(sampling.presence_penalty + sampling.frequency_penalty * static_cast<double>(count));
}

void forbid_repeated_runs(int64_t length, std::span<const int32_t> tokens, std::span<float> logits) {
  if (std::ssize(tokens) < length) return;
  const auto tail = tokens.last(static_cast<size_t>(length - 1));
  for (int64_t begin = 0; begin + length <= std::ssize(tokens); ++begin)
    if (std::equal(tail.begin(), tail.end(), tokens.begin() + begin))
      forbid(logits, tokens[static_cast<size_t>(begin + length - 1)]);
}

void forbid_bad_words(const Sampling& sampling, const TokenHistory& history, std::span<float> logits) {
  for (const auto& word : sampling.bad_words) {
    if (word.empty()) continue;
    const bool is_end =
        word.size() == 1 && std::find(history.ends.begin(), history.ends.end(), word[0]) != history.ends.end();
    const bool fits = word.size() - 1 <= history.tokens.size();
    if (is_end || !fits) continue;
    if (std::equal(word.begin(), word.end() - 1, history.tokens.end() - (std::ssize(word) - 1)))
      forbid(logits, word.back());
  }
}

void force(std::span<float> logits, std::span<const int32_t> ids) {
  const bool any = std::any_of(ids.begin(), ids.end(), [&](int32_t id) { return id >= 0 && id < std::ssize(logits); });
  if (!any) return;
  std::fill(logits.begin(), logits.end(), kNever);
  for (const int32_t id : ids)
    if (id >= 0 && id < std::ssize(logits)) logits[static_cast<size_t>(id)] = 0;
}

// exp(logit - the highest one), for all.
std::vector<double> weights_of(std::span<const float> logits, double& sum) {
  const float highest = *std::max_element(logits.begin(), logits.end());
  std::vector<double> weights(logits.size());
  sum = 0;
  for (size_t i = 0; i < logits.size(); ++i) sum += weights[i] = std::exp(static_cast<double>(logits[i] - highest));
  return weights;
}

void keep_top_k(int64_t k, std::span<float> logits) {
  if (k >= std::ssize(logits)) return;
  std::vector<float> sorted(logits.begin(), logits.end());
  std::nth_element(sorted.begin(), sorted.begin() + (k - 1), sorted.end(), std::greater<>());
  const float least = sorted[static_cast<size_t>(k - 1)];
  for (float& logit : logits)
    if (logit < least) logit = kNever;
}

// Ids that can be picked, by the value of `key`, lower ids first among equals.
template <class Key>
std::vector<int32_t> ids_by(std::span<const float> logits, Key key) {
  std::vector<int32_t> ids;
  for (size_t i = 0; i < logits.size(); ++i)
    if (logits[i] != kNever) ids.push_back(static_cast<int32_t>(i));
  std::sort(ids.begin(), ids.end(), [&](int32_t a, int32_t b) {
    const auto x = key(a), y = key(b);
    return x != y ? x < y : a < b;
  });
  return ids;
}

void keep_top_p(double p, std::span<float> logits) {
  double sum = 0;
  const auto weights = weights_of(logits, sum);
  const auto ids = ids_by(logits, [&](int32_t id) { return logits[static_cast<size_t>(id)]; });
  double passed = 0;
  for (size_t i = 0; i + 1 < ids.size(); ++i) {
    passed += weights[static_cast<size_t>(ids[i])] / sum;
    if (passed > 1 - p) return;
    forbid(logits, ids[i]);
  }
}

void keep_min_p(double p, std::span<float> logits) {
  const float highest = *std::max_element(logits.begin(), logits.end());
  for (float& logit : logits)
    if (std::exp(static_cast<double>(logit - highest)) < p) logit = kNever;
}

void keep_typical(double p, std::span<float> logits) {
  double sum = 0;
  const auto weights = weights_of(logits, sum);
  const auto surprise = [&](size_t id) { return std::log(sum) - std::log(weights[id]); };
  double entropy = 0;
  for (size_t i = 0; i < weights.size(); ++i)
    if (weights[i] > 0) entropy += weights[i] / sum * surprise(i);
  const auto distance = [&](int32_t id) { return std::abs(surprise(static_cast<size_t>(id)) - entropy); };
  const auto ids = ids_by(logits, distance);
  double passed = 0;
  size_t last = 0;
  for (; last + 1 < ids.size(); ++last) {
    passed += weights[static_cast<size_t>(ids[last])] / sum;
    if (passed >= p) break;
  }
  const double farthest = distance(ids[last]);
  for (const int32_t id : ids)
    if (distance(id) > farthest) forbid(logits, id);
}

void check_logits(std::span<const float> logits) {
  if (logits.empty()) fail("sampling: expected logits, found none");
  bool any = false;
  for (size_t i = 0; i < logits.size(); ++i) {
    if (std::isnan(logits[i]) || logits[i] == -kNever)
      fail("sampling: the logit of token ", i, " is ", std::isnan(logits[i]) ? "not a number" : "infinite",
           "; the model's weights or its input are broken");
    any = any || logits[i] != kNever;
  }
  if (!any) fail("sampling: no token is left to pick; loosen what forbids tokens");
}

}  // namespace

void check(const Sampling& sampling) {
  const auto need = [](bool holds, const char* field, const char* expected, double found) {
    if (!holds) fail_usage("sampling: ", field, ": expected ", expected, ", found ", found);
  };
  need(sampling.temperature >= 0 && std::isfinite(sampling.temperature), "temperature", "a number from 0 on",
       sampling.temperature);
  need(sampling.top_k >= 0, "top_k", "a whole number from 0 on", static_cast<double>(sampling.top_k));
  need(sampling.top_p > 0 && sampling.top_p <= 1, "top_p", "a number above 0 and up to 1", sampling.top_p);
  need(sampling.min_p >= 0 && sampling.min_p <= 1, "min_p", "a number from 0 to 1", sampling.min_p);
  need(sampling.typical_p > 0 && sampling.typical_p <= 1, "typical_p", "a number above 0 and up to 1",
       sampling.typical_p);
  need(sampling.repetition_penalty > 0 && std::isfinite(sampling.repetition_penalty), "repetition_penalty",
       "a number above 0", sampling.repetition_penalty);
  need(std::isfinite(sampling.presence_penalty), "presence_penalty", "a number", sampling.presence_penalty);
  need(std::isfinite(sampling.frequency_penalty), "frequency_penalty", "a number", sampling.frequency_penalty);
  need(sampling.no_repeat_ngram >= 0, "no_repeat_ngram", "a whole number from 0 on",
       static_cast<double>(sampling.no_repeat_ngram));
}

void penalise(const Sampling& sampling, const TokenHistory& history, std::span<float> logits) {
  const auto output = history.tokens.subspan(static_cast<size_t>(history.prompt));
  if (sampling.repetition_penalty != 1) penalise_repetition(sampling.repetition_penalty, history.tokens, logits);
  if (sampling.presence_penalty != 0 || sampling.frequency_penalty != 0) penalise_presence(sampling, output, logits);
  if (sampling.no_repeat_ngram > 0) forbid_repeated_runs(sampling.no_repeat_ngram, history.tokens, logits);
  forbid_bad_words(sampling, history, logits);
  if (std::ssize(history.tokens) < sampling.min_length || std::ssize(output) < sampling.min_new_tokens)
    for (const int32_t end : history.ends) forbid(logits, end);
  if (sampling.forced_first && history.tokens.size() == 1) force(logits, {&*sampling.forced_first, 1});
  if (!sampling.forced_last.empty() && history.last) force(logits, sampling.forced_last);
  for (const int32_t id : sampling.suppress) forbid(logits, id);
  if (output.empty())
    for (const int32_t id : sampling.suppress_first) forbid(logits, id);
}

void narrow(const Sampling& sampling, std::span<float> logits) {
  check_logits(logits);
  // Far below, quotients of logits are beyond a float's range, and all but the largest have long lost their chance.
  constexpr double least_temperature = 1e-30;
  if (sampling.temperature != 1 && sampling.temperature > 0)
    for (float& logit : logits) logit = static_cast<float>(logit / std::max(sampling.temperature, least_temperature));
  if (sampling.top_k > 0) keep_top_k(sampling.top_k, logits);
  if (sampling.top_p < 1) keep_top_p(sampling.top_p, logits);
  if (sampling.min_p > 0) keep_min_p(sampling.min_p, logits);
  if (sampling.typical_p < 1) keep_typical(sampling.typical_p, logits);
}

int32_t most_probable(std::span<const float> logits) {
  check_logits(logits);
  return static_cast<int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

int32_t draw(std::span<const float> logits, double uniform) {
  check_logits(logits);
  double sum = 0;
  const auto weights = weights_of(logits, sum);
  const double target = uniform * sum;
  double passed = 0;
  size_t last = 0;  // rounding may leave the target just beyond the end
  for (size_t i = 0; i < weights.size(); ++i) {
    if (weights[i] <= 0) continue;
    last = i;
    passed += weights[i];
    if (target < passed) break;
  }
  return static_cast<int32_t>(last);
}

double log_probability(std::span<const float> logits, int32_t token) {
  if (token < 0 || token >= std::ssize(logits))
    fail("sampling: expected a token from 0 to ", std::ssize(logits) - 1, ", found ", token);
  double sum = 0;
  const float highest = *std::max_element(logits.begin(), logits.end());
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit - highest));
  return static_cast<double>(logits[static_cast<size_t>(token)] - highest) - std::log(sum);
}

std::vector<std::pair<int32_t, float>> top_log_probabilities(std::span<const float> logits, int64_t count) {
  std::vector<int32_t> ids(logits.size());
  std::iota(ids.begin(), ids.end(), 0);
  count = std::clamp<int64_t>(count, 0, std::ssize(ids));
  std::partial_sort(ids.begin(), ids.begin() + count, ids.end(), [&](int32_t a, int32_t b) {
    const float x = logits[static_cast<size_t>(a)], y = logits[static_cast<size_t>(b)];
    return x != y ? x > y : a < b;
  });
  double sum = 0;
  const float highest = count > 0 ? logits[static_cast<size_t>(ids[0])] : 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit - highest));
  std::vector<std::pair<int32_t, float>> result;
  for (int64_t i = 0; i < count; ++i) {
    const int32_t id = ids[static_cast<size_t>(i)];
    result.emplace_back(
        id, static_cast<float>(static_cast<double>(logits[static_cast<size_t>(id)] - highest) - std::log(sum)));
  }
  return result;
}

int32_t pick(const Sampling& sampling, const TokenHistory& history, std::span<float> logits, const Random& random,
             Constraint* constraint) {
  penalise(sampling, history, logits);
  if (constraint) constraint->allow(logits);
  if (!sampling.sample || sampling.temperature == 0) return most_probable(logits);
  narrow(sampling, logits);
  Random stream = random.fork(static_cast<uint64_t>(std::ssize(history.tokens) - history.prompt));
  return draw(logits, stream.uniform());
}

}  // namespace strata
