#pragma once

#include <string>
#include <vector>

#include "strata/eval/probe.h"
#include "strata/report/page.h"

namespace strata {

/// A drawing of the elasticity report, and what to call it as a file ("order").
struct ProbeFigure {
  std::string file;
  report::Figure figure;
};

/// Drawings that show all models together.
ProbeFigure figure_comparison(const std::vector<ElasticityReport>& reports);
ProbeFigure figure_missing(const std::vector<ElasticityReport>& reports, bool any_order);
ProbeFigure figure_order(const std::vector<ElasticityReport>& reports);
ProbeFigure figure_windows(const std::vector<ElasticityReport>& reports);  // only where some window was measured
ProbeFigure figure_without(const std::vector<ElasticityReport>& reports);
ProbeFigure figure_exits(const std::vector<ElasticityReport>& reports);  // only where exits were measured

ProbeFigure figure_budgets(const std::vector<ElasticityReport>& reports);  // only where routes were recommended

/// Drawings of one of the models.
ProbeFigure figure_heads(const std::vector<ElasticityReport>& reports, size_t index);    // only where measured
ProbeFigure figure_neurons(const std::vector<ElasticityReport>& reports, size_t index);  // only where measured
ProbeFigure figure_pairs(const std::vector<ElasticityReport>& reports, size_t index);
ProbeFigure figure_map(const std::vector<ElasticityReport>& reports, size_t index, bool by_slot);

}  // namespace strata
