#include "strata/text/bpe.h"

#include <algorithm>
#include <limits>
#include <queue>

#include "strata/base/error.h"
#include "strata/base/suggest.h"
#include "strata/text/byte_level.h"
#include "strata/text/utf8.h"

namespace strata {
namespace {

constexpr uint32_t kNever = std::numeric_limits<uint32_t>::max();
constexpr size_t kFew = 32;                         // up to here a scan for the best pair beats a heap
constexpr std::string_view kMark = "\xE2\x96\x81";  // U+2581, where SentencePiece's words begin

std::string fallback_name(int byte) {
  constexpr const char* kDigits = "0123456789ABCDEF";
  return std::string("<0x") + kDigits[byte >> 4] + kDigits[byte & 15] + ">";
}

}  // namespace

Bpe::Bpe(BpeConfig config, bool byte_level, const std::string& who)
    : config_(std::move(config)), byte_level_(byte_level) {
  check_ids(who);
  const auto id_or_none = [&](const std::string& token) { return find(token).value_or(-1); };
  for (int byte = 0; byte < 256; ++byte) {
    byte_tokens_[byte] = id_or_none(utf8(character_of_byte(static_cast<uint8_t>(byte))));
    fallback_[byte] = config_.byte_fallback ? id_or_none(fallback_name(byte)) : -1;
  }
  const bool affixes = !config_.continuing_subword_prefix.empty() || !config_.end_of_word_suffix.empty();
  whole_bytes_ = byte_level && !affixes &&
                 std::none_of(byte_tokens_.begin(), byte_tokens_.end(), [](int32_t id) { return id < 0; });
  if (config_.unk_token) {
    unk_ = find(*config_.unk_token);
    if (!unk_)
      fail(who, ": expected the unk_token ", in_quotes(*config_.unk_token),
           " to be in the vocabulary, found no such token");
  }
  add_merges(who);
  if (!affixes && !byte_level) find_safe_cut();
}

void Bpe::check_ids(const std::string& who) const {
  std::vector<bool> taken;
  for (const auto& [token, id] : config_.vocab) {
    if (id < 0 || id >= kMostTokens)
      fail(who, ": expected ids from 0 to ", kMostTokens - 1, ", found ", id, " for ", in_quotes(token));
    if (static_cast<size_t>(id) >= taken.size()) taken.resize(static_cast<size_t>(id) + 1);
    if (taken[id])
      fail(who, ": expected an id for each token, found ", id, " for ", in_quotes(token), " and another one");
    taken[id] = true;
  }
}

std::optional<int32_t> Bpe::find(std::string_view token) const {
  const auto found = config_.vocab.find(token);
  return found == config_.vocab.end() ? std::nullopt : std::optional(found->second);
}

void Bpe::add_merges(const std::string& who) {
  if (config_.merges.size() >= kNever)
    fail(who, ": expected fewer than ", kNever, " merges, found ", config_.merges.size());
  merges_.clear(config_.merges.size());
  for (size_t rank = 0; rank < config_.merges.size(); ++rank) {
    const auto& [left, right] = config_.merges[rank];
    const auto id_of = [&](const std::string& token) {
      const auto id = find(token);
      if (!id)
        fail(who, ": merge ", rank, " of ", in_quotes(left), " and ", in_quotes(right), ": expected ", in_quotes(token),
             " to be in the vocabulary, found no such token");
      return *id;
    };
    const int32_t a = id_of(left);
    const int32_t b = id_of(right);
    const size_t prefix = config_.continuing_subword_prefix.size();
    if (right.size() < prefix)
      fail(who, ": merge ", rank, ": expected the second part to begin with the prefix ",
           in_quotes(config_.continuing_subword_prefix), ", found ", in_quotes(right));
    const int32_t result = id_of(left + right.substr(prefix));
    merges_.set((static_cast<uint64_t>(static_cast<uint32_t>(a)) << 32) | static_cast<uint32_t>(b),
                {static_cast<uint32_t>(rank), result});
  }
}

// Whole texts reach the models of SentencePiece as one piece. When the mark of a word's beginning stands only at the
// beginning of what merges make, they may be cut before each mark (or run of marks) without changing a token.
void Bpe::find_safe_cut() {
  if (!find(kMark) || config_.ignore_merges) return;
  const auto mark_inside = [](const std::pair<std::string, std::string>& merge) {
    const std::string token = merge.first + merge.second;
    size_t begin = 0;
    while (token.compare(begin, kMark.size(), kMark) == 0) begin += kMark.size();
    return token.find(kMark, begin) != std::string::npos;
  };
  if (std::none_of(config_.merges.begin(), config_.merges.end(), mark_inside)) safe_cut_ = kMark;
}

void Bpe::encode_new(std::string_view piece, WordCache::Entry& entry, std::vector<int32_t>& out) const {
  const size_t first = out.size();
  encode_piece(piece, out);
  WordCache::store(entry, piece, std::span(out).subspan(first));
}

void Bpe::encode_long(std::string_view piece, size_t readable, WordCache& cache, std::vector<int32_t>& out) const {
  if (safe_cut_.empty()) return encode_piece(piece, out);
  for (size_t begin = 0; begin < piece.size();) {
    size_t end = begin;
    while (piece.compare(end, safe_cut_.size(), safe_cut_) == 0) end += safe_cut_.size();
    end = std::min(piece.size(), piece.find(safe_cut_, end));
    const std::string_view word = piece.substr(begin, end - begin);
    if (word.size() > WordCache::kLongestWord)
      encode_piece(word, out);
    else
      encode(word, readable - begin, cache, out);
    begin = end;
  }
}

void Bpe::encode_piece(std::string_view piece, std::vector<int32_t>& out) const {
  if (piece.empty()) return;
  const size_t first = out.size();
  if (whole_bytes_ && !config_.ignore_merges) {
    for (const char byte : piece) out.push_back(byte_tokens_[static_cast<uint8_t>(byte)]);
    return merge(out, first);
  }
  const std::string mapped = byte_level_ ? byte_level_text(piece) : std::string();
  const std::string_view text = byte_level_ ? std::string_view(mapped) : piece;
  if (config_.ignore_merges) {
    if (const auto whole = find(text)) {
      out.push_back(*whole);
      return;
    }
  }
  encode_characters(text, out);
  merge(out, first);
}

// The tokens of single characters, before any merge.
void Bpe::encode_characters(std::string_view piece, std::vector<int32_t>& out) const {
  bool unknown = false;  // an unk_token that a run of unknown characters may still join
  const auto flush = [&] {
    if (unknown) out.push_back(*unk_);
    unknown = false;
  };
  std::string affixed;
  const char* const end = piece.data() + piece.size();
  for (const char* at = piece.data(); at < end;) {
    const uint32_t bytes = utf8_step(at, end).bytes;
    std::string_view character(at, bytes);
    if ((at > piece.data() && !config_.continuing_subword_prefix.empty()) ||
        (at + bytes == end && !config_.end_of_word_suffix.empty())) {
      affixed = at > piece.data() ? config_.continuing_subword_prefix : "";
      affixed += character;
      if (at + bytes == end) affixed += config_.end_of_word_suffix;
      character = affixed;
    }
    at += bytes;
    if (const auto id = find(character)) {
      flush();
      out.push_back(*id);
      continue;
    }
    const auto fallback = [&](char byte) { return fallback_[static_cast<uint8_t>(byte)]; };
    if (std::all_of(character.begin(), character.end(), [&](char byte) { return fallback(byte) >= 0; })) {
      for (const char byte : character) out.push_back(fallback(byte));
      continue;
    }
    if (!unk_) continue;
    if (!config_.fuse_unk) flush();
    unknown = true;
  }
  flush();
}

void Bpe::merge(std::vector<int32_t>& out, size_t first) const {
  if (config_.merges.empty()) return;
  size_t count = out.size() - first;
  if (count > kFew) return merge_many(out, first);
  merge_few(out.data() + first, count);
  out.resize(first + count);
}

void Bpe::merge_few(int32_t* tokens, size_t& count) const {
  Merge next[kFew];  // of each token with the one behind it
  const auto look = [&](size_t i) {
    const Merge* const found = i + 1 < count ? merge_of(tokens[i], tokens[i + 1]) : nullptr;
    next[i] = found ? *found : Merge{kNever, 0};
  };
  for (size_t i = 0; i < count; ++i) look(i);
  while (count > 1) {
    size_t best = 0;
    for (size_t i = 1; i + 1 < count; ++i)
      if (next[i].rank < next[best].rank) best = i;
    if (next[best].rank == kNever) return;
    tokens[best] = next[best].id;
    --count;
    std::copy(tokens + best + 2, tokens + count + 1, tokens + best + 1);
    std::copy(next + best + 2, next + count + 1, next + best + 1);
    look(best);
    if (best > 0) look(best - 1);
  }
}

// A linked list of tokens and a heap of its pairs. A pair that changed since it was queued is recognised by its rank:
// ranks belong to one pair of tokens each.
void Bpe::merge_many(std::vector<int32_t>& out, size_t first) const {
  const size_t count = out.size() - first;
  if (count > std::numeric_limits<int32_t>::max())
    fail("tokenizer: expected a piece of at most ", std::numeric_limits<int32_t>::max(), " characters, found ", count);
  struct Link {
    int32_t previous, next;  // -1: none
  };
  int32_t* const tokens = out.data() + first;
  std::vector<Link> links(count);
  std::vector<uint64_t> queued;
  const auto queue_key = [](uint32_t rank, int32_t at) {
    return (static_cast<uint64_t>(rank) << 32) | static_cast<uint32_t>(at);
  };
  const auto pair_at = [&](int32_t at) {
    return at >= 0 && links[at].next >= 0 ? merge_of(tokens[at], tokens[links[at].next]) : nullptr;
  };
  for (size_t i = 0; i < count; ++i)
    links[i] = {static_cast<int32_t>(i) - 1, i + 1 < count ? static_cast<int32_t>(i) + 1 : -1};
  for (size_t i = 0; i + 1 < count; ++i)
    if (const Merge* found = pair_at(static_cast<int32_t>(i)))
      queued.push_back(queue_key(found->rank, static_cast<int32_t>(i)));
  std::priority_queue<uint64_t, std::vector<uint64_t>, std::greater<>> queue(std::greater<>{}, std::move(queued));
  constexpr int32_t kGone = -1;
  while (!queue.empty()) {
    const auto at = static_cast<int32_t>(queue.top() & 0xFFFFFFFF);
    const auto rank = static_cast<uint32_t>(queue.top() >> 32);
    queue.pop();
    const Merge* const found = tokens[at] == kGone ? nullptr : pair_at(at);
    if (!found || found->rank != rank) continue;
    const int32_t gone = links[at].next;
    tokens[at] = found->id;
    tokens[gone] = kGone;
    links[at].next = links[gone].next;
    if (links[at].next >= 0) links[links[at].next].previous = at;
    for (const int32_t changed : {at, links[at].previous})
      if (const Merge* fresh = pair_at(changed)) queue.push(queue_key(fresh->rank, changed));
  }
  out.erase(std::remove(out.begin() + static_cast<ptrdiff_t>(first), out.end(), kGone), out.end());
}

}  // namespace strata
