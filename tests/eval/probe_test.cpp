#include "strata/eval/probe.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>

#include "strata/base/error.h"
#include "strata/base/file.h"
#include "strata/blocks/patches.h"
#include "strata/eval/probe_json.h"
#include "strata/eval/probe_page.h"
#include "strata/eval/probe_words.h"
#include "strata/eval/score.h"
#include "strata/report/rasterise.h"
#include "strata/report/text.h"
#include "strata/route/order.h"
#include "strata/route/parse.h"
#include "strata/route/print.h"
#include "tests/stack/toys.h"
#include "tests/temporary_folder.h"

namespace strata {
namespace {

constexpr int64_t kDepth = 4;
constexpr int64_t kImages = 30;

// Weights large enough that routes disagree; labels are the network's own answers in order, so that in order it is
// always right.
struct Case {
  Stack stack;
  ImageSet set;
};

Stack small_stack() {
  VitConfig config = toys::small_vit();
  config.depth = kDepth;
  return make_vit(config, Random(4));
}

Case labelled(Stack stack) {
  at::manual_seed(2);
  Case result{std::move(stack),
              {.pixels = at::randint(256, {kImages, 1, 8, 8}, at::kByte),
               .labels = at::zeros({kImages}, at::kLong),
               .classes = {"a", "b", "c", "d", "e"},
               .name = "noise"}};
  const at::NoGradGuard no_gradients;
  result.set.labels =
      run(result.stack, identity(kDepth), image_stream(normalised(result.set.pixels, {}))).x().argmax(1);
  return result;
}

std::string block_of(const std::string& name) {
  return name.starts_with("blocks.") ? name.substr(7, name.find('.', 7) - 7) : "";
}

// Every block with the weights of block 0.
Stack same_blocks() {
  Stack stack = small_stack();
  for (auto& entry : stack.weights.entries())
    if (const std::string block = block_of(entry.name); !block.empty())
      entry.value = stack.weights.at("blocks.0" + entry.name.substr(7 + block.size())).clone();
  return stack;
}

// The last block adds nothing.
Stack idle_last_block() {
  Stack stack = small_stack();
  for (auto& entry : stack.weights.entries())
    if (block_of(entry.name) == std::to_string(kDepth - 1)) entry.value.zero_();
  return stack;
}

ProbeConfig quick() {
  return {.batch = 16,
          .orders = 8,
          .distances = 7,
          .per_distance = 3,
          .subsets = 4,
          .windows = {2},
          .map_orders = 4,
          .map_images = 5,
          .timing_images = 0};
}

ElasticityReport probe_of(const Case& model, const ProbeConfig& config = quick()) {
  return probe("toy", model.stack, model.set, {}, config);
}

TEST(ProbePlan, HasTheRoutesOfEveryKind) {
  const ProbePlan plan = plan_probe(kDepth, quick());
  EXPECT_EQ(plan.routes[plan.in_order], identity(kDepth));
  EXPECT_EQ(plan.orders.routes.size(), 8);
  EXPECT_EQ(plan.orders.population, 24);
  ASSERT_EQ(plan.distances.size(), 7);  // 0 .. 6 inversions: 1, 3, 5, 6, 5, 3, 1 orders
  const std::vector<size_t> expected{1, 3, 3, 3, 3, 3, 1};
  for (size_t i = 0; i < plan.distances.size(); ++i) {
    const auto& at = plan.distances[i];
    EXPECT_DOUBLE_EQ(at.distance, static_cast<double>(i) / 6);
    EXPECT_GE(at.orders.routes.size(), expected[i]);
    EXPECT_LE(static_cast<double>(at.orders.routes.size()), at.orders.population);
    EXPECT_EQ(std::set<int32_t>(at.orders.routes.begin(), at.orders.routes.end()).size(), at.orders.routes.size());
    for (const int32_t route : plan.orders.routes)  // a random order serves its distance too
      EXPECT_EQ(kendall_tau_distance(plan.routes[route]) == at.distance,
                std::count(at.orders.routes.begin(), at.orders.routes.end(), route) == 1);
    for (const int32_t route : at.orders.routes)
      EXPECT_DOUBLE_EQ(kendall_tau_distance(plan.routes[route]), at.distance);
  }
  ASSERT_EQ(plan.missing_in_order.size(), kDepth + 1);
  ASSERT_EQ(plan.missing_any_order.size(), kDepth + 1);
  const std::vector<double> sets{1, 4, 6, 4, 1}, arrangements{24, 24, 12, 4, 1};
  for (int64_t missing = 0; missing <= kDepth; ++missing) {
    const auto& in_order = plan.missing_in_order[missing];
    const auto& any_order = plan.missing_any_order[missing];
    EXPECT_EQ(in_order.population, sets[missing]);
    EXPECT_EQ(any_order.population, arrangements[missing]);
    EXPECT_EQ(in_order.routes.size(), std::min(4.0, sets[missing]));
    EXPECT_EQ(any_order.routes.size(), missing == 0 ? 8 : std::min(4.0, arrangements[missing]));
    for (const int32_t route : in_order.routes) {
      EXPECT_EQ(std::ssize(plan.routes[route].steps), kDepth - missing);
      EXPECT_EQ(kendall_tau_distance(plan.routes[route]), 0);
    }
    for (const int32_t route : any_order.routes) EXPECT_EQ(std::ssize(plan.routes[route].steps), kDepth - missing);
  }
  const auto text = [&](int32_t route) { return print_route(plan.routes[route]); };
  EXPECT_EQ(text(plan.without[0]), "1-3");
  EXPECT_EQ(text(plan.without[2]), "0-1,3");
  EXPECT_EQ(text(plan.exits[0]), "none");
  EXPECT_EQ(text(plan.exits[2]), "0-1");
  EXPECT_EQ(text(plan.exits[kDepth]), "0-3");
  ASSERT_EQ(plan.pairs.size(), kDepth * kDepth);
  EXPECT_EQ(plan.pairs[0], -1);
  EXPECT_EQ(text(plan.pairs[0 * kDepth + 1]), "0+1,2-3");
  EXPECT_EQ(text(plan.pairs[1 * kDepth + 0]), "0+1,2-3");
  EXPECT_EQ(text(plan.pairs[0 * kDepth + 3]), "0+3,1-2");
  EXPECT_EQ(text(plan.pairs[3 * kDepth + 0]), "1-2,0+3");
  ASSERT_EQ(plan.windows.size(), 1);
  EXPECT_EQ(plan.windows[0].orders.population, 4);
  EXPECT_EQ(plan.windows[0].orders.routes.size(), 4);
}

TEST(ProbePlan, HasEveryRouteOnce) {
  const ProbePlan plan = plan_probe(6, {});
  std::set<std::string> texts;
  for (const Route& route : plan.routes) texts.insert(print_route(route));
  EXPECT_EQ(texts.size(), plan.routes.size());
  EXPECT_EQ(plan.orders.routes.size(), 32);
  EXPECT_EQ(std::set<int32_t>(plan.orders.routes.begin(), plan.orders.routes.end()).size(), 32);
}

TEST(ProbePlan, ExhaustiveRunsAllOrders) {
  ProbeConfig config = quick();
  config.exhaustive = true;
  EXPECT_EQ(plan_probe(5, config).orders.routes.size(), 120);
  EXPECT_THROW(plan_probe(7, config), UsageError);
}

TEST(ProbePlan, IsAFunctionOfItsSeed) {
  ProbeConfig config;
  const ProbePlan once = plan_probe(8, config), again = plan_probe(8, config);
  EXPECT_EQ(once.routes, again.routes);
  config.seed = 1;
  EXPECT_NE(plan_probe(8, config).routes, once.routes);
}

TEST(ProbePlan, ServesStacksOfAnyDepth) {
  for (const int64_t depth : {1, 2, 3, 12, 40}) {
    const ProbePlan plan = plan_probe(depth, quick());
    EXPECT_EQ(std::ssize(plan.without), depth);
    EXPECT_EQ(plan.distances.front().distance, 0);
    EXPECT_EQ(plan.distances.back().distance, depth > 1 ? 1 : 0);
  }
  EXPECT_THROW(plan_probe(0, quick()), UsageError);
  EXPECT_THROW(plan_probe(129, quick()), UsageError);
}

TEST(ProbePlan, RefusesNonsense) {
  for (const auto& wrong : {ProbeConfig{.batch = 0}, ProbeConfig{.orders = 1}, ProbeConfig{.orders = 1000000000},
                            ProbeConfig{.subsets = 0}, ProbeConfig{.windows = {1}}, ProbeConfig{.confidence = 1}})
    EXPECT_THROW(plan_probe(kDepth, wrong), UsageError);
}

TEST(Probe, EqualBlocksDoNotCareAboutOrder) {
  const ElasticityReport report = probe_of(labelled(same_blocks()));
  EXPECT_EQ(report.in_order.accuracy, 1);
  EXPECT_EQ(report.any_order.mean, 1);
  EXPECT_EQ(report.any_order.sd, 0);
  EXPECT_EQ(report.any_order.low, report.any_order.high);
  for (const auto& at : report.distances) EXPECT_EQ(at.accuracy.least, 1);
  for (const auto& missing : report.missing) {
    EXPECT_EQ(missing.in_order.sd, 0);
    EXPECT_EQ(missing.in_order.mean, missing.any_order.mean);
  }
  EXPECT_EQ(order_effect(report), OrderEffect::none);
  EXPECT_NE(finding({report}).find("no measurable difference"), std::string::npos) << finding({report});
}

TEST(Probe, AnIdleBlockIsNotMissed) {
  const ElasticityReport report = probe_of(labelled(idle_last_block()));
  EXPECT_EQ(report.without.back().accuracy, 1);
  EXPECT_EQ(report.without.back().loss, report.in_order.loss);
  EXPECT_EQ(report.exits[kDepth - 1].loss, report.exits[kDepth].loss);
  EXPECT_EQ(report.pairs[0 * kDepth + 3], 1);  // moving it beside another costs nothing
  double others = 1;
  for (int64_t block = 0; block + 1 < kDepth; ++block) others = std::min(others, report.without[block].accuracy);
  EXPECT_LT(others, 1);
}

TEST(Probe, NumbersAreThoseOfSingleScores) {
  const Case model = labelled(small_stack());
  const ElasticityReport report = probe_of(model);
  const auto expect = [&](const std::string& route, double accuracy, double loss) {
    const Score single = score(model.stack, parse_route(route), model.set, {}, quick().batch);
    EXPECT_DOUBLE_EQ(accuracy, single.accuracy) << route;
    EXPECT_NEAR(loss, single.loss, 1e-12) << route;
  };
  expect("0-3", report.in_order.accuracy, report.in_order.loss);
  for (const auto& order : report.orders) expect(order.route, order.accuracy, order.loss);
  for (const auto& measured : report.without) expect(measured.route, measured.accuracy, measured.loss);
  for (const auto& measured : report.exits) expect(measured.route, measured.accuracy, measured.loss);
  EXPECT_DOUBLE_EQ(report.pairs[3 * kDepth + 0],
                   score(model.stack, parse_route("1-2,0+3"), model.set, {}, quick().batch).accuracy);
  double sum = 0;
  for (const auto& order : report.orders) sum += order.accuracy;
  EXPECT_NEAR(report.any_order.mean, sum / static_cast<double>(report.orders.size()), 1e-12);
  EXPECT_EQ(report.images, kImages);
  EXPECT_EQ(report.classes, 5);
  EXPECT_GT(report.any_order.sd, 0) << "routes of this toy should disagree";
}

TEST(Probe, SharingSavesWork) {
  const Case model = labelled(small_stack());
  ProbeConfig config = quick();
  config.timing_images = 10;
  const ElasticityReport report = probe_of(model, config);
  const ProbePlan plan = plan_probe(kDepth, config, {.heads = 3, .neurons = 20});
  double calls = 0;
  for (const Route& route : plan.routes)
    for (const Step& step : route.steps) calls += static_cast<double>(step.size());
  EXPECT_EQ(report.work.routes, std::ssize(plan.routes));
  EXPECT_DOUBLE_EQ(report.work.passes_one_by_one, calls);
  EXPECT_GT(report.work.saving(), 1.2);
  EXPECT_GT(report.work.timing_shared, 0);
  EXPECT_GT(report.work.timing_one_by_one, 0);
}

TEST(ProbePlan, SwitchesOffEachHeadAndGroupOfNeurons) {
  ProbeConfig config = quick();
  config.neuron_groups = 3;
  const ProbePlan plan = plan_probe(kDepth, config, {.heads = 3, .neurons = 8});
  ASSERT_EQ(plan.heads.size(), kDepth * 3);
  EXPECT_EQ(print_route(plan.routes[plan.heads[1 * 3 + 1]]), "0,1[heads=0,2],2-3");
  ASSERT_EQ(plan.neurons.size(), kDepth * 3);
  EXPECT_EQ(print_route(plan.routes[plan.neurons[0]]), "0[neurons=3-7],1-3");
  EXPECT_EQ(print_route(plan.routes[plan.neurons[2]]), "0[neurons=0-5],1-3");
  EXPECT_TRUE(plan_probe(kDepth, config, {.heads = 1, .neurons = 1}).heads.empty());
  EXPECT_TRUE(plan_probe(kDepth, config, {.heads = 1, .neurons = 1}).neurons.empty());
  config.heads = false;
  config.neuron_groups = 0;
  EXPECT_TRUE(plan_probe(kDepth, config, {.heads = 3, .neurons = 8}).heads.empty());
  EXPECT_TRUE(plan_probe(kDepth, config, {.heads = 3, .neurons = 8}).neurons.empty());
}

TEST(Probe, HeadsAndNeuronsAreTheirRoutes) {
  const Case model = labelled(small_stack());
  const ElasticityReport report = probe_of(model);
  ASSERT_EQ(report.heads.size(), kDepth * 3);
  ASSERT_EQ(report.neurons.size(), kDepth * 8);
  EXPECT_EQ(report.heads[2 * 3 + 0], score(model.stack, parse_route("0-1,2[heads=1,2],3"), model.set, {}, 16).accuracy);
  // The first of eight groups of twenty neurons: 0, 1 and 2.
  EXPECT_EQ(report.neurons[3 * 8 + 0],
            score(model.stack, parse_route("0-2,3[neurons=3-19]"), model.set, {}, 16).accuracy);
  const Case idle = labelled(idle_last_block());
  const ElasticityReport calm = probe_of(idle);
  for (int64_t i = 0; i < 3; ++i) EXPECT_EQ(calm.heads[(kDepth - 1) * 3 + i], calm.in_order.accuracy);
  for (int64_t i = 0; i < 8; ++i) EXPECT_EQ(calm.neurons[(kDepth - 1) * 8 + i], calm.in_order.accuracy);
}

TEST(Probe, RoutesForABudget) {
  const Case model = labelled(idle_last_block());
  EXPECT_TRUE(probe_of(model).budgets.empty());
  const ElasticityReport report = probe("toy", model.stack, model.set, {}, quick(), {}, &model.set);
  ASSERT_EQ(report.budgets.size(), kDepth + 1);
  double best = -1;
  for (size_t i = 0; i < report.budgets.size(); ++i) {
    const auto& budget = report.budgets[i];
    EXPECT_EQ(budget.passes, static_cast<int64_t>(i));
    EXPECT_EQ(std::ssize(parse_route(budget.measured.route).steps), budget.passes);
    EXPECT_EQ(budget.measured.accuracy,
              score(model.stack, parse_route(budget.measured.route), model.set, {}, 16).accuracy);
    EXPECT_EQ(budget.recommended, budget.chosen_accuracy > best);
    best = std::max(best, budget.chosen_accuracy);
  }
  // Without the block that does nothing the network is as good, so nobody should pay for it.
  EXPECT_EQ(report.budgets[kDepth - 1].measured.route, "0-2");
  EXPECT_TRUE(report.budgets[kDepth - 1].recommended);
  EXPECT_FALSE(report.budgets[kDepth].recommended);
}

TEST(Probe, ReportsProgress) {
  std::vector<int64_t> seen;
  probe("toy", labelled(small_stack()).stack, labelled(small_stack()).set, {}, quick(),
        [&](int64_t done, int64_t total) {
          EXPECT_EQ(total, kImages);
          seen.push_back(done);
        });
  EXPECT_EQ(seen, (std::vector<int64_t>{16, 30}));
}

TEST(Probe, UsesTheImagesAskedFor) {
  ProbeConfig config = quick();
  config.images = 10;
  EXPECT_EQ(probe_of(labelled(small_stack()), config).images, 10);
  Case empty = labelled(small_stack());
  empty.set.pixels = empty.set.pixels.slice(0, 0, 0);
  empty.set.labels = empty.set.labels.slice(0, 0, 0);
  EXPECT_THROW(probe_of(empty), Error);
}

TEST(BlockOutputs, AreWhatBlocksAddToTheFirstToken) {
  const Stack stack = small_stack();
  const Tensor pixels = at::randn({3, 1, 8, 8});
  const Route order = parse_route("2,0,3,1");
  const BlockOutputs outputs = block_outputs(stack, {order, identity(kDepth)}, pixels);
  ASSERT_EQ(outputs.values.size(0), 2 * kDepth * 3);
  const int64_t tokens = 5;  // class token and 2 x 2 patches
  const at::NoGradGuard no_gradients;
  const auto first = [&](const Route& route) {
    return run_trunk(stack, route, image_stream(pixels)).x().view({3, tokens, -1}).select(1, 0);
  };
  for (int64_t slot = 0; slot < kDepth; ++slot) {
    const Tensor expected = first(prefix(order, slot + 1)) - first(prefix(order, slot));
    EXPECT_TRUE(at::equal(outputs.values.slice(0, 3 * slot, 3 * slot + 3), expected)) << slot;
    EXPECT_EQ(outputs.slot[3 * slot], slot);
    EXPECT_EQ(outputs.block[3 * slot], order.steps[slot][0].block);
  }
  EXPECT_THROW(block_outputs(stack, {parse_route("0+1")}, pixels), Error);
  EXPECT_THROW(block_outputs(stack, {parse_route("0.mixer")}, pixels), Error);
}

TEST(BlockMap, SharesTellBlocksFromSlots) {
  // Outputs that depend on the block alone, up to a little noise.
  at::manual_seed(3);
  BlockOutputs outputs;
  for (int i = 0; i < 64; ++i) {
    outputs.block.push_back(i % 4);
    outputs.slot.push_back(i / 16);
  }
  const Tensor centres = at::randn({4, 8});
  outputs.values =
      centres.index_select(0, at::tensor(outputs.block, at::kInt).to(at::kLong)) + 0.01 * at::randn({64, 8});
  const BlockMap map = map_blocks(outputs, 0);
  EXPECT_GT(map.share_block, 0.99);
  EXPECT_LT(map.share_slot, 0.05);
  ASSERT_EQ(map.x.size(), 64);
  EXPECT_GT(map.trustworthiness, 0.8);
}

TEST(BlockMap, BearsOutputsOfNothing) {
  const ElasticityReport report = probe_of(labelled(idle_last_block()));
  ASSERT_TRUE(report.map.has_value());
  EXPECT_EQ(report.map->x.size(), 4 * 5 * kDepth);
  for (const float x : report.map->x) EXPECT_TRUE(std::isfinite(x));
}

// Without the times, which no seed decides.
nlohmann::ordered_json timeless(const ElasticityReport& report) {
  auto json = probe_json({report});
  json["models"][0]["work"].erase("seconds");
  return json;
}

TEST(ProbeJson, IsAFunctionOfTheSeed) {
  const Case model = labelled(small_stack());
  ProbeConfig config = quick();
  const auto once = timeless(probe_of(model, config));
  EXPECT_EQ(once, timeless(probe_of(model, config)));
  config.seed = 7;
  EXPECT_NE(once, timeless(probe_of(model, config)));
}

TEST(ProbeJson, ParsesBackToTheSameNumbers) {
  const ElasticityReport report = probe_of(labelled(small_stack()));
  const auto json = probe_json({report});
  const std::string text = pretty_json(json);
  const auto parsed = nlohmann::ordered_json::parse(text);
  EXPECT_EQ(parsed, json);
  const auto& model = parsed["models"][0];
  EXPECT_EQ(model["in_order"]["loss"].get<double>(), report.in_order.loss);
  EXPECT_EQ(model["any_order"]["mean"].get<double>(), report.any_order.mean);
  EXPECT_EQ(model["orders"].size(), report.orders.size());
  EXPECT_TRUE(model["pairs"][1][1].is_null());
  EXPECT_EQ(model["pairs"][0][2].get<double>(), report.pairs[2]);
  EXPECT_EQ(model["map"]["x"].size(), report.map->x.size());
  EXPECT_FALSE(probe_json({report}, false)["models"][0]["map"].contains("x"));
}

TEST(ProbeJson, BearsNamesThatAreNotUtf8) {
  nlohmann::ordered_json json{{"name", "a\xff"}};
  EXPECT_EQ(nlohmann::ordered_json::parse(pretty_json(json))["name"], "a\xEF\xBF\xBD");
}

std::vector<ElasticityReport> three_reports() {
  std::vector<ElasticityReport> reports{probe_of(labelled(small_stack())), probe_of(labelled(same_blocks())),
                                        probe_of(labelled(idle_last_block()))};
  reports[0].name = "plain <b>";
  reports[1].name = "same";
  reports[2].name = "idle";
  reports[1].origin = "shuffle";
  return reports;
}

TEST(ProbePage, IsSelfContained) {
  const auto reports = three_reports();
  for (const auto& shown : {reports, std::vector{reports[0]}}) {
    const std::string html = report::render_html(probe_page(shown, {{"command", "strata probe"}}));
    for (const char* outside : {"http:", "https:", "src=", "url(", "<script", "<b>"})
      EXPECT_EQ(html.find(outside), std::string::npos) << outside;
    EXPECT_NE(html.find(report::format_fixed(100 * reports[0].any_order.mean, 1)), std::string::npos);
  }
  EXPECT_THROW(probe_page({}), Error);
}

TEST(ProbePage, FilesAreWritten) {
  const TemporaryFolder folder;
  const auto reports = three_reports();
  const std::string page = write_probe(folder.file("out"), reports);
  EXPECT_EQ(page, folder.file("out/probe.html"));
  EXPECT_EQ(nlohmann::ordered_json::parse(read_text(folder.file("out/probe.json"), 1 << 24)), probe_json(reports));
  const std::string html = read_text(page, 1 << 24);
  if (report::can_rasterise())
    for (const char* name : {"comparison", "order", "missing-in-order", "missing-any-order", "without", "windows",
                             "exits", "pairs-1", "map-by-block-3", "map-by-slot-3"}) {
      EXPECT_TRUE(std::filesystem::exists(folder.file(std::string("out/png/") + name + "-wide.png"))) << name;
      EXPECT_TRUE(std::filesystem::exists(folder.file(std::string("out/png/") + name + "-phone.png"))) << name;
      EXPECT_NE(html.find(std::string("href=\"png/") + name + "-wide.png\""), std::string::npos) << name;
    }
  EXPECT_THROW(write_probe(folder.file("out/probe.json"), reports), Error);
}

TEST(ProbePage, ServesPartialReports) {
  ProbeConfig config = quick();
  config.exits = config.pairs = false;
  config.windows = {};
  config.map_images = 0;
  const ElasticityReport report = probe_of(labelled(small_stack()), config);
  EXPECT_TRUE(report.exits.empty());
  EXPECT_TRUE(report.pairs.empty());
  EXPECT_FALSE(report.map.has_value());
  EXPECT_EQ(report::render_html(probe_page({report})).find("Pairs side by side"), std::string::npos);
}

TEST(ProbeText, FitsTheTerminal) {
  for (const int width : {60, 100}) {
    const std::string text = probe_text(three_reports(), {.width = width});
    EXPECT_NE(text.find("trained order"), std::string::npos);
    EXPECT_NE(text.find("idle"), std::string::npos);
  }
}

// A report with just what the words look at.
ElasticityReport spoken(const std::string& name, double in_order, double any_order, double half,
                        int64_t images = 2000) {
  ElasticityReport report{.name = name, .images = images, .classes = 10, .depth = 2};
  report.in_order = {"0-1", in_order, 0, wilson(in_order, images, 0.95)};
  report.any_order = spread_of({any_order - 0.001, any_order + 0.001}, 2, 0.95);
  for (const double accuracy : {in_order, half, 0.1})
    report.missing.push_back(
        {std::ssize(report.missing), spread_of({accuracy}, 1, 0.95), spread_of({accuracy}, 1, 0.95)});
  return report;
}

TEST(Finding, SaysWhatTheIntervalsSupport) {
  EXPECT_EQ(order_effect(spoken("a", 0.83, 0.34, 0.6)), OrderEffect::change);
  EXPECT_EQ(order_effect(spoken("a", 0.83, 0.10, 0.6)), OrderEffect::collapse);
  EXPECT_EQ(order_effect(spoken("a", 0.79, 0.786, 0.6)), OrderEffect::none);
  EXPECT_EQ(order_effect(spoken("a", 0.105, 0.3, 0.6)), OrderEffect::guessing);
  EXPECT_EQ(order_effect(spoken("a", 0.79, 0.74, 0.6, 50)), OrderEffect::none);
  EXPECT_EQ(order_effect(spoken("a", 0.79, 0.74, 0.6, 50000)), OrderEffect::change);
}

std::string plain_spaces(std::string text) {
  for (size_t at; (at = text.find("\u00a0")) != std::string::npos;) text.replace(at, 2, " ");
  return text;
}

TEST(Finding, InWords) {
  EXPECT_EQ(plain_spaces(finding({spoken("plain", 0.83, 0.34, 0.6)})),
            "plain falls from 83.0 % with its blocks in order to 34.0 % in any order. With 1 of its 2 blocks left out "
            "and the rest in order, 60.0 % remain.");
  EXPECT_EQ(plain_spaces(finding({spoken("plain", 0.83, 0.1, 0.618), spoken("shuffled", 0.79, 0.786, 0.686)})),
            "When the blocks run in another order, plain collapses from 83.0 % to 10.0 %; shuffled keeps its 79.0 % "
            "(78.6 % in any order, no measurable difference). With 1 of 2 blocks left out and the rest in order, "
            "shuffled keeps 68.6 % and plain 61.8 %.");
  EXPECT_EQ(plain_spaces(finding({spoken("a", 0.8, 0.7, 0.6), spoken("b", 0.81, 0.705, 0.605)})),
            "Another order costs both models about the same, between 10.0 and 10.5 points: no measurable difference. "
            "With 1 of 2 blocks left out they do not differ measurably (60.0 % to 60.5 %).");
  EXPECT_EQ(plain_spaces(finding({spoken("a", 0.1, 0.1, 0.1), spoken("b", 0.1, 0.1, 0.1)})),
            "None of these models is better than guessing even in order: nothing can be said yet.");
}

}  // namespace
}  // namespace strata
