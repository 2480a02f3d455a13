#include "strata/route/sampler.h"

#include <algorithm>
#include <numeric>
#include <span>
#include <utility>

#include "strata/base/error.h"
#include "strata/route/order.h"
#include "strata/route/parse.h"

namespace strata {
namespace {

enum Purpose : uint64_t { kOrder = 1, kKeep = 2 };  // sub-streams of a draw

template <size_t Count>
void check_choice(std::string_view field, const std::array<std::string_view, Count>& known, const std::string& found) {
  if (std::find(known.begin(), known.end(), found) != known.end()) return;
  std::string list;
  for (const auto name : known) list.append(list.empty() ? "" : ", ").append(name);
  fail("sampler: expected ", field, " to be one of ", list, ", found '", found, "'");
}

bool drops(const SamplerConfig& config) {
  return config.kind == "drop" || config.kind == "shuffle_drop";
}
bool shuffles(const SamplerConfig& config) {
  return config.kind == "shuffle" || config.kind == "shuffle_drop";
}
bool is_probability(double value) {
  return value >= 0 && value <= 1;
}

// Shuffles each window of `window` neighbouring slots; 0: all of them.
std::vector<int32_t> random_order(int64_t blocks, int64_t window, Random random) {
  std::vector<int32_t> order;
  const int64_t width = window == 0 ? std::max<int64_t>(blocks, 1) : window;
  for (int64_t begin = 0; begin < blocks; begin += width) {
    std::vector<int32_t> slots(std::min(width, blocks - begin));
    std::iota(slots.begin(), slots.end(), static_cast<int32_t>(begin));
    shuffle(slots, random);
    order.insert(order.end(), slots.begin(), slots.end());
  }
  return order;
}

double drop_rate(const SamplerConfig& config, int64_t block, int64_t blocks) {
  if (config.rate == "list") return config.rates[block];
  if (config.rate == "linear" && blocks > 1)
    return config.drop * static_cast<double>(block) / static_cast<double>(blocks - 1);
  return config.drop;
}

// keep[block] ~ Bernoulli(1 - p_block), then revived to `at_least`.
std::vector<uint8_t> random_keeps(const SamplerConfig& config, int64_t blocks, Random random) {
  std::vector<uint8_t> keep(blocks);
  std::vector<int32_t> dropped;
  for (int64_t block = 0; block < blocks; ++block) {
    keep[block] = random.uniform() >= drop_rate(config, block, blocks);
    if (!keep[block]) dropped.push_back(static_cast<int32_t>(block));
  }
  const int64_t missing = config.at_least - (blocks - std::ssize(dropped));
  if (missing <= 0) return keep;
  shuffle(dropped, random);
  for (const int32_t block : std::span(dropped).first(missing)) keep[block] = 1;
  return keep;
}

}  // namespace

void check_sampler(const SamplerConfig& config, int64_t blocks) {
  check_choice("kind", kSamplerKinds, config.kind);
  check_choice("rate", kDropRates, config.rate);
  if (blocks < 0 || blocks > kMaxRouteSteps)
    fail("sampler: expected a stack of 0 to ", kMaxRouteSteps, " blocks, found ", blocks);
  if (config.window < 0) fail("sampler: expected window >= 0 (0: no windows), found ", config.window);
  if (!is_probability(config.drop)) fail("sampler: expected drop from 0 to 1, found ", config.drop);
  if (config.at_least < 0 || config.at_least > blocks)
    fail("sampler: expected at_least from 0 to ", blocks, " (the blocks of this stack), found ", config.at_least);
  if (!config.route.empty() && config.kind != "fixed")
    fail("sampler: expected no route with kind '", config.kind, "' (it draws its own), found '", config.route, "'");
  if (!drops(config)) return;
  if (config.rate == "list" && std::ssize(config.rates) != blocks)
    fail("sampler: expected one of rates per block (", blocks, "), found ", config.rates.size());
  for (const double rate : config.rates)
    if (!is_probability(rate)) fail("sampler: expected rates from 0 to 1, found ", rate);
}

Draw draw(const SamplerConfig& config, int64_t blocks, int64_t samples, Random stream) {
  check_sampler(config, blocks);
  if (config.kind == "fixed") return {config.route.empty() ? identity(blocks) : parse_route(config.route), {}};
  std::vector<int32_t> order = random_order(blocks, shuffles(config) ? config.window : 1, stream.fork(kOrder));
  if (!drops(config)) return {sequence(order), {}};
  const Random keeps = stream.fork(kKeep);
  if (!config.per_sample) {
    const auto keep = random_keeps(config, blocks, keeps);
    std::erase_if(order, [&](int32_t block) { return !keep[block]; });
    return {sequence(order), {}};
  }
  Draw result{sequence(order), std::vector(blocks, std::vector<uint8_t>(samples))};
  for (int64_t sample = 0; sample < samples; ++sample) {
    const auto keep = random_keeps(config, blocks, keeps.fork(sample));
    for (int64_t slot = 0; slot < blocks; ++slot) result.live[slot][sample] = keep[order[slot]];
  }
  return result;
}

}  // namespace strata
