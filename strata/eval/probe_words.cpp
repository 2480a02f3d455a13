#include "strata/eval/probe_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "strata/report/text.h"

namespace strata {
namespace {

using Reports = std::vector<ElasticityReport>;

std::string points(double share) {
  return report::format_fixed(100 * share, 1) + " points";
}

double lost(const ElasticityReport& report) {
  return report.in_order.accuracy - report.any_order.mean;
}

const Spread& half_missing(const ElasticityReport& report) {
  return report.missing[report.depth / 2].in_order;
}

double noise_of_half(const ElasticityReport& report) {
  const Spread& half = half_missing(report);
  const Interval images = wilson(half.mean, report.images, report.confidence);
  return std::hypot((images.high - images.low) / 2, std::isnan(half.low) ? 0 : half.half_width());
}

std::string order_sentence(const ElasticityReport& report) {
  const std::string in_order = percent(report.in_order.accuracy), any = percent(report.any_order.mean);
  switch (order_effect(report)) {
    case OrderEffect::guessing:
      return fmt::format(
          "{} gets {} of the {} right with its blocks in order, no better than guessing ({}): its "
          "elasticity says nothing yet.",
          report.name, in_order, report.unit, percent(report.guess()));
    case OrderEffect::none:
      return fmt::format(
          "The order of its blocks makes no measurable difference to {}: {} in order, {} in any order "
          "(less than ±{} is noise here).",
          report.name, in_order, any, points(report.noise()));
    case OrderEffect::collapse:
      return fmt::format(
          "{} collapses when its blocks run in another order: from {} to {}, not measurably better than guessing.",
          report.name, in_order, any);
    case OrderEffect::change:
      break;
  }
  return fmt::format("{} {} from {} with its blocks in order to {} in any order.", report.name,
                     lost(report) > 0 ? "falls" : "rises", in_order, any);
}

std::string half_sentence(const ElasticityReport& report) {
  if (report.depth < 2 || order_effect(report) == OrderEffect::guessing) return "";
  return fmt::format(" With {} of its {} blocks left out and the rest in order, {} remain.", report.depth / 2,
                     report.depth, percent(half_missing(report).mean));
}

// Several models: who loses most and who least.
std::string compare_orders(const std::vector<const ElasticityReport*>& able) {
  const auto by_loss = [](const auto* a, const auto* b) { return lost(*a) < lost(*b); };
  const auto [least, most] = std::minmax_element(able.begin(), able.end(), by_loss);
  const double noise = std::hypot((*least)->noise(), (*most)->noise());
  if (lost(**most) - lost(**least) <= noise)
    return fmt::format("Another order costs {} models about the same, between {} and {}: no measurable difference.",
                       able.size() == 2 ? "both" : fmt::format("all {}", able.size()),
                       report::format_fixed(100 * lost(**least), 1), points(lost(**most)));
  const std::string kept =
      order_effect(**least) == OrderEffect::none
          ? fmt::format("keeps its {} ({} in any order, no measurable difference)",
                        percent((*least)->in_order.accuracy), percent((*least)->any_order.mean))
          : fmt::format("goes from {} to {}", percent((*least)->in_order.accuracy), percent((*least)->any_order.mean));
  return fmt::format("When the blocks run in another order, {} {} from {} to {}; {} {}.", (*most)->name,
                     order_effect(**most) == OrderEffect::collapse ? "collapses" : "falls",
                     percent((*most)->in_order.accuracy), percent((*most)->any_order.mean), (*least)->name, kept);
}

std::string compare_halves(const std::vector<const ElasticityReport*>& able) {
  const int64_t depth = able.front()->depth;
  for (const auto* report : able)
    if (report->depth != depth || depth < 2) return "";
  const auto by_half = [](const auto* a, const auto* b) { return half_missing(*a).mean < half_missing(*b).mean; };
  const auto [worst, best] = std::minmax_element(able.begin(), able.end(), by_half);
  const double low = half_missing(**worst).mean, high = half_missing(**best).mean;
  if (high - low <= std::hypot(noise_of_half(**worst), noise_of_half(**best)))
    return fmt::format(" With {} of {} blocks left out they do not differ measurably ({} to {}).", depth / 2, depth,
                       percent(low), percent(high));
  return fmt::format(" With {} of {} blocks left out and the rest in order, {} keeps {} and {} {}.", depth / 2, depth,
                     (*best)->name, percent(high), (*worst)->name, percent(low));
}

}  // namespace

std::string percent(double share, int decimals) {
  return report::format_fixed(100 * share, decimals) + "\u00a0%";  // no line break in between
}

OrderEffect order_effect(const ElasticityReport& report) {
  if (report.in_order.images.low <= report.guess()) return OrderEffect::guessing;
  if (std::abs(lost(report)) <= report.noise()) return OrderEffect::none;
  const Interval images = wilson(report.any_order.mean, report.images, report.confidence);
  const double routes = std::isnan(report.any_order.low) ? 0 : report.any_order.half_width();
  const double reach = std::hypot(report.any_order.mean - images.low, routes);
  return report.any_order.mean - reach <= report.guess() ? OrderEffect::collapse : OrderEffect::change;
}

std::string finding(const Reports& reports) {
  if (reports.size() == 1) return order_sentence(reports[0]) + half_sentence(reports[0]);
  std::vector<const ElasticityReport*> able;
  std::string idle;
  for (const auto& report : reports) {
    if (order_effect(report) != OrderEffect::guessing) {
      able.push_back(&report);
    } else {
      idle += (idle.empty() ? "" : ", ") + report.name;
    }
  }
  if (!idle.empty()) idle = " No better than guessing even in order, so not compared: " + idle + ".";
  if (able.empty()) return "None of these models is better than guessing even in order: nothing can be said yet.";
  if (able.size() == 1) return order_sentence(*able[0]) + half_sentence(*able[0]) + idle;
  return compare_orders(able) + compare_halves(able) + idle;
}

}  // namespace strata
