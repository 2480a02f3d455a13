#include "strata/route/sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "strata/base/error.h"
#include "strata/base/threads.h"
#include "strata/route/order.h"
#include "strata/route/parse.h"
#include "strata/route/print.h"

namespace strata {
namespace {

std::vector<int32_t> blocks_of(const Route& route) {
  std::vector<int32_t> blocks;
  blocks.reserve(route.steps.size());
  for (const auto& step : route.steps) blocks.push_back(step.at(0).block);
  return blocks;
}

std::vector<Draw> draws(const SamplerConfig& config, int64_t blocks, int64_t count, int64_t samples = 1) {
  std::vector<Draw> result;
  result.reserve(count);
  for (int64_t step = 0; step < count; ++step) result.push_back(draw(config, blocks, samples, Random(16).fork(step)));
  return result;
}

TEST(Sampler, FixedIsAlwaysTheSame) {
  EXPECT_EQ(draw({}, 5, 8, Random(1)).route, identity(5));
  EXPECT_EQ(draw({.route = "3,1x2"}, 5, 8, Random(1)).route, sequence({3, 1, 1}));
}

TEST(Sampler, ShuffleIsUniformOverAllOrders) {
  std::map<std::string, int> counts;
  for (const auto& drawn : draws({.kind = "shuffle"}, 4, 24000)) {
    EXPECT_TRUE(drawn.live.empty());
    ++counts[print_route(drawn.route)];
  }
  ASSERT_EQ(counts.size(), 24U);
  double chi = 0;
  for (const auto& [text, count] : counts) chi += (count - 1000.0) * (count - 1000.0) / 1000.0;
  EXPECT_LT(chi, 57.07);  // 23 degrees of freedom, p > 1e-4
}

TEST(Sampler, ShuffleMeanEqualsTheMeanOverAllOrders) {
  // A toy loss of the order; its exact mean and variance come from enumerating the 6 orders.
  const auto loss = [](const Route& route) {
    double value = 1;
    for (const int32_t block : blocks_of(route)) value = std::sin(value * (block + 2));
    return value;
  };
  double mean = 0;
  double square = 0;
  for (const auto& route : all_orders(3)) {
    mean += loss(route) / 6;
    square += loss(route) * loss(route) / 6;
  }
  double sampled = 0;
  for (const auto& drawn : draws({.kind = "shuffle"}, 3, 6000)) sampled += loss(drawn.route) / 6000;
  EXPECT_NEAR(sampled, mean, 4 * std::sqrt((square - mean * mean) / 6000));
}

TEST(Sampler, WindowsShuffleInThemselves) {
  std::set<std::vector<int32_t>> seen;
  for (const auto& drawn : draws({.kind = "shuffle", .window = 3}, 8, 2000)) {
    const auto blocks = blocks_of(drawn.route);
    ASSERT_EQ(blocks.size(), 8U);
    for (size_t slot = 0; slot < blocks.size(); ++slot) ASSERT_EQ(blocks[slot] / 3, static_cast<int32_t>(slot) / 3);
    EXPECT_EQ(std::set<int32_t>(blocks.begin(), blocks.end()).size(), 8U);
    seen.insert(blocks);
  }
  EXPECT_EQ(seen.size(), 6U * 6U * 2U);  // windows of 3, 3 and 2 slots
  EXPECT_EQ(draw({.kind = "shuffle", .window = 1}, 8, 1, Random(3)).route, identity(8));
  EXPECT_EQ(draw({.kind = "shuffle", .window = 8}, 8, 1, Random(3)).route,
            draw({.kind = "shuffle", .window = 0}, 8, 1, Random(3)).route);
}

TEST(Sampler, DropCountsAreBinomial) {
  constexpr int64_t blocks = 12;
  constexpr double rate = 0.2;
  constexpr int64_t count = 20000;
  std::array<double, blocks + 1> counts{};
  double sum = 0;
  double square = 0;
  for (const auto& drawn : draws({.kind = "drop", .drop = rate}, blocks, count)) {
    const auto order = blocks_of(drawn.route);
    ASSERT_TRUE(std::is_sorted(order.begin(), order.end()));
    EXPECT_TRUE(drawn.live.empty());
    const auto kept = static_cast<double>(order.size());
    ++counts[order.size()];
    sum += kept;
    square += kept * kept;
  }
  const double mean = sum / count;
  const double variance = square / count - mean * mean;
  const double expected_variance = blocks * rate * (1 - rate);
  EXPECT_NEAR(mean, blocks * (1 - rate), 4 * std::sqrt(expected_variance / count));
  EXPECT_NEAR(variance, expected_variance, 4 * expected_variance * std::sqrt(2.0 / count));
  double chi = 0;  // 0..5 kept are rare: counted together
  double low_expected = 0;
  double low_found = 0;
  for (int kept = 0; kept <= blocks; ++kept) {
    const double log_choose = std::lgamma(blocks + 1) - std::lgamma(kept + 1) - std::lgamma(blocks - kept + 1);
    const double expected = count * std::exp(log_choose + kept * std::log(1 - rate) + (blocks - kept) * std::log(rate));
    if (kept <= 5) {
      low_expected += expected;
      low_found += counts[kept];
    } else {
      chi += (counts[kept] - expected) * (counts[kept] - expected) / expected;
    }
  }
  chi += (low_found - low_expected) * (low_found - low_expected) / low_expected;
  EXPECT_LT(chi, 29.88);  // 7 degrees of freedom, p > 1e-4
}

TEST(Sampler, RatesFollowDepth) {
  constexpr int64_t count = 10000;
  const auto expect_rates = [&](const SamplerConfig& config, const std::vector<double>& rates) {
    std::vector<double> dropped(rates.size(), count);
    for (const auto& drawn : draws(config, std::ssize(rates), count))
      for (const int32_t block : blocks_of(drawn.route)) --dropped[block];
    for (size_t block = 0; block < rates.size(); ++block)
      EXPECT_NEAR(dropped[block] / count, rates[block], 4.5 * std::sqrt(rates[block] * (1 - rates[block]) / count))
          << block;
  };
  expect_rates({.kind = "drop", .drop = 0.4, .rate = "linear"}, {0, 0.1, 0.2, 0.3, 0.4});
  expect_rates({.kind = "drop", .drop = 0.4, .rate = "linear"}, {0.4});
  expect_rates({.kind = "shuffle_drop", .rate = "list", .rates = {0.5, 0, 1, 0.25}}, {0.5, 0, 1, 0.25});
  expect_rates({.kind = "drop", .drop = 1}, {1, 1, 1});
  expect_rates({.kind = "drop", .drop = 0}, {0, 0, 0});
}

TEST(Sampler, ShuffleAndDropIsUniformOverSubsetsAndOrders) {
  std::map<std::string, int> counts;
  for (const auto& drawn : draws({.kind = "shuffle_drop", .drop = 0.5}, 2, 16000)) ++counts[print_route(drawn.route)];
  const std::map<std::string, double> expected = {
      {"none", 4000}, {"0", 4000}, {"1", 4000}, {"0-1", 2000}, {"1,0", 2000}};
  double chi = 0;
  for (const auto& [text, count] : expected) chi += (counts[text] - count) * (counts[text] - count) / count;
  EXPECT_EQ(counts.size(), 5U);
  EXPECT_LT(chi, 23.51);  // 4 degrees of freedom, p > 1e-4
}

TEST(Sampler, PerSampleKeepsTheFullRouteAndLiveRows) {
  constexpr int64_t blocks = 6;
  constexpr int64_t samples = 2000;
  for (const char* kind : {"drop", "shuffle_drop"}) {
    const SamplerConfig config{.kind = kind, .drop = 0.3, .per_sample = true};
    const Draw drawn = draw(config, blocks, samples, Random(4));
    const auto order = blocks_of(drawn.route);
    ASSERT_EQ(std::set<int32_t>(order.begin(), order.end()).size(), 6U);
    EXPECT_EQ(drawn.route == identity(blocks), config.kind == "drop");
    ASSERT_EQ(drawn.live.size(), 6U);
    std::set<std::string> columns;
    for (int64_t sample = 0; sample < samples; ++sample) {
      std::string column;
      for (const auto& row : drawn.live) column += row.at(sample) == 1 ? '1' : '0';
      columns.insert(column);
    }
    EXPECT_GT(columns.size(), 50U);  // of 64
    for (const auto& row : drawn.live) {
      ASSERT_EQ(std::ssize(row), samples);
      EXPECT_NEAR(std::count(row.begin(), row.end(), 1) / double{samples}, 0.7, 4.5 * std::sqrt(0.21 / samples));
    }
    const Draw fewer = draw(config, blocks, 3, Random(4));
    EXPECT_EQ(fewer.route, drawn.route);
    for (size_t slot = 0; slot < 6; ++slot)
      EXPECT_TRUE(std::equal(fewer.live[slot].begin(), fewer.live[slot].end(), drawn.live[slot].begin()));
  }
}

TEST(Sampler, LiveRowsFollowTheBlockNotTheSlot) {
  const SamplerConfig config{.kind = "shuffle_drop", .rate = "list", .rates = {0, 1, 0, 1}, .per_sample = true};
  for (const auto& drawn : draws(config, 4, 20, 3))
    for (size_t slot = 0; slot < 4; ++slot)
      EXPECT_EQ(drawn.live[slot], std::vector<uint8_t>(3, drawn.route.steps[slot][0].block % 2 == 0));
}

TEST(Sampler, AtLeastBringsBlocksBackUniformly) {
  std::map<std::string, int> counts;
  for (const auto& drawn : draws({.kind = "drop", .drop = 1, .at_least = 2}, 4, 12000))
    ++counts[print_route(drawn.route)];
  ASSERT_EQ(counts.size(), 6U);
  double chi = 0;
  for (const auto& [text, count] : counts) chi += (count - 2000.0) * (count - 2000.0) / 2000.0;
  EXPECT_LT(chi, 25.74);  // 5 degrees of freedom, p > 1e-4
  for (const auto& drawn : draws({.kind = "drop", .drop = 0.7, .at_least = 3}, 5, 500))
    EXPECT_GE(drawn.route.steps.size(), 3U);
  bool none = false;
  for (const auto& drawn : draws({.kind = "drop", .drop = 0.7}, 2, 100)) none |= drawn.route == Route{};
  EXPECT_TRUE(none);  // legal unless at_least says otherwise
}

TEST(Sampler, SameSeedSameRoutesOnEveryThreadCount) {
  const SamplerConfig config{.kind = "shuffle_drop", .per_sample = false};
  const auto all = [&](int count) {
    set_threads(count);
    std::vector<Route> routes(300);
    parallel_for(300, 1, [&](int64_t begin, int64_t end, int) {
      for (int64_t step = begin; step < end; ++step) routes[step] = draw(config, 9, 4, Random(7).fork(step)).route;
    });
    set_threads(1);
    return routes;
  };
  const auto expected = all(1);
  EXPECT_EQ(all(2), expected);
  EXPECT_EQ(all(5), expected);
  EXPECT_NE(draw(config, 9, 4, Random(8).fork(0)).route, expected[0]);
  // Pinned, so that a change of the stream, which would change every recipe's result, is noticed.
  EXPECT_EQ(print_route(draw({.kind = "shuffle"}, 6, 1, Random(0).fork(0)).route), "1,3,2,4,0,5");
}

TEST(Sampler, ReadsFromARecipe) {
  const auto read = [](const std::string& text) {
    SamplerConfig config;
    read_config(config, parse_toml(text, "run.toml"));
    return config;
  };
  const SamplerConfig config =
      read("kind = 'drop'\nrate = 'list'\nrates = [0.5, 0]\nper_sample = true\nat_least = 1\nwindow = 2\ndrop = 0.1\n");
  EXPECT_EQ(config.kind, "drop");
  EXPECT_EQ(config.rates, (std::vector<double>{0.5, 0}));
  EXPECT_TRUE(config.per_sample);
  EXPECT_EQ(config.at_least, 1);
  EXPECT_EQ(config.window, 2);
  EXPECT_EQ(config.drop, 0.1);
  EXPECT_EQ(read("route = '0-3'").route, "0-3");
  for (const char* wrong : {"windw = 2", "window = -1", "drop = 1.5", "rates = [0.5, 2]", "at_least = -1"})
    EXPECT_THROW(read(wrong), UsageError) << wrong;
}

TEST(Sampler, NonsenseIsRefused) {
  const std::vector<std::pair<SamplerConfig, std::string>> cases = {
      {{.kind = "shufle"}, "sampler: expected kind to be one of fixed, shuffle, drop, shuffle_drop, found 'shufle'"},
      {{.rate = "x"}, "sampler: expected rate to be one of constant, linear, list, found 'x'"},
      {{.kind = "shuffle", .window = -1}, "sampler: expected window >= 0 (0: no windows), found -1"},
      {{.kind = "drop", .drop = 1.5}, "sampler: expected drop from 0 to 1, found 1.5"},
      {{.kind = "drop", .drop = std::nan("")}, "sampler: expected drop from 0 to 1, found nan"},
      {{.kind = "drop", .at_least = 5}, "sampler: expected at_least from 0 to 4 (the blocks of this stack), found 5"},
      {{.kind = "drop", .rate = "list", .rates = {0.1}}, "sampler: expected one of rates per block (4), found 1"},
      {{.kind = "drop", .rate = "list", .rates = {0, 0, 0, -1}}, "sampler: expected rates from 0 to 1, found -1"},
      {{.kind = "drop", .route = "0"}, "sampler: expected no route with kind 'drop' (it draws its own), found '0'"},
      {{.route = "9-"}, "route, position 3: expected a block index, found the end in \"9-\""},
  };
  for (const auto& [config, message] : cases) {
    try {
      draw(config, 4, 1, Random(1));
      ADD_FAILURE() << "accepted; expected: " << message;
    } catch (const Error& error) {
      EXPECT_EQ(error.what(), message);
    }
  }
  EXPECT_THROW(draw({}, -1, 1, Random(1)), Error);
}

}  // namespace
}  // namespace strata
