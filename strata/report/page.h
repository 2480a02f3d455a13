#pragma once

#include <string>
#include <variant>
#include <vector>

#include "strata/report/plot.h"
#include "strata/report/table.h"

namespace strata::report {

/// A paragraph of plain text.
struct Paragraph {
  std::string text;
};

/// A drawing with its caption. Two half figures in a row stand side by side where there is room.
struct Figure {
  Plot plot;
  std::string caption;
  bool half = false;
};

/// Text shown as it is: a command, a log.
struct Code {
  std::string text;
};

using Item = std::variant<Paragraph, Figure, Table, Code>;

struct Section {
  std::string heading;
  std::vector<Item> items;
};

/// A headline number at the top of the page.
struct Fact {
  std::string label;  // "any order"
  std::string value;  // "78.6 ± 0.8 %"
  std::string note;   // "mean of 32 orders"
};

/// A file that lies beside the page.
struct Link {
  std::string text;
  std::string path;  // relative to the page
};

/// A report: what was asked, the headline numbers, sections, and the raw numbers behind them.
struct Page {
  std::string title;
  std::string lede;  // the finding, in one or two sentences
  std::vector<Fact> facts;
  std::vector<Section> sections;
  std::vector<std::pair<std::string, std::string>> about;  // model, data, seed, command: printed as a list at the end
  std::string raw_json;                                    // shown folded up; empty: none
  std::vector<Link> links;
  std::string language = "en";
};

/// The page as one self-contained HTML file: style and drawings inline, nothing is ever fetched (a content security
/// policy says so), no scripts. Follows the reader's light or dark setting, fits 360 to 1440 pixels and wider, prints.
std::string render_html(const Page& page);

}  // namespace strata::report
