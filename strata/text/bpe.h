#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "strata/text/pair_map.h"
#include "strata/text/word_cache.h"

namespace strata {

/// Ids above this are refused: tables have one place for each.
inline constexpr int32_t kMostTokens = 1 << 24;

/// Lets tables of strings be asked by string_view.
struct StringHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};
using TokenIds = std::unordered_map<std::string, int32_t, StringHash, std::equal_to<>>;

/// A model of byte-pair encoding (Sennrich et al. 2016) as tokenizer.json describes it.
struct BpeConfig {
  TokenIds vocab;
  std::vector<std::pair<std::string, std::string>> merges;  // in order of rank
  std::optional<std::string> unk_token;
  std::string continuing_subword_prefix, end_of_word_suffix;
  bool fuse_unk = false;       // one unk_token for a run of unknown characters
  bool byte_fallback = false;  // unknown characters as tokens <0x00> to <0xFF>
  bool ignore_merges = false;  // a piece that is a token is that token
};

/// Cuts pieces of text into tokens: characters first, then again and again the adjacent pair that stands first in the
/// list of merges, the leftmost of equals. Immutable, for any number of threads.
class Bpe {
 public:
  /// byte_level: pieces are raw bytes, to be read in the byte-level alphabet.
  /// Throws Error naming `who` when ids are out of range or repeat, or a merge names a token that is not there.
  Bpe(BpeConfig config, bool byte_level, const std::string& who);

  const BpeConfig& config() const { return config_; }

  /// Appends the tokens of a piece. readable: bytes that may be read from the piece's beginning, at least its size.
  void encode(std::string_view piece, size_t readable, WordCache& cache, std::vector<int32_t>& out) const {
    if (piece.size() > WordCache::kLongestWord) return encode_long(piece, readable, cache, out);
    bool found = false;
    WordCache::Entry& entry = cache.look_up(piece, readable, found);
    if (!found) return encode_new(piece, entry, out);
    out.insert(out.end(), entry.tokens, entry.tokens + entry.count);
  }

 private:
  struct Merge {
    uint32_t rank;
    int32_t id;
  };

  void check_ids(const std::string& who) const;
  void add_merges(const std::string& who);
  void find_safe_cut();
  void encode_new(std::string_view piece, WordCache::Entry& entry, std::vector<int32_t>& out) const;
  void encode_long(std::string_view piece, size_t readable, WordCache& cache, std::vector<int32_t>& out) const;
  void encode_piece(std::string_view piece, std::vector<int32_t>& out) const;
  void encode_characters(std::string_view piece, std::vector<int32_t>& out) const;
  std::optional<int32_t> find(std::string_view token) const;
  const Merge* merge_of(int32_t left, int32_t right) const {
    return merges_.find((static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32) | static_cast<uint32_t>(right));
  }
  void merge(std::vector<int32_t>& out, size_t first) const;
  void merge_few(int32_t* tokens, size_t& count) const;
  void merge_many(std::vector<int32_t>& out, size_t first) const;

  BpeConfig config_;
  bool byte_level_;
  bool whole_bytes_ = false;  // every byte of the byte-level alphabet is a token: pieces need no characters
  std::array<int32_t, 256> byte_tokens_{};  // of the byte-level alphabet, -1: none
  std::array<int32_t, 256> fallback_{};     // <0x00> to <0xFF>, -1: none
  std::optional<int32_t> unk_;
  PairMap<Merge> merges_;
  std::string safe_cut_;  // no merge joins anything that ends without this to what begins with it; empty: none known
};

}  // namespace strata
