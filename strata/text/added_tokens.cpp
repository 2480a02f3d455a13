#include "strata/text/added_tokens.h"

#include <algorithm>
#include <cstring>

#include "strata/text/unicode.h"
#include "strata/text/utf8.h"

namespace strata {
namespace {

uint64_t edge(uint32_t node, char byte) {
  return (static_cast<uint64_t>(node) << 8) | static_cast<uint8_t>(byte);
}

// Where the character before `at` begins.
size_t character_before(std::string_view text, size_t at) {
  const char* const end = text.data() + at;
  for (size_t back = std::min<size_t>(4, at); back > 1; --back)
    if (utf8_step(end - back, end).bytes == back) return at - back;
  return at - 1;
}

bool word_before(std::string_view text, size_t at) {
  return at > 0 && is(kWord, utf8_step(text.data() + character_before(text, at), text.data() + at).point);
}

bool word_at(std::string_view text, size_t at) {
  return at < text.size() && is(kWord, utf8_step(text.data() + at, text.data() + text.size()).point);
}

size_t spaces_before(std::string_view text, size_t at) {
  while (at > 0) {
    const size_t before = character_before(text, at);
    if (!is(kSpace, utf8_step(text.data() + before, text.data() + at).point)) break;
    at = before;
  }
  return at;
}

size_t spaces_behind(std::string_view text, size_t at) {
  while (at < text.size()) {
    const Utf8Step step = utf8_step(text.data() + at, text.data() + text.size());
    if (!is(kSpace, step.point)) break;
    at += step.bytes;
  }
  return at;
}

}  // namespace

AddedTokenFinder::AddedTokenFinder(const std::vector<Sought>& tokens) {
  size_t bytes = 0;
  for (const Sought& sought : tokens) bytes += sought.content.size();
  edges_.clear(bytes);
  at_node_.assign(1, nullptr);
  for (const Sought& sought : tokens) {
    if (sought.content.empty()) continue;
    uint32_t node = 0;
    for (const char byte : sought.content) {
      const uint64_t key = edge(node, byte);
      if (const Node* next = edges_.find(key)) {
        node = next->index;
        continue;
      }
      node = static_cast<uint32_t>(at_node_.size());
      edges_.set(key, {node});
      at_node_.push_back(nullptr);
    }
    if (!at_node_[node]) at_node_[node] = sought.token;  // the first of equals
    tokens_.push_back(sought.token);
    first_[static_cast<uint8_t>(sought.content.front())] = true;
  }
  if (std::count(first_.begin(), first_.end(), true) == 1)
    only_first_ = static_cast<int>(std::find(first_.begin(), first_.end(), true) - first_.begin());
}

size_t AddedTokenFinder::match(std::string_view text, size_t at, const AddedToken*& token) const {
  size_t longest = 0;
  uint32_t node = 0;
  for (size_t i = at; i < text.size(); ++i) {
    const Node* const next = edges_.find(edge(node, text[i]));
    if (!next) break;
    node = next->index;
    if (!at_node_[node]) continue;
    token = at_node_[node];
    longest = i + 1 - at;
  }
  return longest;
}

size_t AddedTokenFinder::next_candidate(std::string_view text, size_t at) const {
  if (only_first_ >= 0) return std::min(text.size(), text.find(static_cast<char>(only_first_), at));
  while (at < text.size() && !first_[static_cast<uint8_t>(text[at])]) ++at;
  return at;
}

void AddedTokenFinder::split(std::string_view text, bool special,
                             const std::function<void(const AddedToken*, size_t, size_t)>& sink) const {
  size_t handed_out = 0;
  if (!empty()) {
    for (size_t at = next_candidate(text, 0); at < text.size(); at = next_candidate(text, at)) {
      const AddedToken* token = nullptr;
      const size_t length = match(text, at, token);
      if (length == 0) {
        ++at;
        continue;
      }
      size_t begin = at;
      size_t end = at + length;
      at = end;  // what was found is used up, also when it does not count
      if (token->special && !special) continue;
      if (token->single_word && (word_before(text, begin) || word_at(text, end))) continue;
      if (token->lstrip) begin = std::max(handed_out, spaces_before(text, begin));
      if (token->rstrip) end = spaces_behind(text, end);
      if (begin > handed_out) sink(nullptr, handed_out, begin);
      sink(token, begin, end);
      handed_out = end;
    }
  }
  if (handed_out < text.size()) sink(nullptr, handed_out, text.size());
}

}  // namespace strata
