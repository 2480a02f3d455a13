// Parser: strata/text/grammar.cpp strata/text/grammar_run.cpp
#include <fmt/format.h>

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "strata/base/error.h"
#include "strata/text/grammar.h"
#include "tests/fuzz/expect_refused.h"

namespace {

bool matches(const std::string& grammar, std::string_view text) {
  return strata::match_grammar(strata::parse_grammar(grammar, "grammar"), text).possible;
}

// What no short input is: a text too long to be read, a grammar with too many ways to read the same text, and one that
// takes too many steps without a byte.
bool refuses_what_is_too_much() {
  strata::expect_refused([&] { return matches(std::string((size_t{4} << 20) + 1, ' '), ""); });
  strata::expect_refused(
      [&] { return matches(R"(root ::= "a" root "b" | "a" root "c" | "d")", std::string(20, 'a')); });
  std::string doubling = "root ::= r0\n";
  for (int rule = 0; rule < 24; ++rule) doubling += fmt::format("r{} ::= r{} r{}\n", rule, rule + 1, rule + 1);
  strata::expect_refused([&] { return matches(doubling + "r24 ::= \"\"\n", "a"); });
  return true;
}

}  // namespace

// Any text is either refused by an Error or a grammar whose masks agree with what it matches.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using strata::Grammar;
  static const bool checked = refuses_what_is_too_much();
  (void)checked;
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
          if (step == 0) strata::expect_refused([&] { return constraint->accept(static_cast<int32_t>(id)), 0; });
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
