#include "strata/route/spec.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "strata/base/error.h"
#include "strata/route/cost.h"
#include "strata/route/parse.h"

namespace strata {
namespace {

const TrackSpec kPatches{"x", "patch", 64};

ChainSpec text_stack(int blocks, int64_t channels = 64) {
  const TrackSpec track{"x", "patch", channels};
  const BlockSpec block{
      .name = "transformer", .in = {track}, .out = {track}, .parts = {"mixer", "ffn"}, .heads = 4, .neurons = 256};
  return {"text", {track}, std::vector<BlockSpec>(blocks, block), {track}};
}

// block 0 and 1 work on 64 channels of patches, 2 pools to 128 channels of cells, 3 works on those, 4 replaces them by
// 32 channels, 5 is a norm that takes what comes, and the head reads 32.
ChainSpec pyramid() {
  const TrackSpec cells{"x", "cell", 128};
  const TrackSpec any{"x"};
  return {"pyramid",
          {kPatches},
          {{.name = "attention", .in = {kPatches}, .out = {kPatches}},
           {.name = "attention", .in = {kPatches}, .out = {kPatches}},
           {.name = "pool", .in = {kPatches}, .out = {cells}, .kind = BlockSpec::Kind::changes_rows},
           {.name = "attention", .in = {cells}, .out = {cells}},
           {.name = "narrow", .in = {{"x", "", 128}}, .out = {{"x", "", 32}}, .kind = BlockSpec::Kind::replaces},
           {.name = "norm", .in = {any}, .out = {any}, .kind = BlockSpec::Kind::replaces}},
          {{"x", "cell", 32}}};
}

std::string verdict(const std::string& route, const ChainSpec& chain, const Sources& sources = {},
                    const std::vector<std::string>& selectors = {}) {
  try {
    validate(parse_route(route), chain, sources, selectors);
  } catch (const Error& error) {
    return error.what();
  }
  return "valid";
}

TEST(RouteValidate, EveryFormOnAnOrdinaryStack) {
  const Sources sources = {{"a", text_stack(2)}};
  for (const char* route : {"none", "0-7", "0-3", "0-1,6-7", "3,1,2,0", "0,1+2,3+4+5,6", "2x6", "a:0-1,2-7",
                            "4.mixer+4.ffn", "0-7.mixer[heads=0,2-3]", "0[neurons=255]", "0-7[neurons=25%@predicted]"})
    EXPECT_EQ(verdict(route, text_stack(8), sources, {"predicted"}), "valid") << route;
}

TEST(RouteValidate, MessagesNameTheStep) {
  const Sources sources = {{"a", text_stack(2)}, {"wide", text_stack(2, 128)}, {"empty", text_stack(0)}};
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"0-2,9", "route step 4: block 9 not in stack 'text' (blocks 0-7); did the route come from a deeper stack?"},
      {"a:2", "route step 1: block 2 not in stack 'text' (blocks 0-1); did the route come from a deeper stack?"},
      {"empty:0", "route step 1: block 0 not in stack 'text', which has no blocks"},
      {"0,b:1", "route step 2: unknown source 'b'; known sources: a, empty, wide (no source: the opened model)"},
      {"0.cross", "route step 1: block 0 ('transformer') has no part 'cross'; its parts: mixer, ffn"},
      {"0[heads=2-4]", "route step 1: expected heads 0-3 of block 0, found 4"},
      {"0[inputs=2]", "route step 1: block 0 ('transformer') has no inputs to choose from"},
      {"0[heads=50%@oracle]", "route step 1: unknown selector 'oracle' for heads; known selectors: predicted"},
      {"0,wide:1", "route step 2: block 1 ('transformer') reads track 'x' [patch, 128], found 'x' [patch, 64]"},
      {"0+wide:1", "route step 1: block 1 ('transformer') reads track 'x' [patch, 128], found 'x' [patch, 64]"},
  };
  for (const auto& [route, message] : cases) EXPECT_EQ(verdict(route, text_stack(8), sources, {"predicted"}), message);
  EXPECT_EQ(verdict("0[heads=50%@p]", text_stack(1)),
            "route step 1: unknown selector 'p' for heads; known selectors: none");
}

