#include "strata/eval/probe_figures.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "strata/eval/probe_words.h"
#include "strata/report/text.h"

namespace strata {
namespace {

using Reports = std::vector<ElasticityReport>;

const report::Axis kAccuracy{.label = "accuracy", .unit = "%", .low = 0, .high = 100};

// "95 %"
std::string level(const Reports& reports) {
  return percent(reports.front().confidence, 0);
}

std::vector<report::Reference> guessing(const Reports& reports) {
  return {{.value = 100 * reports.front().guess(), .label = "guessing"}};
}

void add_point(report::Line& line, double x, double value, double low, double high) {
  line.x.push_back(x);
  line.y.push_back(100 * value);
  line.low.push_back(100 * (std::isnan(low) ? value : low));
  line.high.push_back(100 * (std::isnan(high) ? value : high));
}

void add_point(report::Line& line, double x, const Spread& spread) {
  add_point(line, x, spread.mean, spread.low, spread.high);
}

// With one model there is room for its extremes.
void add_extremes(report::Plot& plot, const std::vector<std::pair<double, const Spread*>>& spreads) {
  report::Line best{.name = "best", .colour = 0, .dash = 2}, worst{.name = "worst", .colour = 0, .dash = 2};
  for (const auto& [x, spread] : spreads) {
    best.x.push_back(x);
    best.y.push_back(100 * spread->most);
    worst.x.push_back(x);
    worst.y.push_back(100 * spread->least);
  }
  plot.lines.push_back(std::move(best));
  plot.lines.push_back(std::move(worst));
}

// The drawings of one of several models are told apart by its number.
std::string numbered(const std::string& file, const Reports& reports, size_t index) {
  return reports.size() > 1 ? fmt::format("{}-{}", file, index + 1) : file;
}

}  // namespace

ProbeFigure figure_comparison(const Reports& reports) {
  report::Plot plot{.title = "In the trained order and in any order",
                    .subtitle = fmt::format("Whiskers: {} interval over images (trained order), standard deviation "
                                            "over orders (any order)",
                                            level(reports)),
                    .y = kAccuracy,
                    .bars = {{.name = "trained order"}, {.name = "any order"}},
                    .references = guessing(reports)};
  const auto add = [](report::Bars& bars, double value, double low, double high) {
    bars.value.push_back(100 * value);
    bars.low.push_back(100 * low);
    bars.high.push_back(100 * high);
  };
  for (const auto& report : reports) {
    plot.categories.push_back(report.name);
    add(plot.bars[0], report.in_order.accuracy, report.in_order.images.low, report.in_order.images.high);
    const Spread& any = report.any_order;
    add(plot.bars[1], any.mean, std::max(0.0, any.mean - any.sd), std::min(1.0, any.mean + any.sd));
  }
  return {"comparison",
          {plot, fmt::format("Any order: the mean over {} random orders of all blocks, on the same images.",
                             reports.front().any_order.routes)}};
}

ProbeFigure figure_missing(const Reports& reports, bool any_order) {
  report::Plot plot{
      .title = any_order ? "Blocks missing, the rest in any order" : "Blocks missing, the rest in order",
      .subtitle = fmt::format("Mean over choices of blocks; band: {} interval of that mean", level(reports)),
      .x = {.label = "missing blocks", .integers = true},
      .y = kAccuracy,
      .references = guessing(reports)};
  for (const auto& report : reports) {
    report::Line line{.name = report.name};
    for (const auto& missing : report.missing)
      add_point(line, static_cast<double>(missing.blocks), any_order ? missing.any_order : missing.in_order);
    plot.lines.push_back(std::move(line));
  }
  if (reports.size() == 1) {
    std::vector<std::pair<double, const Spread*>> spreads;
    for (const auto& missing : reports[0].missing)
      spreads.emplace_back(missing.blocks, any_order ? &missing.any_order : &missing.in_order);
    add_extremes(plot, spreads);
  }
  return {any_order ? "missing-any-order" : "missing-in-order",
          {plot,
           any_order ? "Blocks left out at random and the others shuffled: what happens when parts fail and the rest "
                       "answer as they come."
                     : "Blocks left out at random, the others in their trained order: what pruning without retraining "
                       "costs.",
           true}};
}

ProbeFigure figure_order(const Reports& reports) {
  report::Plot plot{.title = "Accuracy as the order strays from the trained one",
                    .subtitle = fmt::format("Kendall tau distance: the share of block pairs that changed places; band: "
                                            "{} interval of the mean over orders",
                                            level(reports)),
                    .x = {.label = "distance from the trained order", .low = 0, .high = 1},
                    .y = kAccuracy,
                    .references = guessing(reports)};
  for (const auto& report : reports) {
    report::Line line{.name = report.name};
    for (const auto& at : report.distances) add_point(line, at.distance, at.accuracy);
    plot.lines.push_back(std::move(line));
  }
  if (reports.size() == 1) {
    report::Scatter orders{.name = "random orders", .size = 4, .colour = 1};
    for (const auto& order : reports[0].orders) {
      orders.x.push_back(order.distance);
      orders.y.push_back(100 * order.accuracy);
      orders.tips.push_back(fmt::format("{}: {}", order.route, percent(order.accuracy)));
    }
    plot.scatters.push_back(std::move(orders));
  }
  return {"order",
          {plot,
           "0 is the trained order, 1 its reverse, ½ what a random order has on average. At each distance, orders "
           "were drawn uniformly among all that have exactly this distance."}};
}

ProbeFigure figure_windows(const Reports& reports) {
  report::Plot plot{
      .title = "Orders that stray only locally",
      .subtitle = fmt::format(
          "Blocks change places inside windows of so many; band: {} interval of the mean over orders", level(reports)),
      .x = {.label = "blocks in a window", .integers = true},
      .y = kAccuracy,
      .references = guessing(reports)};
  for (const auto& report : reports) {
    report::Line line{.name = report.name};
    add_point(line, 1, report.in_order.accuracy, report.in_order.accuracy, report.in_order.accuracy);
    for (const auto& window : report.windows) add_point(line, static_cast<double>(window.blocks), window.accuracy);
    add_point(line, static_cast<double>(report.depth), report.any_order);
    plot.lines.push_back(std::move(line));
  }
  return {
      "windows",
      {plot, "How much freedom of order is bought at which price: 1 is the trained order, the last point any order."}};
}

ProbeFigure figure_without(const Reports& reports) {
  report::Plot plot{.title = "Each block missing alone"};
  ProbeFigure result{"without", {}};
  if (reports.size() == 1) {
    const ElasticityReport& report = reports[0];
    plot.subtitle = fmt::format("Accuracy without this block; whiskers: {} interval over images", level(reports));
    plot.y = kAccuracy;
    plot.bars = {{.name = report.name}};
    for (size_t block = 0; block < report.without.size(); ++block) {
      const auto& without = report.without[block];
      plot.categories.push_back(fmt::format("without {}", block));
      plot.bars[0].value.push_back(100 * without.accuracy);
      plot.bars[0].low.push_back(100 * without.images.low);
      plot.bars[0].high.push_back(100 * without.images.high);
    }
    plot.references = {{.value = 100 * report.in_order.accuracy, .label = "all blocks"}};
  } else {
    plot.subtitle = "Change in accuracy when only this block is left out";
    plot.x = {.label = "missing block"};
    report::HeatMap heat{.label = "change", .unit = "points", .centre = 0};
    int64_t depth = 0;
    for (const auto& report : reports) depth = std::max(depth, report.depth);
    for (int64_t block = 0; block < depth; ++block) heat.columns.push_back(std::to_string(block));
    for (const auto& report : reports) {
      heat.rows.push_back(report.name);
      for (int64_t block = 0; block < depth; ++block)
        heat.values.push_back(block < report.depth ? 100 * (report.without[block].accuracy - report.in_order.accuracy)
                                                   : NAN);
    }
    plot.heat = std::move(heat);
  }
  const Interval& images = reports.front().in_order.images;
  result.figure = {plot,
                   fmt::format("Which blocks matter. The choice of images alone moves an accuracy by about ±{} "
                               "points ({} interval); differences well below that are noise.",
                               report::format_fixed(50 * (images.high - images.low), 1), level(reports)),
                   true};
  return result;
}

ProbeFigure figure_exits(const Reports& reports) {
  report::Plot plot{
      .title = "Each exit",
      .subtitle =
          fmt::format("The head reads the stream after so many blocks; band: {} interval over images", level(reports)),
      .x = {.label = "blocks run", .integers = true},
      .y = kAccuracy,
      .references = guessing(reports)};
  for (const auto& report : reports) {
    report::Line line{.name = report.name};
    for (size_t run = 0; run < report.exits.size(); ++run) {
      const auto& exit = report.exits[run];
      add_point(line, static_cast<double>(run), exit.accuracy, exit.images.low, exit.images.high);
    }
    plot.lines.push_back(std::move(line));
  }
  return {"exits",
          {plot, "The final norm and head, which were trained at the full depth, read the stream early.", true}};
}

ProbeFigure figure_budgets(const Reports& reports) {
  report::Plot plot{
      .title = "Accuracy for a budget",
      .subtitle =
          fmt::format("The best routes found for so many block passes; band: {} interval over images", level(reports)),
      .x = {.label = "block passes", .integers = true},
      .y = kAccuracy,
      .references = guessing(reports)};
  for (const auto& report : reports) {
    report::Line line{.name = report.name};
    for (const auto& budget : report.budgets)
      if (budget.recommended)
        add_point(line, static_cast<double>(budget.passes), budget.measured.accuracy, budget.measured.images.low,
                  budget.measured.images.high);
    plot.lines.push_back(std::move(line));
  }
  return {
      "budgets",
      {plot,
       "Blocks were taken away one at a time, the least loss each time, on training images; shown is what the routes "
       "give on the test images. Routes that a cheaper one equals are left out.",
       true}};
}

namespace {

// Change in accuracy when a piece of a block is switched off, on one scale of colours for all models.
ProbeFigure figure_switched_off(const Reports& reports, size_t index, std::vector<double> ElasticityReport::* values,
                                const char* what, const char* file) {
  const ElasticityReport& report = reports[index];
  report::Plot plot{.title = fmt::format("{}: each {} switched off", report.name, what),
                    .subtitle = "Change in accuracy when this one alone is left out",
                    .x = {.label = what},
                    .y = {.label = "block"}};
  report::HeatMap heat{.label = "change", .unit = "points", .low = 0, .high = 0, .centre = 0};
  for (const auto& each : reports)
    for (const double accuracy : each.*values) {
      heat.low = std::min(*heat.low, 100 * (accuracy - each.in_order.accuracy));
      heat.high = std::max(*heat.high, 100 * (accuracy - each.in_order.accuracy));
    }
  const auto& own = report.*values;
  for (int64_t block = 0; block < report.depth; ++block) heat.rows.push_back(std::to_string(block));
  for (int64_t i = 0; i < std::ssize(own) / report.depth; ++i) heat.columns.push_back(std::to_string(i));
  for (const double accuracy : own) heat.values.push_back(100 * (accuracy - report.in_order.accuracy));
  plot.heat = std::move(heat);
  return {numbered(file, reports, index), {plot, "", true}};
}

}  // namespace

ProbeFigure figure_heads(const Reports& reports, size_t index) {
  return figure_switched_off(reports, index, &ElasticityReport::heads, "head", "heads");
}

ProbeFigure figure_neurons(const Reports& reports, size_t index) {
  return figure_switched_off(reports, index, &ElasticityReport::neurons, "group of neurons", "neurons");
}

ProbeFigure figure_pairs(const Reports& reports, size_t index) {
  const ElasticityReport& report = reports[index];
  report::Plot plot{.title = fmt::format("{}: two blocks side by side", report.name),
                    .subtitle = "Change in accuracy when the column's block leaves its slot and runs beside the row's",
                    .x = {.label = "block that moves"},
                    .y = {.label = "block that stays"}};
  report::HeatMap heat{.label = "change", .unit = "points", .low = 0, .high = 0, .centre = 0};
  // One scale of colours for all models.
  for (const auto& each : reports)
    for (const double accuracy : each.pairs) {
      if (std::isnan(accuracy)) continue;
      const double change = 100 * (accuracy - each.in_order.accuracy);
      heat.low = std::min(*heat.low, change);
      heat.high = std::max(*heat.high, change);
    }
  for (int64_t block = 0; block < report.depth; ++block) {
    heat.rows.push_back(std::to_string(block));
    heat.columns.push_back(std::to_string(block));
  }
  for (const double accuracy : report.pairs) heat.values.push_back(100 * (accuracy - report.in_order.accuracy));
  plot.heat = std::move(heat);
  return {numbered("pairs", reports, index), {plot, "", true}};
}

ProbeFigure figure_map(const Reports& reports, size_t index, bool by_slot) {
  const ElasticityReport& report = reports[index];
  const BlockMap& map = *report.map;
  report::Plot plot{.title = fmt::format("{}: {}", report.name, by_slot ? "coloured by slot" : "coloured by block"),
                    .subtitle = by_slot ? "Where in the order the block ran" : "Which block it was",
                    .x = {.hidden = true},
                    .y = {.hidden = true},
                    .ordered_series = true};
  for (int64_t i = 0; i < report.depth; ++i)
    plot.scatters.push_back({.name = fmt::format("{} {}", by_slot ? "slot" : "block", i), .name_at_centre = !by_slot});
  const auto& series = by_slot ? map.slot : map.block;
  for (size_t i = 0; i < series.size(); ++i) {
    plot.scatters[series[i]].x.push_back(map.x[i]);
    plot.scatters[series[i]].y.push_back(map.y[i]);
  }
  const double share = by_slot ? map.share_slot : map.share_block;
  return {numbered(by_slot ? "map-by-slot" : "map-by-block", reports, index),
          {plot,
           fmt::format("Knowing the {} explains {} of the variance of the outputs' directions.",
                       by_slot ? "slot" : "block", percent(share, 0)),
           true}};
}

}  // namespace strata
