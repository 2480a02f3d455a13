// Parser: strata/data/text_documents.cpp
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "strata/base/error.h"
#include "strata/data/text_documents.h"
#include "tests/fuzz/expect_refused.h"

namespace {

using nlohmann::json;
using strata::TextDocument;
using strata::TextPiece;

bool same(const std::vector<TextDocument>& a, const std::vector<TextDocument>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const TextDocument& x, const TextDocument& y) { return x.pieces == y.pieces; });
}

std::vector<TextDocument> line_by_line(std::string_view text, const strata::DocumentOptions& options) {
  std::vector<TextDocument> all;
  for (size_t at = 0; at <= text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    for (auto& each : strata::parse_json_lines(text.substr(at, end - at), "line", options))
      all.push_back(std::move(each));
    at = end + 1;
  }
  return all;
}

// The text of a document.
std::string joined(const TextDocument& document) {
  std::string text;
  for (const TextPiece& piece : document.pieces) text += piece.text;
  return text;
}

}  // namespace

// No text of that name, none in a file, and a conversation that the plain template cannot write.
static bool refuses_bad_sources() {
  const strata::FilesForFuzzing folder;
  strata::expect_refused([&] { return strata::read_documents(folder.path() + "/none", {}).size(); });
  strata::expect_refused([&] { return strata::read_documents(folder.put("empty.txt", ""), {}).size(); });
  const auto messages = nlohmann::ordered_json::parse(R"([{"role": "user", "content": "a"}])");
  strata::expect_refused([&] { return strata::plain_chat({messages, &messages, 0}).pieces.size(); });
  const std::string long_line((size_t{64} << 20) + 1, 'x');
  strata::expect_refused([&] { return strata::parse_json_lines(long_line, "input").size(); });
  return true;
}

// Any text is either refused by an Error or gives the documents of its lines, one after the other.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const bool checked = refuses_bad_sources();
  (void)checked;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const char* field : {"", "x"}) {
    const strata::DocumentOptions options{.field = field, .separator = ""};
    std::vector<TextDocument> documents;
    try {
      documents = strata::parse_json_lines(text, "input", options);
    } catch (const strata::Error& error) {
      if (!std::string_view(error.what()).starts_with("input:")) std::abort();
      continue;
    }
    if (!same(documents, line_by_line(text, options))) std::abort();
    std::string written;
    for (const TextDocument& document : documents) {
      if (document.pieces.empty()) std::abort();
      written += json{{"prompt", ""}, {"completion", joined(document)}}.dump() + "\n";
    }
    const auto again = strata::parse_json_lines(written, "written");
    if (again.size() != documents.size()) std::abort();
    for (size_t i = 0; i < again.size(); ++i)
      if (again[i].pieces.size() != 1 || again[i].pieces[0].text != joined(documents[i])) std::abort();
  }
  return 0;
}
