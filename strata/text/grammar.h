#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "strata/text/constraint.h"

namespace strata {

/// A context-free grammar over bytes, as a network of nodes: each rule is entered at its start and left at an `end`.
/// Jumps are what building leaves over; no way leads to one.
struct Grammar {
  struct Node {
    enum class Kind : uint8_t { bytes, split, jump, call, end };
    Kind kind = Kind::end;
    int32_t next = -1;    // bytes, split, jump, call: where it goes on
    int32_t target = -1;  // bytes: index into sets; split: the other way; call: index into rules
  };
  struct Rule {
    std::string name;
    int32_t start = -1;
  };
  std::vector<Node> nodes;
  std::vector<std::bitset<256>> sets;
  std::vector<Rule> rules;
  int32_t root = 0;
};

/// Reads a grammar as users of llama.cpp write them (GBNF):
///   root ::= "yes" | "no" [.!]{0,3} | "(" root ")"      # a comment
/// Rules `name ::= ...` of texts "..." and classes [a-z], [^"\\] (escapes \n \r \t \\ \" \[ \] \- \^ \xHH \uHHHH
/// \UHHHHHHHH), `.` for any character, names, groups ( ), alternatives |, and ? * + {m} {m,} {m,n} behind what they
/// repeat. Output is what `root` derives. Characters are those of Unicode, matched as UTF-8. Throws Error with the line
/// for what is malformed, for names without a rule, rules that begin with themselves, and grammars of more than
/// 500 000 nodes.
Grammar parse_grammar(std::string_view text, const std::string& name = "grammar");

/// What the tokens of a vocabulary add to a text, as a tree of common beginnings. Made once, shared by all sequences.
class TokenTrie {
 public:
  /// `tokens[id]` is what a token adds; empty texts are never allowed. `ends` are the ids that end the output.
  TokenTrie(const std::vector<std::string>& tokens, std::vector<int32_t> ends);

  struct Node {
    int32_t child = -1;    // first child
    int32_t sibling = -1;  // next child of the same parent
    int32_t tokens = -1;   // first token that ends here; more in more[]
    uint8_t byte = 0;
  };
  const std::vector<Node>& nodes() const { return nodes_; }
  const std::vector<int32_t>& more() const { return more_; }  // next token with the same text, or -1
  const std::vector<int32_t>& ends() const { return ends_; }
  const std::vector<std::string>& tokens() const { return tokens_; }

 private:
  std::vector<Node> nodes_;
  std::vector<int32_t> more_;
  std::vector<int32_t> ends_;
  std::vector<std::string> tokens_;
};

/// Output held to a grammar. Throws Error from allow() and accept() when the grammar is so ambiguous or so deeply nested
/// that following it would take more memory than it is worth.
std::unique_ptr<Constraint> make_constraint(std::shared_ptr<const Grammar> grammar,
                                            std::shared_ptr<const TokenTrie> trie);

/// Whether the grammar derives the text; whether it could go on from it.
struct GrammarMatch {
  bool complete = false, possible = false;
};
GrammarMatch match_grammar(const Grammar& grammar, std::string_view text);

}  // namespace strata
