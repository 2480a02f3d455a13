#include "strata/route/print.h"

namespace strata {
namespace {

void append_range(std::string& text, int64_t first, int64_t last) {
  text += std::to_string(first);
  if (last > first) text.append("-").append(std::to_string(last));
}

void append_limit(std::string& text, const Limit& limit) {
  text.append(name_of(limit.kind)).append("=");
  if (!limit.exact()) {
    text.append(std::to_string(limit.percent)).append("%@").append(limit.selector);
    return;
  }
  for (size_t first = 0; first < limit.members.size();) {
    size_t last = first;
    while (last + 1 < limit.members.size() && limit.members[last + 1] == limit.members[last] + 1) ++last;
    if (first > 0) text += ',';
    append_range(text, limit.members[first], limit.members[last]);
    first = last + 1;
  }
}

// The call for every block from call.block to last_block.
void append_span(std::string& text, const Call& call, int64_t last_block) {
  if (!call.source.empty()) text.append(call.source).append(":");
  append_range(text, call.block, last_block);
  if (!call.part.empty()) text.append(".").append(call.part);
  if (call.limits.empty()) return;
  for (size_t i = 0; i < call.limits.size(); ++i) {
    text += i == 0 ? '[' : ';';
    append_limit(text, call.limits[i]);
  }
  text += ']';
}

void append_step(std::string& text, const Step& step) {
  for (size_t i = 0; i < step.size(); ++i) {
    if (i > 0) text += '+';
    append_span(text, step[i], step[i].block);
  }
}

bool same_but_block(const Call& a, const Call& b) {
  return a.source == b.source && a.part == b.part && a.limits == b.limits;
}

// How many steps from `first` on form one ascending run of single calls that differ in nothing but the block.
size_t run_length(const std::vector<Step>& steps, size_t first) {
  size_t end = first + 1;
  while (end < steps.size() && steps[end].size() == 1 && steps[end][0].block == steps[end - 1][0].block + 1 &&
         same_but_block(steps[end][0], steps[first][0]))
    ++end;
  return end - first;
}

}  // namespace

std::string print_route(const Route& route) {
  const auto& steps = route.steps;
  if (steps.empty()) return "none";
  std::string text;
  for (size_t first = 0; first < steps.size();) {
    if (first > 0) text += ',';
    if (steps[first].size() != 1) {
      append_step(text, steps[first++]);
      continue;
    }
    const Call& call = steps[first][0];
    const size_t length = run_length(steps, first);
    append_span(text, call, call.block + static_cast<int64_t>(length) - 1);
    size_t times = 0;
    do {
      ++times;
      first += length;
    } while (first < steps.size() && steps[first].size() == 1 && steps[first][0] == call &&
             run_length(steps, first) == length);
    if (times > 1) text.append("x").append(std::to_string(times));
  }
  return text;
}

std::string print_step(const Step& step) {
  std::string text;
  append_step(text, step);
  return text;
}

}  // namespace strata
