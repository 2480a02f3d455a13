#include "strata/report/page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>

#include "strata/base/error.h"
#include "tests/report/samples.h"

namespace strata::report {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Page, NeedsNothingFromOutside) {
  const std::string html = render_html(samples::report());
  for (const char* reach :
       {"http:", "https:", "//", "url(", "@import", "<script", "<link", "<img", "<iframe", "javascript:", "src="})
    EXPECT_THAT(html, Not(HasSubstr(reach)));
  EXPECT_THAT(html, HasSubstr("default-src 'none'"));
  std::vector<std::string> targets;
  const std::regex href("href=\"([^\"]*)\"");
  for (std::sregex_iterator it(html.begin(), html.end(), href), end; it != end; ++it) {
    const std::string target = (*it)[1];
    if (target.starts_with("#")) {
      EXPECT_THAT(html, HasSubstr("id=\"" + target.substr(1) + "\""));
    } else {
      targets.push_back(target);
    }
  }
  EXPECT_THAT(targets, testing::ElementsAre("report.json", "missing.png"));
}

TEST(Page, ElementsAreBalancedAndAccessible) {
  const std::string html = render_html(samples::report());
  EXPECT_THAT(html, testing::StartsWith("<!doctype html>\n<html lang=\"en\">"));
  EXPECT_THAT(html, HasSubstr("<meta name=\"viewport\""));
  // Every element opened is closed in order; void elements aside, which HTML does not close.
  std::vector<std::string> open;
  const std::regex tag("<(/?)([a-z0-9]+)[^<>]*?(/?)>");
  for (std::sregex_iterator it(html.begin(), html.end(), tag), end; it != end; ++it) {
    const std::string name = (*it)[2];
    if (name == "meta" || (*it)[3] == "/") continue;
    if ((*it)[1] != "/") {
      open.push_back(name);
    } else {
      ASSERT_FALSE(open.empty()) << name;
      ASSERT_EQ(open.back(), name) << html.substr((*it).position(), 80);
      open.pop_back();
    }
  }
  EXPECT_TRUE(open.empty());
  const std::regex drawing("<svg [^>]*>");
  int drawings = 0;
  for (std::sregex_iterator it(html.begin(), html.end(), drawing), end; it != end; ++it) {
    const std::string text = it->str();
    if (text.find("class=\"drawing\"") == std::string::npos) continue;  // clipping viewports inside
    ++drawings;
    EXPECT_THAT(text, HasSubstr("role=\"img\" aria-label=\""));
  }
  EXPECT_EQ(drawings, 2 * 7);  // a laptop's and a phone's version of each
  EXPECT_THAT(html, HasSubstr("<th scope=\"col\" class=\"n\">any order</th>"));
  EXPECT_THAT(html, HasSubstr("<th scope=\"row\">LayerShuffle</th>"));
  EXPECT_THAT(html, HasSubstr("<td class=\"n\"><strong>78.6 ± 0.8</strong></td>"));
}

TEST(Page, EscapesEveryTextItIsGiven) {
  const std::string evil = "\"><script>alert(1)</script>";
  Page page;
  page.title = page.lede = page.raw_json = evil;
  page.facts = {{evil, evil, evil}};
  page.sections = {
      {evil, {Paragraph{evil}, Code{evil}, Table{evil, {{evil}}, {{evil}}}, Figure{samples::exits(), evil}}},
      {"b", {}},
      {"c", {}}};
  page.about = {{evil, evil}};
  page.links = {{evil, "a.json"}};
  page.language = "\"><script>";
  const std::string html = render_html(page);
  EXPECT_THAT(html, Not(HasSubstr("<script")));
  EXPECT_THAT(html, HasSubstr("&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;"));
}

TEST(Page, RefusesLinksThatLeaveTheFolderAndRowsThatAreTooLong) {
  for (const char* path : {"javascript:alert(1)", "https://example.org", "/etc/passwd", "//host/file"}) {
    Page page;
    page.links = {{"x", path}};
    EXPECT_THROW(render_html(page), Error) << path;
  }
  Page page;
  page.sections = {{"s", {Table{"t", {{"one"}}, {{"a", "b"}}}}}};
  EXPECT_THROW(render_html(page), Error);
  EXPECT_THAT(render_html(Page{}), HasSubstr("</html>"));
}

}  // namespace
}  // namespace strata::report
