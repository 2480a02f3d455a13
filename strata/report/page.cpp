#include "strata/report/page.h"

#include <fmt/format.h>

#include <algorithm>

#include "strata/base/error.h"
#include "strata/report/text.h"

namespace strata::report {
namespace {

constexpr const char* kLayout = R"css(
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0;background:var(--back);color:var(--ink);font:16px/1.6 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
main{max-width:1080px;margin:0 auto;padding:40px 28px 64px}
h1{font-size:clamp(1.6rem,1.2rem + 1.8vw,2.3rem);line-height:1.2;letter-spacing:-.015em;margin:0 0 .5rem;text-wrap:balance}
h2{font-size:1.3rem;line-height:1.3;letter-spacing:-.01em;margin:3rem 0 .7rem}
p{margin:0 0 1rem;max-width:46rem}
.lede{font-size:1.12rem;color:var(--muted);max-width:44rem}
nav{margin:1.4rem 0 0;display:flex;flex-wrap:wrap;gap:.25rem 1.1rem;font-size:.92rem}
a{color:var(--c0);text-decoration:none}
a:hover,a:focus-visible{text-decoration:underline}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px;margin:1.8rem 0 0;padding:0}
.facts div{background:var(--surface);border:1px solid var(--grid);border-radius:10px;padding:14px 16px}
.facts dt{font-size:.84rem;color:var(--muted);line-height:1.35}
.facts dd{margin:.15rem 0 0;font-size:1.5rem;font-weight:650;letter-spacing:-.01em;font-variant-numeric:tabular-nums;line-height:1.25}
.facts .note{font-size:.82rem;font-weight:400;letter-spacing:0;color:var(--muted);line-height:1.35;margin-top:.2rem}
.items{display:grid;grid-template-columns:minmax(0,1fr) minmax(0,1fr);gap:18px}
.items>*{grid-column:1/-1;min-width:0}
.items>.half{grid-column:span 1}
.items>p{margin:0}
figure{margin:0;background:var(--surface);border:1px solid var(--grid);border-radius:10px;padding:10px 10px 12px}
figcaption{color:var(--muted);font-size:.9rem;line-height:1.45}
figcaption{padding:4px 10px 0;max-width:52rem}
.drawing{display:block;width:100%;height:auto}
.for-phone{display:none}
figure.table{padding:6px 0 10px}
.table figcaption{padding:6px 16px 0}
.scroll{overflow-x:auto}
table{border-collapse:separate;border-spacing:0;width:100%;font-size:.94rem}
th,td{padding:7px 16px;text-align:left;vertical-align:baseline}
td{border-top:1px solid var(--grid)}
thead th{color:var(--muted);font-weight:600;font-size:.86rem;vertical-align:bottom;line-height:1.3}
tbody th{font-weight:500;border-top:1px solid var(--grid)}
.n{text-align:right;font-variant-numeric:tabular-nums}
td.n{white-space:nowrap}
tbody th,thead th:first-child{position:sticky;left:0;background:var(--surface)}
tbody tr:hover>td{background:color-mix(in srgb,var(--c0) 7%,transparent)}
pre{margin:0;overflow:auto;max-height:32rem;background:var(--surface);border:1px solid var(--grid);border-radius:10px;padding:12px 16px;
font:13px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;tab-size:2}
details{margin-top:1rem}
summary{cursor:pointer;color:var(--c0);padding:.3rem 0}
.about{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:.2rem 1.4rem;font-size:.94rem;margin:0}
.about dt{color:var(--muted)}
.about dd{margin:0;overflow-wrap:anywhere}
.files{margin:.8rem 0 0;padding:0;list-style:none;display:flex;flex-wrap:wrap;gap:.2rem 1.2rem;font-size:.94rem}
@media(max-width:760px){
main{padding:24px 14px 44px}
.items>.half{grid-column:1/-1}
.for-desk{display:none}
.for-phone{display:block}
figure{padding:4px 2px 10px}
figure.table{padding:4px 0 10px}
figcaption{padding:4px 12px 0}
.facts{grid-template-columns:repeat(2,minmax(0,1fr));gap:8px}
.facts div{padding:11px 12px}
.facts dd{font-size:1.25rem}
th,td{padding:7px 10px}
th:first-child,td:first-child{padding-left:14px}
h2{margin-top:2.3rem}
.about{grid-template-columns:1fr}
.about dd{margin-bottom:.4rem}
}
@media print{
body{font-size:11pt}
main{max-width:none;padding:0}
nav,details{display:none}
figure,.facts div{break-inside:avoid;border-color:#ccc}
h2{break-after:avoid}
}
)css";

std::string anchor(size_t index) {
  return fmt::format("s{}", index + 1);
}

std::string cell_html(const Cell& cell) {
  const std::string text = escape_markup(cell.text);
  return cell.strong ? "<strong>" + text + "</strong>" : text;
}

std::string table_html(const Table& table) {
  validate(table);
  std::string out = "<figure class=\"table\"><div class=\"scroll\" tabindex=\"0\"><table>\n";
  out += "<thead><tr>";
  for (const auto& column : table.columns)
    out +=
        fmt::format("<th scope=\"col\"{}>{}</th>", column.numeric ? " class=\"n\"" : "", escape_markup(column.heading));
  out += "</tr></thead>\n<tbody>\n";
  for (const auto& row : table.rows) {
    out += "<tr>";
    for (size_t c = 0; c < table.columns.size(); ++c) {
      const bool heads_row = c == 0 && !table.columns[0].numeric;
      out += fmt::format("<{}{}>{}</{}>", heads_row ? "th scope=\"row\"" : "td",
                         table.columns[c].numeric ? " class=\"n\"" : "", c < row.size() ? cell_html(row[c]) : "",
                         heads_row ? "th" : "td");
    }
    out += "</tr>\n";
  }
  out += "</tbody></table></div>\n";
  if (!table.caption.empty()) out += "<figcaption>" + escape_markup(table.caption) + "</figcaption>\n";
  return out + "</figure>\n";
}

std::string figure_html(const Figure& figure) {
  const Size desk = figure.half ? Size::half : Size::wide;
  std::string out = figure.half ? "<figure class=\"half\">\n" : "<figure>\n";
  out += "<div class=\"for-desk\">" + render_svg(figure.plot, desk, Theme::page) + "</div>";
  out += "<div class=\"for-phone\">" + render_svg(figure.plot, Size::narrow, Theme::page) + "</div>\n";
  if (!figure.caption.empty()) out += "<figcaption>" + escape_markup(figure.caption) + "</figcaption>\n";
  return out + "</figure>\n";
}

struct ItemHtml {
  std::string operator()(const Paragraph& paragraph) const { return "<p>" + escape_markup(paragraph.text) + "</p>\n"; }
  std::string operator()(const Figure& figure) const { return figure_html(figure); }
  std::string operator()(const Table& table) const { return table_html(table); }
  std::string operator()(const Code& code) const { return "<pre>" + escape_markup(code.text) + "</pre>\n"; }
};

std::string style() {
  // Printing is on white whatever the screen's theme.
  return fmt::format(
      ":root{{color-scheme:light dark;--back:#f6f7f9;{0}}}\n@media screen and "
      "(prefers-color-scheme:dark){{:root{{--back:#0e1116;{1}}}}}\n"
      "@media print{{:root{{--back:#fff}}}}\n{2}{3}",
      theme_variables(Theme::light), theme_variables(Theme::dark), drawing_css(Theme::page), kLayout);
}

// A link may only lead to a file beside the page.
void validate(const Link& link) {
  if (link.path.find(':') != std::string::npos || link.path.starts_with('/') || link.path.starts_with('\\'))
    fail("page link '", link.text, "': expected a path relative to the page, found '", link.path, "'");
}

}  // namespace

