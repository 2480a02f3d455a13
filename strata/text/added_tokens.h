#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "strata/text/pair_map.h"

namespace strata {

/// A token that is cut out of the text before anything else looks at it.
struct AddedToken {
  int32_t id = 0;
  std::string content;
  bool single_word = false;  // not beside letters, digits, _
  bool lstrip = false;       // swallows white space before it
  bool rstrip = false;       // and behind it
  bool normalized = false;   // searched in the normalised text
  bool special = false;      // decoding may leave it out

  bool operator==(const AddedToken&) const = default;
};

/// Finds added tokens in a text: from left to right, the longest of those that begin at one place.
class AddedTokenFinder {
 public:
  struct Sought {
    std::string content;  // as it stands in the text
    const AddedToken* token;
  };

  AddedTokenFinder() = default;
  /// Of equal contents the last one counts. The tokens must outlive this.
  explicit AddedTokenFinder(const std::vector<Sought>& tokens);

  bool empty() const { return tokens_.empty(); }

  /// Hands out, in order, the stretches between tokens (token nullptr, never empty) and the tokens found.
  /// special: whether special tokens count.
  void split(std::string_view text, bool special,
             const std::function<void(const AddedToken* token, size_t begin, size_t end)>& sink) const;

 private:
  struct Node {
    uint32_t index;
  };
  // Length of the longest token at `at`; 0: none.
  size_t match(std::string_view text, size_t at, const AddedToken*& token) const;
  size_t next_candidate(std::string_view text, size_t at) const;

  std::array<bool, 256> first_{};
  int only_first_ = -1;  // the byte that all tokens begin with, when there is one
  PairMap<Node> edges_;  // (node, byte) -> node; node 0 is the root
  std::vector<const AddedToken*> at_node_;
  std::vector<const AddedToken*> tokens_;
};

}  // namespace strata
