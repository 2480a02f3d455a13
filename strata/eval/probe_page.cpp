#include "strata/eval/probe_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "strata/base/error.h"
#include "strata/base/file.h"
#include "strata/eval/probe_figures.h"
#include "strata/eval/probe_json.h"
#include "strata/eval/probe_words.h"
#include "strata/report/rasterise.h"
#include "strata/report/text.h"

namespace strata {
namespace {

using Reports = std::vector<ElasticityReport>;

std::string share(double value) {
  return report::format_fixed(100 * value, 1);
}

std::string whole(double value) {
  return report::format_fixed(100 * value, 0);
}

std::string interval(double low, double high) {
  return std::isnan(low) ? "" : fmt::format("{}–{}", share(low), share(high));
}

std::string times(double factor) {
  return report::format_fixed(factor, 1) + "x";
}

// The largest value among the models stands out, unless all are the same.
void mark_best(report::Table& table, size_t column, const std::vector<double>& values) {
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  if (values.size() < 2 || !(*most > *least)) return;
  for (size_t row = 0; row < values.size(); ++row)
    if (share(values[row]) == share(*most)) table.rows[row][column].strong = true;
}

double saving(const Reports& reports) {
  double shared = 0, apart = 0;
  for (const auto& report : reports) {
    shared += report.work.passes;
    apart += report.work.passes_one_by_one;
  }
  return shared > 0 ? apart / shared : 1;
}

std::vector<report::Fact> facts(const Reports& reports) {
  const report::Fact work{"work saved", times(saving(reports)), "routes that share a prefix share its blocks"};
  if (reports.size() == 1) {
    const ElasticityReport& report = reports[0];
    const Spread& half = report.missing[report.depth / 2].in_order;
    return {{"trained order", percent(report.in_order.accuracy),
             fmt::format("{} {}; {}", report.images, report.unit,
                         interval(report.in_order.images.low, report.in_order.images.high))},
            {"any order", report::format_measured(100 * report.any_order.mean, 100 * report.any_order.sd) + " %",
             fmt::format("mean ± sd of {} orders", report.any_order.routes)},
            {fmt::format("{} of {} blocks missing", report.depth / 2, report.depth), percent(half.mean),
             fmt::format("mean of {} choices, rest in order", half.routes)},
            work};
  }
  const auto best = [&](const char* label, auto&& value) {
    const auto most = std::max_element(reports.begin(), reports.end(),
                                       [&](const auto& a, const auto& b) { return value(a) < value(b); });
    return report::Fact{label, percent(value(*most)), most->name};
  };
  return {best("best in the trained order", [](const auto& report) { return report.in_order.accuracy; }),
          best("best in any order", [](const auto& report) { return report.any_order.mean; }),
          best("best with half its blocks",
               [](const auto& report) { return report.missing[report.depth / 2].in_order.mean; }),
          work};
}

report::Table summary(const Reports& reports) {
  report::Table table{
      .caption = fmt::format("Accuracy in % on {} {} of {}, mean over routes; in any order ± standard deviation over "
                             "orders. The best of each column in bold, whether or not the others differ measurably.",
                             reports.front().images, reports.front().unit, reports.front().data),
      .columns = {{"model"}, {"trained order", true}, {"any order", true}, {"worst order", true}}};
  const auto& windows = reports.front().windows;
  for (const auto& window : windows) table.columns.push_back({fmt::format("windows of {}", window.blocks), true});
  table.columns.push_back({"one missing", true});
  table.columns.push_back({"half missing", true});
  table.columns.push_back({"half missing, any order", true});
  std::vector<std::vector<double>> values(table.columns.size());
  for (const auto& report : reports) {
    std::vector<report::Cell> row{report.name};
    const auto add = [&](double value, const std::string& text) {
      values[row.size()].push_back(value);
      row.emplace_back(text);
    };
    const auto add_share = [&](double value) { add(value, share(value)); };
    add_share(report.in_order.accuracy);
    add(report.any_order.mean, report::format_measured(100 * report.any_order.mean, 100 * report.any_order.sd));
    add_share(report.any_order.least);
    for (const auto& window : windows) {
      const auto same = std::find_if(report.windows.begin(), report.windows.end(),
                                     [&](const auto& own) { return own.blocks == window.blocks; });
      add_share(same != report.windows.end() ? same->accuracy.mean : NAN);
    }
    add_share(report.missing[std::min<int64_t>(1, report.depth)].in_order.mean);
    add_share(report.missing[report.depth / 2].in_order.mean);
    add_share(report.missing[report.depth / 2].any_order.mean);
    table.rows.push_back(std::move(row));
  }
  for (size_t column = 1; column < table.columns.size(); ++column)
    if (std::none_of(values[column].begin(), values[column].end(), [](double value) { return std::isnan(value); }))
      mark_best(table, column, values[column]);
  return table;
}

// Mean and range for each number of missing blocks.
report::Table missing_table(const Reports& reports, bool any_order) {
  report::Table table{
      .caption = fmt::format("Accuracy in % with so many blocks missing, the rest in {}: mean, and from "
                             "the worst choice to the best.",
                             any_order ? "any order" : "order"),
      .columns = {{"model"}}};
  int64_t depth = 0;
  for (const auto& report : reports) depth = std::max(depth, report.depth);
  for (int64_t missing = 0; missing <= depth; ++missing) table.columns.push_back({std::to_string(missing), true});
  for (const auto& report : reports) {
    std::vector<report::Cell> row{report.name};
    for (const auto& missing : report.missing) {
      const Spread& spread = any_order ? missing.any_order : missing.in_order;
      row.emplace_back(spread.routes > 1
                           ? fmt::format("{} ({}–{})", share(spread.mean), whole(spread.least), whole(spread.most))
                           : share(spread.mean));
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

// The routes worth running, from the cheapest.
report::Table budget_table(const Reports& reports) {
  report::Table table{.caption =
                          "Routes chosen on training images, accuracy in % on the test images, and what it is "
                          "above or below that of all blocks in order. Make one permanent with strata prune "
                          "MODEL --route ROUTE --output FOLDER.",
                      .columns = {{"model"}, {"passes", true}, {"route"}, {"accuracy", true}, {"points", true}}};
  for (const auto& report : reports)
    for (const auto& budget : report.budgets)
      if (budget.recommended)
        table.rows.push_back({report.name, std::to_string(budget.passes), budget.measured.route,
                              share(budget.measured.accuracy),
                              report::format_fixed(100 * (budget.measured.accuracy - report.in_order.accuracy), 1)});
  return table;
}

report::Table work_table(const Reports& reports) {
  report::Table table{.caption =
                          "Block passes for one batch of images along all routes of the probe. Seconds: all routes "
                          "on the first images, walked both ways; other work on the machine moves them.",
                      .columns = {{"model"},
                                  {"routes", true},
                                  {"passes one by one", true},
                                  {"passes shared", true},
                                  {"saved", true},
                                  {"seconds one by one", true},
                                  {"seconds shared", true},
                                  {"faster", true}}};
  for (const auto& report : reports) {
    const auto& work = report.work;
    std::vector<report::Cell> row{report.name, std::to_string(work.routes),
                                  report::format_fixed(work.passes_one_by_one, 0), report::format_fixed(work.passes, 0),
                                  times(work.saving())};
    if (work.timing_images > 0) {
      row.emplace_back(report::format_fixed(work.timing_one_by_one, 2));
      row.emplace_back(report::format_fixed(work.timing_shared, 2));
      row.emplace_back(times(work.timing_one_by_one / work.timing_shared));
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

std::string how_orders_were_drawn(const ElasticityReport& report) {
  const Spread& any = report.any_order;
  return static_cast<double>(any.routes) >= any.population
             ? fmt::format("Any order means all {} orders.", any.routes)
             : fmt::format("Any order means {} of the {} orders, drawn at random.", any.routes,
                           report::format_short(any.population, 6));
}

// Everything that is drawn, in the order of the page.
struct Drawings {
  ProbeFigure comparison, order, missing_in_order, missing_any_order, without;
  std::vector<ProbeFigure> windows, exits, budgets, pairs, thinned, maps;

  explicit Drawings(const Reports& reports)
      : comparison(figure_comparison(reports)),
        order(figure_order(reports)),
        missing_in_order(figure_missing(reports, false)),
        missing_any_order(figure_missing(reports, true)),
        without(figure_without(reports)) {
    const auto any = [&](auto&& test) { return std::any_of(reports.begin(), reports.end(), test); };
    if (any([](const auto& report) { return !report.windows.empty(); })) windows.push_back(figure_windows(reports));
    if (any([](const auto& report) { return !report.exits.empty(); })) exits.push_back(figure_exits(reports));
    if (any([](const auto& report) { return !report.budgets.empty(); })) budgets.push_back(figure_budgets(reports));
    for (size_t i = 0; i < reports.size(); ++i) {
      if (!reports[i].heads.empty()) thinned.push_back(figure_heads(reports, i));
      if (!reports[i].neurons.empty()) thinned.push_back(figure_neurons(reports, i));
      if (reports[i].pairs.size() > 1) pairs.push_back(figure_pairs(reports, i));
      if (!reports[i].map) continue;
      maps.push_back(figure_map(reports, i, false));
      maps.push_back(figure_map(reports, i, true));
    }
  }

  std::vector<const ProbeFigure*> all() const {
    std::vector<const ProbeFigure*> list{&comparison, &order, &missing_in_order, &missing_any_order, &without};
    for (const auto* several : {&windows, &exits, &budgets, &pairs, &thinned, &maps})
      for (const auto& figure : *several) list.push_back(&figure);
    return list;
  }
};

void append(report::Section& section, const std::vector<ProbeFigure>& figures) {
  for (const auto& figure : figures) section.items.emplace_back(figure.figure);
}

void add_text(report::Section& section, std::string text) {
  section.items.emplace_back(report::Paragraph{std::move(text)});
}

std::vector<report::Section> sections(const Reports& reports, const Drawings& drawings) {
  const ElasticityReport& first = reports.front();
  const std::string level = percent(first.confidence, 0);
  std::vector<report::Section> sections;
  sections.push_back({"Summary", {summary(reports), drawings.comparison.figure}});

  report::Section order{"Another order", {drawings.order.figure}};
  add_text(order, how_orders_were_drawn(first));
  append(order, drawings.windows);
  sections.push_back(std::move(order));

  sections.push_back({"Missing blocks",
                      {drawings.missing_in_order.figure, drawings.missing_any_order.figure,
                       missing_table(reports, false), missing_table(reports, true)}});

  report::Section single{drawings.exits.empty() ? "Single blocks" : "Single blocks and exits",
                         {drawings.without.figure}};
  append(single, drawings.exits);
  sections.push_back(std::move(single));
  if (!drawings.budgets.empty())
    sections.push_back({"Routes for a budget", {drawings.budgets[0].figure, budget_table(reports)}});
  if (!drawings.pairs.empty()) {
    report::Section pairs{"Pairs side by side", {}};
    add_text(
        pairs,
        "Two blocks that read the same stream can run on two cores at once. Cell (row, column): the column's block "
        "leaves its slot and runs beside the row's, all other blocks in order. Above the diagonal a block runs "
        "earlier than it was trained to, below it later; next to the diagonal nothing else moves.");
    append(pairs, drawings.pairs);
    sections.push_back(std::move(pairs));
  }
  if (!drawings.thinned.empty()) {
    report::Section thinned{"Heads and neurons", {}};
    add_text(thinned,
             fmt::format("A head, or a group of neighbouring neurons, of one block is left out of the pass, all else "
                         "stays. What loses nothing can go; the choice of images alone moves an accuracy by about ±{} "
                         "points.",
                         report::format_fixed(50 * (first.in_order.images.high - first.in_order.images.low), 1)));
    append(thinned, drawings.thinned);
    sections.push_back(std::move(thinned));
  }
  if (!drawings.maps.empty()) {
    report::Section maps{"What blocks write, and where", {}};
    add_text(
        maps,
        "Each dot is what one block added to the class token of one image in one random order, laid out by UMAP "
        "(arXiv 1802.03426) so that similar directions lie close together. Clusters by block: a block does its own "
        "thing wherever it runs. Clusters by slot: what it does depends on where it runs. Only neighbourhoods carry "
        "meaning; axes, sizes and distances between clusters do not.");
    append(maps, drawings.maps);
    sections.push_back(std::move(maps));
  }
  report::Section work{"How it was measured", {}};
  add_text(work,
           fmt::format("All routes of a model were scored on the same {} {}. Bands and whiskers are {} intervals "
                       "of one of two kinds, and each figure says which: over routes (Student's t for a sample "
                       "without replacement; it closes when every route of a kind was run) or over images (Wilson). "
                       "An interval over routes does not contain the choice of images, nor does either contain the "
                       "training seed: to compare ways of training, train several seeds.",
                       first.images, first.unit, level));
  add_text(work, fmt::format("Routes that begin alike share the work: the blocks of a common prefix run once for each "
                             "batch. That saved {} of the block passes.",
                             percent(1 - 1 / saving(reports), 0)));
  work.items.emplace_back(work_table(reports));
  sections.push_back(std::move(work));
  return sections;
}

constexpr const char* kPngFolder = "png";

std::string png_name(const ProbeFigure& figure, bool phone) {
  return fmt::format("{}/{}-{}.png", kPngFolder, figure.file, phone ? "phone" : "wide");
}

report::Page page_of(const Reports& reports, const Drawings& drawings, const ProbeAbout& about) {
  report::Page page{.title = reports.size() == 1 ? fmt::format("How elastic is {}?", reports[0].name)
                                                 : "How elastic are these models?",
                    .lede = finding(reports),
                    .facts = facts(reports),
                    .sections = sections(reports, drawings),
                    .about = about,
                    .raw_json = pretty_json(probe_json(reports, false))};
  for (const auto& report : reports)
    if (!report.origin.empty()) page.about.emplace_back(report.name, report.origin);
  page.about.emplace_back("data", fmt::format("{}, {} {}", reports[0].data, reports[0].images, reports[0].unit));
  page.about.emplace_back("seed", std::to_string(reports[0].seed));
  return page;
}

void check(const Reports& reports) {
  if (reports.empty()) fail("elasticity report: expected at least one model, got none");
}

}  // namespace

report::Page probe_page(const Reports& reports, const ProbeAbout& about) {
  check(reports);
  return page_of(reports, Drawings(reports), about);
}

std::string write_probe(const std::string& folder, const Reports& reports, const ProbeAbout& about) {
  constexpr int kPixelWidth = 1520, kPhonePixelWidth = 1080;  // twice and three times the drawing's own width
  check(reports);
  const Drawings drawings(reports);
  report::Page page = page_of(reports, drawings, about);
  const std::filesystem::path root(folder);
  std::error_code error;
  std::filesystem::create_directories(root / kPngFolder, error);
  if (error) fail("probe: cannot make the folder ", (root / kPngFolder).string(), ": ", error.message());

  write_file_atomic((root / "probe.json").string(), pretty_json(probe_json(reports)));
  page.links.push_back({"probe.json", "probe.json"});
  if (report::can_rasterise())
    for (const ProbeFigure* figure : drawings.all()) {
      for (const bool phone : {false, true}) {
        const std::string name = png_name(*figure, phone);
        const auto size = phone ? report::Size::narrow : report::Size::wide;
        report::write_png((root / name).string(), report::render_svg(figure->figure.plot, size),
                          phone ? kPhonePixelWidth : kPixelWidth);
      }
      page.links.push_back({figure->file + ".png", png_name(*figure, false)});
    }
  const std::string path = (root / "probe.html").string();
  write_file_atomic(path, report::render_html(page));
  return path;
}

std::string probe_text(const Reports& reports, const report::Terminal& terminal) {
  check(reports);
  report::Table table{.columns = {{"model"},
                                  {"trained order", true},
                                  {"any order", true},
                                  {"worst", true},
                                  {"one missing", true},
                                  {"half missing", true},
                                  {"saved", true}}};
  for (const auto& report : reports) {
    const Spread& one = report.missing[std::min<int64_t>(1, report.depth)].in_order;
    table.rows.push_back({report.name, share(report.in_order.accuracy),
                          report::format_measured(100 * report.any_order.mean, 100 * report.any_order.sd),
                          share(report.any_order.least), share(one.mean),
                          share(report.missing[report.depth / 2].in_order.mean), times(report.work.saving())});
  }
  report::Plot plot = figure_order(reports).figure.plot;
  plot.subtitle.clear();
  return fmt::format("{}\n{}\n{}", finding(reports), report::terminal_table(table, terminal),
                     report::terminal_plot(plot, terminal));
}

}  // namespace strata
