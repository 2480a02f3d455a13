#pragma once

#include <string>
#include <utility>
#include <vector>

#include "strata/eval/probe.h"
#include "strata/report/page.h"
#include "strata/report/terminal_plot.h"

namespace strata {

/// Facts for the end of the page, printed as given: {"model", "runs/shuffle"}, {"command", "strata probe ..."}.
using ProbeAbout = std::vector<std::pair<std::string, std::string>>;

/// The elasticity report of one or several models as a page: the finding in words, headline numbers, figures, tables,
/// how everything was measured. Throws Error without models.
report::Page probe_page(const std::vector<ElasticityReport>& reports, const ProbeAbout& about = {});

/// Writes probe.html (self-contained), probe.json and, where this build can draw them, png/NAME-wide.png and
/// png/NAME-phone.png of the figures, into a folder that is made when missing. Every file appears whole or not at all.
/// Returns the path of the page. Throws Error when something cannot be written.
std::string write_probe(const std::string& folder, const std::vector<ElasticityReport>& reports,
                        const ProbeAbout& about = {});

/// The finding, a table of the models and a drawing of accuracy against the distance of the order, for a terminal.
std::string probe_text(const std::vector<ElasticityReport>& reports, const report::Terminal& terminal);

}  // namespace strata