TEST(RouteValidate, TheChainMustFitFromEmbeddingToHead) {
  for (const char* route : {"0-5", "2,4", "1,0,2,3x3,4,5", "0+1,2,4", "5,2,5,4", "0+1+0,2-4"})
    EXPECT_EQ(verdict(route, pyramid()), "valid") << route;
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"none",
       "route: the head of stack 'pyramid' expects track 'x' [cell, 32], found 'x' [patch, 64] after the last step"},
      {"0-3",
       "route: the head of stack 'pyramid' expects track 'x' [cell, 32], found 'x' [cell, 128] after the last step"},
      {"0,3", "route step 2: block 3 ('attention') reads track 'x' [cell, 128], found 'x' [patch, 64]"},
      {"4", "route step 1: block 4 ('narrow') reads track 'x' [any rows, 128], found 'x' [patch, 64]"},
      {"2,3+4",
       "route step 2: expected side by side only blocks that add to the stream, found block 4 ('narrow'), which "
       "replaces it; "
       "run it in a step of its own"},
      {"0+2",
       "route step 1: expected side by side only blocks that add to the stream, found block 2 ('pool'), which changes "
       "its "
       "rows; run it in a step of its own"},
  };
  for (const auto& [route, message] : cases) EXPECT_EQ(verdict(route, pyramid()), message);
}

TEST(RouteValidate, SeveralTracks) {
  const TrackSpec nodes{"nodes", "node", 16};
  const TrackSpec edges{"edges", "edge", 8};
  const ChainSpec graph{
      "graph",
      {nodes, edges},
      {{.name = "message", .in = {nodes, edges}, .out = {nodes}},
       {.name = "edge_update", .in = {nodes}, .out = {edges}},
       {.name = "readout", .in = {nodes}, .out = {{"nodes", "graph", 0}}, .kind = BlockSpec::Kind::changes_rows}},
      {{"nodes", "graph", 16}}};
  EXPECT_EQ(verdict("0-1x3,0+1,2", graph), "valid");
  EXPECT_EQ(verdict("2,0", graph),
            "route step 2: block 0 ('message') reads track 'nodes' [node, 16], found 'nodes' [graph, 16]");
  ChainSpec odd = graph;
  odd.blocks[0].out = {{"nodes", "node", 4}};
  EXPECT_EQ(
      verdict("0", odd),
      "route step 1: block 0 ('message') adds to track 'nodes' [node, 4], found 'nodes' [node, 16], 'edges' [edge, 8]");
  odd.blocks[0] = {.name = "swap", .out = {{"nodes", "edge", 16}}, .kind = BlockSpec::Kind::replaces};
  EXPECT_EQ(
      verdict("0", odd),
      "route step 1: block 0 ('swap') replaces track 'nodes' [edge, 16], found 'nodes' [node, 16], 'edges' [edge, 8]");
}

TEST(RouteValidate, HandMadeRoutesAreCheckedFirst) {
  EXPECT_THROW(validate({{{}}}, text_stack(1)), Error);
}

TEST(RouteCost, BlockPasses) {
  EXPECT_EQ(cost(Route{}), 0);
  EXPECT_EQ(cost(parse_route("0-7")), 8);
  EXPECT_EQ(cost(parse_route("0-2x2,3+4,5[heads=0]")), 9);
  EXPECT_EQ(cost(parse_route("0.mixer")), 1);
}

TEST(RouteCost, PartsAreFractionsOfABlock) {
  const ChainSpec chain = text_stack(8);
  const Sources sources = {{"a", text_stack(2)}};
  const CallCost by_parts = part_cost(chain, sources);
  EXPECT_EQ(cost(parse_route("0.mixer"), by_parts), 0.5);
  EXPECT_EQ(cost(parse_route("0-2,3.mixer+3.ffn,a:1.ffn"), by_parts), 4.5);
  EXPECT_THROW(cost(parse_route("b:1.ffn"), by_parts), Error);
}

}  // namespace
}  // namespace strata
