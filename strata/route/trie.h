#pragma once

#include <cstdint>
#include <vector>

#include "strata/route/cost.h"
#include "strata/route/route.h"

namespace strata {

/// Routes merged by their common beginnings: a node is an executed prefix, the edge into it a step. Evaluating along
/// the trie runs every distinct prefix once, instead of every step of every route.
struct Trie {
  struct Node {
    int32_t parent = -1;                 // -1: the root, the route "none"
    int32_t depth = 0;                   // steps executed
    Step step = {};                      // the edge from the parent; empty at the root
    std::vector<int32_t> children = {};  // in first-seen order
    std::vector<int32_t> routes = {};    // indices of the input routes that end here; duplicates share a node
  };
  std::vector<Node> nodes = {};  // the root first, every parent before its children
  int64_t routes = 0;
};

/// The trie of `routes`, in their order.
Trie make_trie(const std::vector<Route>& routes);

/// The prefix a node stands for.
Route route_to(const Trie& trie, int32_t node);

/// One step of the depth-first walk: run nodes[node].step on the stream kept at depth - 1 and keep the result at
/// `depth` (whatever lay there or deeper is no longer needed). When `last` is set nothing reads the parent's stream
/// afterwards, so it may be overwritten.
struct Visit {
  int32_t node = 0;
  bool last = false;
};

/// All nodes but the root, parents before children, children in first-seen order: an evaluator keeps at most one stream
/// per depth.
std::vector<Visit> depth_first(const Trie& trie);

/// Cost of running every node once, and of running every input route from its start (block passes unless told
/// otherwise). Their ratio is what sharing prefixes saves.
double cost(const Trie& trie, const CallCost& call_cost = whole_block_cost);
double cost_one_by_one(const Trie& trie, const CallCost& call_cost = whole_block_cost);

}  // namespace strata
