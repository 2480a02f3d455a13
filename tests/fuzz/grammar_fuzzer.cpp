// Parser: strata/text/grammar.cpp strata/text/grammar_run.cpp
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "strata/base/error.h"
#include "strata/text/grammar.h"

namespace {

void expect_refused(strata::Constraint& constraint, int32_t token) {
  try {
    constraint.accept(token);
  } catch (const strata::Error&) {
    return;
  }
  std::abort();
}

}  // namespace

// Any text is either refused by an Error or a grammar whose masks agree with what it matches.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using strata::Grammar;
  static const auto trie = std::make_shared<const strata::TokenTrie>(
      std::vector<std::string>{"a", "b", "ab", "1", "\"", "{", "\xc3", "\xa9", ""}, std::vector<int32_t>{8});
  try {
    const auto grammar =
        std::make_shared<const Grammar>(strata::parse_grammar({reinterpret_cast<const char*>(data), size}, "input"));
    const auto constraint = strata::make_constraint(grammar, trie);
    std::string text;
    for (int step = 0; step < 8 && !constraint->finished(); ++step) {
      std::vector<float> logits(trie->tokens().size(), 0);
      constraint->allow(logits);
      for (size_t id = logits.size() - 1; id-- > 0;) {
        if (logits[id] != 0) {
          if (step == 0) expect_refused(*constraint, static_cast<int32_t>(id));
          continue;
        }
        text += trie->tokens()[id];
        if (!strata::match_grammar(*grammar, text).possible) std::abort();
        constraint->accept(static_cast<int32_t>(id));
        break;
      }
    }
  } catch (const strata::Error&) {
    return 0;
  }
  return 0;
}
