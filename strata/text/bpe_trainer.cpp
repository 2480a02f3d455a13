#include "strata/text/bpe_trainer.h"

#include <algorithm>
#include <map>
#include <queue>
#include <set>
#include <tuple>

#include "strata/base/error.h"
#include "strata/base/suggest.h"
#include "strata/text/byte_level.h"
#include "strata/text/utf8.h"

namespace strata {
namespace {

using PairKey = uint64_t;  // left id, right id

PairKey key_of(int32_t left, int32_t right) {
  return (static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32) | static_cast<uint32_t>(right);
}

struct Pair {
  int64_t count = 0;
  std::vector<uint32_t> words;  // where it stands, or stood once
};

struct Word {
  std::vector<int32_t> tokens;
  int64_t count;
};

struct Candidate {
  int64_t count;
  PairKey pair;
  // The largest of a heap: the most frequent, of those the smallest pair.
  bool operator<(const Candidate& other) const { return std::tie(count, other.pair) < std::tie(other.count, pair); }
};

/// Words as tokens, and the counts of all adjacent pairs, kept true while pairs are merged.
class Merging {
 public:
  explicit Merging(std::vector<Word> words) : words_(std::move(words)) {
    for (uint32_t w = 0; w < words_.size(); ++w) {
      const Word& word = words_[w];
      for (size_t i = 0; i + 1 < word.tokens.size(); ++i)
        note(key_of(word.tokens[i], word.tokens[i + 1]), word.count, w);
    }
    for (const auto& [pair, found] : pairs_) queue_.push({found.count, pair});
  }

  /// The most frequent pair; count 0: none is left.
  Candidate best() {
    while (!queue_.empty()) {
      const Candidate top = queue_.top();
      const auto pair = pairs_.find(top.pair);
      if (pair != pairs_.end() && pair->second.count == top.count) return top;
      queue_.pop();
      // The count fell since this was queued. Where it grew, it was queued once more.
      if (pair != pairs_.end() && pair->second.count > 0 && pair->second.count < top.count)
        queue_.push({pair->second.count, top.pair});
    }
    return {0, 0};
  }

  void merge(PairKey merged, int32_t token) {
    const auto left = static_cast<int32_t>(merged >> 32);
    const auto right = static_cast<int32_t>(merged & 0xFFFFFFFF);
    std::vector<uint32_t> places = std::move(pairs_[merged].words);
    pairs_.erase(merged);
    std::sort(places.begin(), places.end());
    places.erase(std::unique(places.begin(), places.end()), places.end());
    grown_.clear();
    for (const uint32_t w : places) merge_in(w, merged, left, right, token);
    std::sort(grown_.begin(), grown_.end());
    grown_.erase(std::unique(grown_.begin(), grown_.end()), grown_.end());
    for (const PairKey pair : grown_)
      if (const auto found = pairs_.find(pair); found != pairs_.end() && found->second.count > 0)
        queue_.push({found->second.count, pair});
  }

 private:
  void note(PairKey pair, int64_t count, uint32_t word) {
    Pair& found = pairs_[pair];
    found.count += count;
    if (found.words.empty() || found.words.back() != word) found.words.push_back(word);
  }
  void forget(PairKey pair, int64_t count) {
    if (const auto found = pairs_.find(pair); found != pairs_.end()) found->second.count -= count;
  }

  void merge_in(uint32_t w, PairKey merged, int32_t left, int32_t right, int32_t token) {
    std::vector<int32_t>& tokens = words_[w].tokens;
    const int64_t count = words_[w].count;
    size_t kept = 0;
    for (size_t i = 0; i < tokens.size(); ++i) {
      if (tokens[i] != left || i + 1 == tokens.size() || tokens[i + 1] != right) {
        tokens[kept++] = tokens[i];
        continue;
      }
      if (kept > 0) {
        if (const PairKey gone = key_of(tokens[kept - 1], left); gone != merged) forget(gone, count);
        grow(key_of(tokens[kept - 1], token), count, w);
      }
      if (i + 2 < tokens.size()) {
        if (const PairKey gone = key_of(right, tokens[i + 2]); gone != merged) forget(gone, count);
        grow(key_of(token, tokens[i + 2]), count, w);
      }
      tokens[kept++] = token;
      ++i;
    }
    tokens.resize(kept);
  }
  void grow(PairKey pair, int64_t count, uint32_t word) {
    note(pair, count, word);
    grown_.push_back(pair);
  }

