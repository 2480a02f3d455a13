#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "strata/base/random.h"
#include "strata/report/page.h"
#include "strata/report/text.h"

// Drawings of the kinds a report holds, with made-up numbers.
namespace strata::report::samples {

inline Line curve(std::string name, std::vector<double> y, double spread, int colour = -1, int dash = -1) {
  Line line{.name = std::move(name), .y = y, .colour = colour, .dash = dash};
  for (size_t i = 0; i < y.size(); ++i) {
    line.x.push_back(static_cast<double>(i));
    line.low.push_back(y[i] - spread * (0.4 + 0.2 * static_cast<double>(i)));
    line.high.push_back(y[i] + spread * (0.4 + 0.2 * static_cast<double>(i)));
  }
  return line;
}

inline Plot missing_blocks() {
  Plot plot;
  plot.title = "Accuracy with blocks missing";
  plot.subtitle = "Blocks left out at random, the rest in their trained order; bands: 95 % of 200 draws";
  plot.x = {.label = "missing blocks", .integers = true};
  plot.y = {.label = "accuracy", .unit = "%"};
  plot.lines = {curve("plain", {83.0, 81.8, 74.2, 61.8, 44, 25.1, 10}, 4),
                curve("LayerDrop", {80.9, 80.4, 79.3, 73.4, 62, 41.5, 10}, 2.5),
                curve("LayerShuffle", {79.0, 78.3, 75.7, 68.6, 58.2, 40.3, 10}, 1.5),
                curve("LayerShuffle-position", {74.8, 73.5, 69.3, 68.3, 56, 37, 10}, 1.5)};
  plot.references = {{.value = 10, .label = "guessing"}};
  return plot;
}

inline Plot order_distance() {
  Plot plot;
  plot.title = "Accuracy as the order strays";
  plot.subtitle = "Kendall tau distance: the share of block pairs that changed places";
  plot.x = {.label = "distance from the trained order", .low = 0, .high = 1};
  plot.y = {.label = "accuracy", .unit = "%", .low = 0, .high = 100};
  const char* names[] = {"plain", "LayerDrop", "LayerShuffle", "window shuffle, w = 2"};
  const double ends[] = {14, 48, 78.2, 66}, starts[] = {83, 80.9, 79, 81.5};
  for (int s = 0; s < 4; ++s) {
    Line line{.name = names[s]};
    for (int i = 0; i <= 15; ++i) {
      const double t = i / 15.0, y = starts[s] + (ends[s] - starts[s]) * std::pow(t, 0.6);
      line.x.push_back(t);
      line.y.push_back(y);
      line.low.push_back(y - 0.12 * (starts[s] - ends[s]) - 0.5);
      line.high.push_back(y + 0.12 * (starts[s] - ends[s]) + 0.5);
    }
    plot.lines.push_back(line);
  }
  return plot;
}

inline Plot exits() {
  Plot plot;
  plot.title = "Accuracy at each exit";
  plot.subtitle = "The head reads the stream after this many blocks";
  plot.x = {.label = "blocks run", .integers = true};
  plot.y = {.label = "accuracy", .unit = "%"};
  plot.lines = {curve("plain", {11, 18, 30, 45, 58, 74, 83.0}, 0.8, 0),
                curve("LayerDrop", {12, 44, 63, 73, 77, 80, 80.9}, 0.8, 1),
                curve("LayerShuffle", {12, 40, 58, 68, 74, 77.5, 79.0}, 0.8, 2)};
  return plot;
}

inline Plot pairs(int blocks) {
  Plot plot;
  plot.title = "Two blocks side by side";
  plot.subtitle =
      "Change in accuracy when a block (row) and another (column) read the same stream instead of one after the other";
  plot.x = {.label = "second block"};
  plot.y = {.label = "first block"};
  HeatMap heat{.label = "change", .unit = "points", .centre = 0};
  for (int r = 0; r < blocks; ++r) {
    heat.rows.push_back(std::to_string(r));
    heat.columns.push_back(std::to_string(r));
    for (int c = 0; c < blocks; ++c)
      heat.values.push_back(r == c ? NAN : 0.4 - 9.0 / (1 + std::abs(r - c) * (1 + std::min(r, c))));
  }
  plot.heat = heat;
  return plot;
}

inline Plot comparison() {
  Plot plot;
  plot.title = "In the trained order and in any order";
  plot.subtitle = "Mean and standard deviation over 32 orders and 3 seeds";
  plot.y = {.label = "accuracy", .unit = "%", .low = 0, .high = 100};
  plot.categories = {"plain", "LayerDrop, p = 0.2", "LayerShuffle", "LayerShuffle-position", "LayerShuffle-predict"};
  plot.bars = {{.name = "trained order",
                .value = {83.0, 80.9, 79.0, 74.8, 78.1},
                .low = {82.6, 80.1, 78.5, 74, 77.6},
                .high = {83.4, 81.7, 79.5, 75.6, 78.6}},
               {.name = "any order",
                .value = {33.6, 61.0, 78.6, 75.5, 77.9},
                .low = {25, 55.4, 77.8, 74.7, 77.1},
                .high = {42.2, 66.6, 79.4, 76.3, 78.7}}};
  plot.references = {{.value = 10, .label = "guessing"}};
  return plot;
}

inline Plot block_map(bool by_slot) {
  constexpr int blocks = 6, each = 80;
  Plot plot;
  plot.title = by_slot ? "Coloured by slot" : "Coloured by block";
  plot.subtitle = by_slot ? "Where in the order the block ran" : "Which block wrote it";
  plot.x.hidden = plot.y.hidden = true;
  plot.ordered_series = true;
  plot.scatters.resize(blocks);
  Random random(5);
  for (int block = 0; block < blocks; ++block) {
    for (int i = 0; i < each; ++i) {
      const int slot = static_cast<int>(random.below(blocks));
      Scatter& scatter = plot.scatters[by_slot ? slot : block];
      scatter.x.push_back(5 * std::cos(block * 1.05) + 0.35 * slot + 0.3 * random.normal());
      scatter.y.push_back(4 * std::sin(block * 1.05) + 0.25 * slot + 0.3 * random.normal());
    }
  }
  for (int i = 0; i < blocks; ++i) {
    plot.scatters[i].name = (by_slot ? "slot " : "block ") + std::to_string(i);
    plot.scatters[i].name_at_centre = !by_slot;
  }
  return plot;
}

inline Table summary() {
  Table table;
  table.caption =
      "Accuracy on 10,000 test images, mean ± standard deviation over three seeds. Best in each column in bold.";
  table.columns = {{"model"},
                   {"trained order", true},
                   {"any order", true},
                   {"one block missing", true},
                   {"half missing", true},
                   {"block passes saved", true}};
  table.rows = {{"plain",
                 {format_measured(83.0, 0.4), true},
                 format_measured(33.6, 8.6),
                 {format_measured(81.8, 0.5), true},
                 format_measured(61.8, 3.1),
                 "2.4x"},
                {"LayerDrop, p = 0.2",
                 format_measured(80.9, 0.8),
                 format_measured(61.0, 5.6),
                 format_measured(80.4, 0.6),
                 {format_measured(73.4, 1.4), true},
                 "2.4x"},
                {"LayerShuffle",
                 format_measured(79.0, 0.5),
                 {format_measured(78.6, 0.8), true},
                 format_measured(78.3, 0.7),
                 format_measured(68.6, 1.2),
                 "2.4x"}};
  return table;
}

inline Page report() {
  Page page;
  page.title = "How elastic is this vision transformer?";
  page.lede =
      "The plain model collapses to 33.6 % when its blocks run in another order; the one trained with shuffled layers "
      "keeps 78.6 % in any order.";
  page.facts = {{"trained order", "79.0 %", "LayerShuffle, seed 0"},
                {"any order", "78.6 ± 0.8 %", "mean of 32 orders"},
                {"half the blocks missing", "68.6 %", "mean of 20 choices"},
                {"work saved", "2.4x", "routes that share a prefix share its blocks"}};
  page.sections = {
      {"Summary",
       {Paragraph{"Every model has six blocks and the same budget of 600 steps. A route is the plan of one pass: which "
                  "blocks run, and in which order."},
        summary(),
        Figure{comparison(),
               "Longer is better. The gap between the two bars of a model is what another order costs."}}},
      {"Missing blocks", {Figure{missing_blocks(), "Models trained with missing blocks lose the least."}}},
      {"Order", {Figure{order_distance(), "Every dot is the mean of 40 orders at that distance."}}},
      {"Exits and pairs",
       {Figure{exits(), "Reading the answer early.", true},
        Figure{pairs(6), "Blue: no loss. Rust: the pair needs its order.", true}}},
      {"Map of block outputs",
       {Paragraph{"Each dot is one block's output for one image, laid out so that similar outputs lie close together."},
        Figure{block_map(false), "", true}, Figure{block_map(true), "", true}}}};
  page.about = {{"model", "runs/shuffle/seed0"},
                {"data", "Fashion-MNIST, test, 10,000 images"},
                {"seed", "0"},
                {"command", "strata probe runs/shuffle/seed0 --out report"}};
  page.raw_json = "{\n  \"accuracy\": 0.79,\n  \"note\": \"a < b & c\"\n}\n";
  page.links = {{"report.json", "report.json"}, {"missing.png", "missing.png"}};
  return page;
}

}  // namespace strata::report::samples
