#include "strata/route/trie.h"

#include <algorithm>

namespace strata {
namespace {

int32_t child_along(const Trie& trie, int32_t node, const Step& step) {
  for (const int32_t child : trie.nodes[node].children)
    if (trie.nodes[child].step == step) return child;
  return -1;
}

}  // namespace

Trie make_trie(const std::vector<Route>& routes) {
  Trie trie;
  trie.nodes.emplace_back();
  trie.routes = std::ssize(routes);
  for (size_t i = 0; i < routes.size(); ++i) {
    int32_t node = 0;
    for (const auto& step : routes[i].steps) {
      int32_t child = child_along(trie, node, step);
      if (child < 0) {
        child = static_cast<int32_t>(trie.nodes.size());
        trie.nodes[node].children.push_back(child);
        trie.nodes.push_back({.parent = node, .depth = trie.nodes[node].depth + 1, .step = step});
      }
      node = child;
    }
    trie.nodes[node].routes.push_back(static_cast<int32_t>(i));
  }
  return trie;
}

Route route_to(const Trie& trie, int32_t node) {
  Route route;
  for (; trie.nodes[node].parent >= 0; node = trie.nodes[node].parent) route.steps.push_back(trie.nodes[node].step);
  std::reverse(route.steps.begin(), route.steps.end());
  return route;
}

std::vector<Visit> depth_first(const Trie& trie) {
  std::vector<Visit> visits;
  std::vector<Visit> pending;
  const auto push_children = [&](int32_t node) {
    const auto& children = trie.nodes[node].children;
    for (auto child = children.rbegin(); child != children.rend(); ++child)
      pending.push_back({.node = *child, .last = child == children.rbegin()});
  };
  push_children(0);
  while (!pending.empty()) {
    visits.push_back(pending.back());
    pending.pop_back();
    push_children(visits.back().node);
  }
  return visits;
}

double cost(const Trie& trie, const CallCost& call_cost) {
  double sum = 0;
  for (const auto& node : trie.nodes) sum += cost(node.step, call_cost);
  return sum;
}

double cost_one_by_one(const Trie& trie, const CallCost& call_cost) {
  std::vector<int64_t> passing(trie.nodes.size());  // input routes that run this node's step
  double sum = 0;
  for (size_t i = trie.nodes.size(); i-- > 1;) {
    const auto& node = trie.nodes[i];
    passing[i] += std::ssize(node.routes);
    passing[node.parent] += passing[i];
    sum += static_cast<double>(passing[i]) * cost(node.step, call_cost);
  }
  return sum;
}

}  // namespace strata