  std::vector<Word> words_;
  std::unordered_map<PairKey, Pair> pairs_;
  std::priority_queue<Candidate> queue_;
  std::vector<PairKey> grown_;
};

}  // namespace

BpeTrainer::BpeTrainer(BpeTrainerConfig config) : config_(std::move(config)) {
  const auto least = static_cast<int64_t>(256 + config_.special.size());
  if (config_.vocab_size < least || config_.vocab_size > kMostTokens)
    fail("BPE trainer: expected a vocabulary of ", least, " (256 bytes and ", config_.special.size(),
         " special tokens) to ", kMostTokens, ", found ", config_.vocab_size);
  std::set<std::string_view> seen;
  for (const std::string& token : config_.special)
    if (token.empty() || !valid_utf8(token) || !seen.insert(token).second)
      fail("BPE trainer: expected special tokens in UTF-8, each once, found ", in_quotes(token));
}

void BpeTrainer::add(std::string_view text) {
  const WordMatcher matcher(config_.words);
  const char* const end = text.data() + text.size();
  for (const char* at = text.data(); at < end;) {
    const char* const stop = matcher.next(at, end);
    const std::string_view word(at, static_cast<size_t>(stop - at));
    if (const auto found = words_.find(word); found != words_.end())
      ++found->second;
    else
      words_.emplace(word, 1);
    at = stop;
  }
}

Tokenizer BpeTrainer::train() const {
  TokenizerConfig result;
  std::vector<std::string> tokens = config_.special;
  std::map<char32_t, int> alphabet;  // ids go by the characters that stand for the bytes
  for (int byte = 0; byte < 256; ++byte) alphabet.emplace(character_of_byte(static_cast<uint8_t>(byte)), byte);
  std::vector<int32_t> byte_tokens(256);
  for (const auto& [character, byte] : alphabet) {
    byte_tokens[byte] = static_cast<int32_t>(tokens.size());
    tokens.push_back(utf8(character));
  }
  TokenIds& vocab = result.model.vocab;
  for (const std::string& token : tokens) vocab.emplace(token, static_cast<int32_t>(vocab.size()));
  if (vocab.size() != tokens.size())
    fail("BPE trainer: expected special tokens that are no characters for bytes, found one that is");

  std::vector<Word> words;
  words.reserve(words_.size());
  for (const auto& [text, count] : words_) {
    Word word{{}, count};
    for (const char byte : text) word.tokens.push_back(byte_tokens[static_cast<uint8_t>(byte)]);
    words.push_back(std::move(word));
  }
  Merging merging(std::move(words));
  while (static_cast<int64_t>(tokens.size()) < config_.vocab_size) {
    const Candidate best = merging.best();
    if (best.count < std::max<int64_t>(1, config_.min_count)) break;
    const std::string& left = tokens[best.pair >> 32];
    const std::string& right = tokens[best.pair & 0xFFFFFFFF];
    const auto fresh = static_cast<int32_t>(tokens.size());
    const auto [place, added] = vocab.emplace(left + right, fresh);  // two pairs may make the same token
    result.model.merges.emplace_back(left, right);
    merging.merge(best.pair, place->second);
    if (added) tokens.push_back(place->first);
  }

  for (const std::string& token : config_.special)
    result.added.push_back({.id = vocab.at(token), .content = token, .special = true});
  if (!config_.special.empty()) result.eos = 0;
  using Cutting = PreTokeniserStep::Kind;
  const bool gpt2 = config_.words == WordPattern::gpt2;
  if (!gpt2) result.pre_tokeniser.push_back({.kind = Cutting::words, .words = config_.words});
  result.pre_tokeniser.push_back({.kind = Cutting::byte_level, .use_regex = gpt2});
  result.decoder = {{.kind = DecoderStep::Kind::byte_level}};
  return {std::move(result), "BPE trainer"};
}

}  // namespace strata
