#include "strata/surgery/prune.h"

#include <gmock/gmock.h>

#include <fstream>

#include "strata/base/error.h"
#include "strata/eval/block_scores.h"
#include "strata/eval/probe_json.h"
#include "strata/route/parse.h"
#include "strata/route/print.h"
#include "strata/route/sampler.h"
#include "strata/surgery/assemble.h"
#include "strata/surgery/stored_routes.h"
#include "tests/surgery/small_model.h"
#include "tests/temporary_folder.h"

namespace strata {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

TEST(Prune, ForwardIsTheRoutesBitForBit) {
  for (const char* slots : {"none", "position", "predict"}) {
    const Model model = small_model(1, 4, slots);
    for (const char* text : {"none", "0-3", "0,2,3", "3,1", "2"}) {
      SCOPED_TRACE(std::string(slots) + " " + text);
      const Model pruned = prune(model, parse_route(text));
      EXPECT_TRUE(at::equal(logits_of(pruned), logits_of(model, parse_route(text))));
    }
  }
}

TEST(Prune, GradientsAreTheRoutesBitForBit) {
  const Model model = small_model(2);
  const Model pruned = prune(model, parse_route("0,2,3"));
  const auto gradients = [](const Model& of, const Route& route) {
    for (const auto& entry : of.stack().weights.entries()) {
      entry.value.detach_().requires_grad_(true);
      entry.value.mutable_grad() = Tensor();
    }
    logits_of(of, route).square().sum().backward();
    std::map<std::string, Tensor> result;
    for (const auto& entry : of.stack().weights.entries())
      if (entry.value.grad().defined()) result[entry.name] = entry.value.grad().clone();
    return result;
  };
  const auto expected = gradients(model, parse_route("0,2,3"));
  const auto found = gradients(pruned, identity(3));
  for (const auto& [name, gradient] : expected) {
    const auto [block, rest] = split_block_weight(name);
    if (block == 1) {
      EXPECT_EQ(gradient.count_nonzero().item<int64_t>(), 0) << name;
      continue;
    }
    const std::string now = block < 0 ? name : "blocks." + std::to_string(block == 0 ? 0 : block - 1) + "." + rest;
    ASSERT_TRUE(found.contains(now)) << now;
    EXPECT_TRUE(at::equal(found.at(now), gradient)) << now;
  }
}

TEST(Prune, CheckpointOnDiskRunsTheSame) {
  const Model model = small_model(3, 4, "position", at::kFloat);
  Model pruned = prune(model, parse_route("0,3"));
  pruned.notes.provenance.push_back({"prune", "route 0,3", {"somewhere"}});
  const TemporaryFolder folder;
  save_model(folder.file("pruned"), pruned);
  const Model back = open_model(folder.file("pruned"));
  EXPECT_EQ(back.vit.depth, 2);
  EXPECT_EQ(back.vit.slot_count, 4);
  EXPECT_THAT(back.notes.block_ids, ElementsAre("block0", "block3"));
  ASSERT_EQ(back.notes.provenance.size(), 1U);
  EXPECT_EQ(back.notes.provenance[0].operation, "prune");
  EXPECT_EQ(back.notes.provenance[0].detail, "route 0,3");
  EXPECT_THAT(back.notes.provenance[0].sources, ElementsAre("somewhere"));
  EXPECT_TRUE(at::equal(logits_of(back), logits_of(model, parse_route("0,3"))));
}

TEST(Prune, RefusesWhatNoCheckpointHolds) {
  const Model model = small_model(4);
  const auto refuses = [&](const char* route, const char* because) {
    EXPECT_THAT([&] { prune(model, parse_route(route)); }, ThrowsMessage<Error>(HasSubstr(because))) << route;
  };
  refuses("0,0", "was called before");
  refuses("0+1", "side by side");
  refuses("0.mixer", "a part");
  refuses("0[heads=0]", "some heads");
  refuses("0,7", "block 7 not in stack");
  refuses("b:0", "unknown source");
}

TEST(Prune, StoredRoutesFollowTheirBlocks) {
  const std::vector<int32_t> now = {0, -1, 1, 2};
  EXPECT_EQ(renumber_stored("0-3", now), "0-2");
  EXPECT_EQ(renumber_stored("3,1,0.mixer+1", now), "2,0.mixer");
  EXPECT_EQ(renumber_stored("a:1,1,2", now), "a:1,1");
  EXPECT_EQ(renumber_stored("some words", now), "some words");
  SamplerConfig sampler{.kind = "drop", .route = "1-3", .rate = "list", .rates = {0.1, 0.2, 0.3, 0.4}};
  SamplerConfig back;
  read_config(back, parse_toml(renumber_stored(print_toml(config_node(sampler)), now), "sampler"));
  EXPECT_EQ(back.route, "1-2");
  EXPECT_THAT(back.rates, ElementsAre(0.1, 0.3, 0.4));
  EXPECT_EQ(back.kind, "drop");
}

TEST(Prune, GreedyTakesTheBlockOfLeastLossEachTime) {
  const Model model = small_model(5, 4, "none", at::kFloat);
  const ImageSet set = small_images(40);
  const auto removals = remove_greedily(model.stack(), 2, ImageExam(set, {}, 16));
  ASSERT_EQ(removals.size(), 2U);
  Route left = identity(4);
  for (const auto& removal : removals) {
    double least = 1e300;
    for (size_t i = 0; i < left.steps.size(); ++i) {
      Route candidate = left;
      candidate.steps.erase(candidate.steps.begin() + static_cast<std::ptrdiff_t>(i));
      least = std::min(least, score(model.stack(), candidate, set, {}, 16).loss);
    }
    EXPECT_EQ(removal.score.loss, least);
    EXPECT_EQ(score(model.stack(), removal.left, set, {}, 16).loss, least);
    left = removal.left;
  }
  EXPECT_THROW(remove_greedily(model.stack(), 5, ImageExam(set, {}, 16)), Error);
}

TEST(Prune, ChangeOfABlockThatAddsNothingIsZero) {
  Model model = small_model(6, 3, "none", at::kFloat);
  for (auto& entry : model.stack().weights.entries())
    if (entry.name.starts_with("blocks.1.") &&
        (entry.name.find(".out.") != std::string::npos || entry.name.find(".down.") != std::string::npos))
      entry.value.zero_();
  const ImageSet images = small_images(20);
  const auto changes = block_changes(model.stack(), ImageExam(images, {}, 8));
  ASSERT_EQ(changes.size(), 3U);
  EXPECT_EQ(changes[1].magnitude, 0);
  EXPECT_NEAR(changes[1].turn, 0, 1e-12);
  EXPECT_GT(changes[0].magnitude, 0.01);
  EXPECT_GT(changes[2].turn, 1e-4);
}

TEST(Prune, Choices) {
  EXPECT_EQ(print_route(keep_worthiest({3, 1, 2, 1}, 2)), "0,2");
  EXPECT_EQ(print_route(keep_worthiest({3, 1, 2, 1}, 3)), "0-2");  // of equals the later goes
  EXPECT_EQ(print_route(keep_worthiest({3, 1}, 0)), "none");
  EXPECT_THROW(keep_worthiest({1, std::nan("")}, 1), Error);
  EXPECT_THROW(keep_worthiest({1, 2}, 3), Error);
  EXPECT_EQ(print_route(keep_evenly(12, 6)), "0,2,4,7,9,11");
  EXPECT_EQ(print_route(keep_evenly(6, 1)), "0");
  EXPECT_EQ(print_route(keep_evenly(6, 6)), "0-5");
  EXPECT_EQ(print_route(keep_evenly(6, 2)), "0,5");
}

TEST(Prune, WorthFromAProbe) {
  ElasticityReport report{.classes = 4, .depth = 2};
  report.without = {{"1", 0.5, 2.0, {}}, {"0", 0.5, 3.0, {}}};
  const TemporaryFolder folder;
  const std::string path = folder.file("probe.json");
  std::ofstream(path) << pretty_json(probe_json({report}));
  EXPECT_THAT(worth_by_probe(path, 2), ElementsAre(2.0, 3.0));
  EXPECT_THAT([&] { worth_by_probe(path, 3); }, ThrowsMessage<Error>(HasSubstr("a model of 2 blocks")));
  std::ofstream(path) << pretty_json(probe_json({report, report}));
  EXPECT_THAT([&] { worth_by_probe(path, 2); }, ThrowsMessage<Error>(HasSubstr("one model")));
  std::ofstream(path) << R"({"format": "other"})";
  EXPECT_THAT([&] { worth_by_probe(path, 2); }, ThrowsMessage<Error>(HasSubstr("strata-probe")));
  std::ofstream(path) << R"({"format": "strata-probe", "models": [{"depth": 2, "without": [{"loss": null}, 3]}]})";
  EXPECT_THAT([&] { worth_by_probe(path, 2); }, ThrowsMessage<Error>(HasSubstr("loss")));
}

}  // namespace
}  // namespace strata