std::string render_html(const Page& page) {
  const std::string title = escape_markup(page.title);
  std::string out = fmt::format(
      "<!doctype html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<meta name=\"color-scheme\" "
      "content=\"light dark\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none';style-src 'unsafe-inline'\">\n"
      "<title>{}</title>\n<style>\n{}</style>\n</head>\n<body>\n<main>\n<header>\n<h1>{}</h1>\n",
      escape_markup(page.language), title, style(), title);
  if (!page.lede.empty()) out += "<p class=\"lede\">" + escape_markup(page.lede) + "</p>\n";
  if (!page.facts.empty()) {
    out += "<dl class=\"facts\">\n";
    for (const auto& fact : page.facts) {
      out += fmt::format("<div><dt>{}</dt><dd>{}</dd>", escape_markup(fact.label), escape_markup(fact.value));
      if (!fact.note.empty()) out += fmt::format("<dd class=\"note\">{}</dd>", escape_markup(fact.note));
      out += "</div>\n";
    }
    out += "</dl>\n";
  }
  if (page.sections.size() > 2) {
    out += "<nav aria-label=\"Sections\">\n";
    for (size_t i = 0; i < page.sections.size(); ++i)
      out += fmt::format("<a href=\"#{}\">{}</a>\n", anchor(i), escape_markup(page.sections[i].heading));
    out += "</nav>\n";
  }
  out += "</header>\n";
  for (size_t i = 0; i < page.sections.size(); ++i) {
    out += fmt::format("<section id=\"{}\">\n<h2>{}</h2>\n<div class=\"items\">\n", anchor(i),
                       escape_markup(page.sections[i].heading));
    for (const auto& item : page.sections[i].items) out += std::visit(ItemHtml{}, item);
    out += "</div>\n</section>\n";
  }
  if (!page.about.empty() || !page.raw_json.empty() || !page.links.empty()) {
    out += "<section id=\"about\">\n<h2>About this report</h2>\n";
    if (!page.about.empty()) {
      out += "<dl class=\"about\">\n";
      for (const auto& [name, value] : page.about)
        out += fmt::format("<dt>{}</dt><dd>{}</dd>\n", escape_markup(name), escape_markup(value));
      out += "</dl>\n";
    }
    if (!page.links.empty()) {
      out += "<ul class=\"files\">\n";
      for (const auto& link : page.links) {
        validate(link);
        out += fmt::format("<li><a href=\"{}\">{}</a></li>\n", escape_markup(link.path), escape_markup(link.text));
      }
      out += "</ul>\n";
    }
    if (!page.raw_json.empty())
      out += "<details><summary>The numbers as JSON</summary>\n<pre>" + escape_markup(page.raw_json) +
             "</pre></details>\n";
    out += "</section>\n";
  }
  return out + "</main>\n</body>\n</html>\n";
}

}  // namespace strata::report
