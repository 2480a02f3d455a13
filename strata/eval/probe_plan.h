#pragma once

#include <cstdint>
#include <vector>

#include "strata/route/route.h"

namespace strata {

/// What the probe measures and how much of it.
struct ProbeConfig {
  int64_t images = 2000;     // the first so many test images; 0: all
  int64_t batch = 250;       // images scored together
  int64_t orders = 32;       // random orders of all blocks
  bool exhaustive = false;   // all orders instead, for up to 6 blocks
  int64_t distances = 16;    // Kendall distances at which orders are drawn, from the trained order to its reverse
  int64_t per_distance = 4;  // orders drawn at each of them, beside the random ones that happen to have it
  int64_t subsets = 16;      // choices drawn for each number of missing blocks
  bool exits = true;
  bool pairs = true;
  bool heads = true;            // each head of each block switched off alone
  int64_t neuron_groups = 8;    // neurons of each block in so many groups, each switched off alone; 0: not measured
  int64_t choice_images = 500;  // training images on which routes for a budget are chosen; 0: none are
  std::vector<int64_t> windows = {2, 4};  // blocks change places inside windows of so many
  int64_t map_orders = 10;                // orders in which block outputs are collected for the map
  int64_t map_images = 10;                // images they are collected for; 0: no map
  int64_t timing_images = 100;            // images on which the work is timed with and without sharing; 0: not timed
  double confidence = 0.95;
  uint64_t seed = 0;
};

template <class Visit>
void fields(ProbeConfig& config, Visit&& visit) {
  visit("images", config.images);
  visit("batch", config.batch);
  visit("orders", config.orders);
  visit("exhaustive", config.exhaustive);
  visit("distances", config.distances);
  visit("per_distance", config.per_distance);
  visit("subsets", config.subsets);
  visit("exits", config.exits);
  visit("pairs", config.pairs);
  visit("heads", config.heads);
  visit("neuron_groups", config.neuron_groups);
  visit("choice_images", config.choice_images);
  visit("windows", config.windows);
  visit("map_orders", config.map_orders);
  visit("map_images", config.map_images);
  visit("timing_images", config.timing_images);
  visit("confidence", config.confidence);
  visit("seed", config.seed);
}

/// Different routes of one kind, each as likely as any other of its kind: indices into ProbePlan::routes.
struct RouteGroup {
  std::vector<int32_t> routes;
  double population = 0;  // how many routes of this kind there are
};

/// All routes a probe runs, each once, and what each is for.
struct ProbePlan {
  struct AtDistance {
    double distance = 0;  // Kendall's tau distance from the trained order, 0 .. 1
    RouteGroup orders;
  };
  struct InWindow {
    int64_t window = 0;
    RouteGroup orders;
  };
  std::vector<Route> routes;
  int32_t in_order = 0;
  RouteGroup orders;
  std::vector<AtDistance> distances;
  std::vector<RouteGroup> missing_in_order;   // [0 .. depth blocks missing], the rest in ascending order
  std::vector<RouteGroup> missing_any_order;  // the same, the rest in random order
  std::vector<int32_t> without;               // [block]: all others in order
  std::vector<int32_t> exits;                 // [0 .. depth blocks run]
  std::vector<int32_t> pairs;                 // [depth, depth]; -1 on the diagonal
  std::vector<InWindow> windows;              // those smaller than the stack is deep
  std::vector<int32_t> heads;                 // [depth, heads]: without this one
  std::vector<int32_t> neurons;               // [depth, groups]: without this group of neighbours
};

/// What blocks have that can be switched off; 0: nothing.
struct BlockWidths {
  int64_t heads = 0, neurons = 0;
};

/// The routes for a stack of `depth` blocks. Pair (r, c) is block c taken out of its slot and run side by side with
/// block r, in r's slot, all others in order: above the diagonal a block runs earlier than trained, below it later. Of a single
/// head, or of fewer neurons than two groups take, none is switched off. A pure function of its arguments. Throws
/// UsageError for a configuration or a depth that makes no sense.
ProbePlan plan_probe(int64_t depth, const ProbeConfig& config, const BlockWidths& widths = {});

}  // namespace strata
