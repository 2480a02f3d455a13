#include "strata/text/tokenizer.h"

#include <algorithm>
#include <array>
#include <mutex>
#include <set>
#include <unordered_map>
#include <utility>

#include "strata/base/error.h"
#include "strata/base/suggest.h"
#include "strata/text/byte_level.h"
#include "strata/text/utf8.h"

namespace strata {
namespace {

// Tables of words already seen: each call takes one and puts it back, so that threads never share one.
class CachePool {
 public:
  std::unique_ptr<WordCache> take() {
    const std::lock_guard lock(mutex_);
    if (free_.empty()) return std::make_unique<WordCache>();
    std::unique_ptr<WordCache> cache = std::move(free_.back());
    free_.pop_back();
    return cache;
  }
  void put_back(std::unique_ptr<WordCache> cache) {
    const std::lock_guard lock(mutex_);
    free_.push_back(std::move(cache));
  }

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<WordCache>> free_;
};

struct Name {
  std::string token;
  bool known = false;
  bool special = false;
};

std::vector<Name> names_of(const TokenizerConfig& config) {
  std::vector<Name> names;
  const auto name = [&](int32_t id) -> Name& {
    if (static_cast<size_t>(id) >= names.size()) names.resize(static_cast<size_t>(id) + 1);
    return names[id];
  };
  for (const auto& [token, id] : config.model.vocab) name(id) = {token, true, false};
  for (const AddedToken& added : config.added) name(added.id) = {added.content, true, added.special};
  return names;
}

// Added tokens are looked for at every byte of a text, to their whole length where the text begins like them.
void check_length(const std::string& content, const std::string& who) {
  constexpr size_t longest = 1024;
  if (content.size() > longest)
    fail(who, ": expected added tokens of at most ", longest, " bytes, found ", in_quotes(content.substr(0, 40)),
         " of ", content.size());
}

void check_not_negative(std::span<const int32_t> ids) {
  for (const int32_t id : ids)
    if (id < 0) fail("tokenizer: decode: expected ids of at least 0, found ", id);
}

// Tables have a row for each id up to the highest: few tokens may not ask for millions of rows.
void check_ids(const TokenizerConfig& config, const std::string& who) {
  constexpr size_t free = 100'000;
  const size_t count = config.model.vocab.size() + config.added.size(), most = 4 * count + free;
  const auto check = [&](int32_t id, const std::string& token) {
    if (id >= 0 && static_cast<size_t>(id) >= most)
      fail(who, ": expected ids below ", most, " for ", count, " tokens, found ", id, " for ", in_quotes(token));
  };
  for (const auto& [token, id] : config.model.vocab) {
    if (id < 0) fail(who, ": expected ids of at least 0, found ", id, " for ", in_quotes(token));
    check(id, token);
  }
  for (const AddedToken& added : config.added) check(added.id, added.content);
}

// An added token's id is free or the vocabulary's own for it, and no other token's.
void check_added(const TokenizerConfig& config, const std::string& who) {
  std::vector<const std::string*> owner;
  const auto own = [&](int32_t id) -> const std::string*& {
    if (static_cast<size_t>(id) >= owner.size()) owner.resize(static_cast<size_t>(id) + 1);
    return owner[id];
  };
  for (const auto& [token, id] : config.model.vocab) own(id) = &token;
  std::set<std::string_view> seen;
  for (const AddedToken& added : config.added) {
    if (added.content.empty())
      fail(who, ": expected added tokens to have a content, found an empty one with id ", added.id);
    if (added.id < 0 || added.id >= kMostTokens)
      fail(who, ": expected ids from 0 to ", kMostTokens - 1, ", found ", added.id, " for ", in_quotes(added.content));
    check_length(added.content, who);
    if (!seen.insert(added.content).second)
      fail(who, ": expected each added token once, found ", in_quotes(added.content), " twice");
    const auto in_vocab = config.model.vocab.find(added.content);
    if (in_vocab != config.model.vocab.end() && in_vocab->second != added.id)
      fail(who, ": expected one id for ", in_quotes(added.content), ", found ", in_vocab->second,
           " in the vocabulary and ", added.id, " among the added tokens");
    const std::string*& owned = own(added.id);
    if (owned != nullptr && *owned != added.content)
      fail(who, ": expected an id for each token, found ", added.id, " for ", in_quotes(*owned), " and ",
           in_quotes(added.content));
    owned = &added.content;
  }
}

}  // namespace

struct Tokenizer::State {
  TokenizerConfig config;
  std::vector<Name> names;  // by id
  TokenIds added_ids;
  std::unordered_map<int32_t, std::string>
      normalised_names;  // of added tokens that the normaliser changes: what they decode to
  PreTokeniser pre_tokeniser;
  std::optional<WordPattern> only_words;
  std::optional<Bpe> bpe;
  AddedTokenFinder raw_tokens, normalised_tokens;
  mutable CachePool caches;

  void build(const std::string& who);
  void encode_stretch(std::string_view text, bool at_start, WordCache& cache, std::vector<int32_t>& out) const;
  void encode_normalised(std::string_view text, bool at_start, const EncodeOptions& options, WordCache& cache,
                         std::vector<int32_t>& out) const;
  const std::string& decoded_name(int32_t id) const {
    const auto found = normalised_names.find(id);
    return found == normalised_names.end() ? names[id].token : found->second;
  }
  bool known(int32_t id) const { return id >= 0 && static_cast<size_t>(id) < names.size() && names[id].known; }
};

void Tokenizer::State::build(const std::string& who) {
  check_ids(config, who);
  check_added(config, who);
  for (const std::vector<int32_t>* ids : {&config.before, &config.after})
    for (const int32_t id : *ids)
      if (id < 0 || id >= kMostTokens)
        fail(who, ": expected the post-processor's ids from 0 to ", kMostTokens - 1, ", found ", id);
  pre_tokeniser = PreTokeniser(config.pre_tokeniser);
  only_words = pre_tokeniser.only_words();
  bpe.emplace(config.model, pre_tokeniser.byte_level(), who);
  names = names_of(config);
  std::vector<AddedTokenFinder::Sought> raw;
  std::vector<AddedTokenFinder::Sought> normalised;
  for (const AddedToken& token : config.added) {
    added_ids.emplace(token.content, token.id);
    if (!token.normalized) {
      raw.push_back({token.content, &token});
      continue;
    }
    const std::string content = normalise(config.normaliser, token.content);
    check_length(content, who);
    if (content != token.content) normalised_names.emplace(token.id, content);
    normalised.push_back({content, &token});
  }
  raw_tokens = AddedTokenFinder(raw);
  normalised_tokens = AddedTokenFinder(normalised);
}

Tokenizer::Tokenizer(TokenizerConfig config, const std::string& who) {
  auto state = std::make_shared<State>();
  state->config = std::move(config);
  state->build(who);
  state_ = std::move(state);
}

const TokenizerConfig& Tokenizer::config() const {
  return state_->config;
}

// Text without added tokens, normalised.
void Tokenizer::State::encode_stretch(std::string_view text, bool at_start, WordCache& cache,
                                      std::vector<int32_t>& out) const {
  if (!only_words) {
    pre_tokeniser.split(text, at_start,
                        [&](std::string_view piece, bool) { bpe->encode(piece, piece.size(), cache, out); });
    return;
  }
  const WordMatcher matcher(*only_words);
  const char* const end = text.data() + text.size();
  for (const char* at = text.data(); at < end;) {
    const char* const stop = matcher.next(at, end);
    bpe->encode({at, stop}, static_cast<size_t>(end - at), cache, out);
    at = stop;
  }
}

void Tokenizer::State::encode_normalised(std::string_view text, bool at_start, const EncodeOptions& options,
                                         WordCache& cache, std::vector<int32_t>& out) const {
  if (normalised_tokens.empty()) return encode_stretch(text, at_start, cache, out);
  normalised_tokens.split(text, options.special_in_text, [&](const AddedToken* token, size_t begin, size_t end) {
    if (token)
      out.push_back(token->id);
    else
      encode_stretch(text.substr(begin, end - begin), at_start && begin == 0, cache, out);
  });
}

std::vector<int32_t> Tokenizer::encode(std::string_view text, const EncodeOptions& options) const {
  const State& state = *state_;
  std::unique_ptr<WordCache> cache = state.caches.take();
  std::vector<int32_t> out;
  out.reserve(text.size() / 4 + 16);
  if (options.add_special) out = state.config.before;
  state.raw_tokens.split(text, options.special_in_text, [&](const AddedToken* token, size_t begin, size_t end) {
    const std::string_view stretch = text.substr(begin, end - begin);
    if (token)
      out.push_back(token->id);
    else if (state.config.normaliser.empty())
      state.encode_normalised(stretch, begin == 0, options, *cache, out);
    else
      state.encode_normalised(normalise(state.config.normaliser, stretch), begin == 0, options, *cache, out);
  });
  if (options.add_special) out.insert(out.end(), state.config.after.begin(), state.config.after.end());
  state.caches.put_back(std::move(cache));
  return out;
}

std::string Tokenizer::decode(std::span<const int32_t> ids, bool skip_special) const {
  check_not_negative(ids);
  std::vector<std::string> tokens;
  tokens.reserve(ids.size());
  for (const int32_t id : ids)
    if (state_->known(id) && !(skip_special && state_->names[id].special)) tokens.push_back(state_->decoded_name(id));
  return decode_tokens(state_->config.decoder, std::move(tokens));
}

std::string Tokenizer::decode_bytes(std::span<const int32_t> ids, bool skip_special) const {
  check_not_negative(ids);
  std::string text;
  for (const int32_t id : ids)
    if (!(skip_special && special(id))) text += bytes(id);
  return text;
}

int64_t Tokenizer::vocab_size() const {
  return std::ssize(state_->names);
}

std::optional<int32_t> Tokenizer::id(std::string_view token) const {
  for (const TokenIds* ids : {&state_->added_ids, &state_->config.model.vocab})
    if (const auto found = ids->find(token); found != ids->end()) return found->second;
  return std::nullopt;
}

std::string Tokenizer::token(int32_t id) const {
  return state_->known(id) ? state_->names[id].token : std::string();
}

std::string Tokenizer::bytes(int32_t id) const {
  return state_->known(id) ? token_bytes(state_->config.decoder, state_->decoded_name(id)) : std::string();
}

bool Tokenizer::special(int32_t id) const {
  return state_->known(id) && state_->names[id].special;
}

std::string StreamDecoder::push(int32_t id) {
  check_not_negative(std::array{id});
  // What decode passes over must not pile up here.
  if (tokenizer_.token(id).empty() && tokenizer_.decode(std::array{id, id}, skip_special_).empty()) return {};
  if (skip_special_ && tokenizer_.special(id)) return {};
  ids_.push_back(id);
  return take(false);
}

std::string StreamDecoder::finish() {
  std::string text = take(true);
  ids_.clear();
  fresh_ = 0;
  given_.clear();
  return text;
}

StreamDecoder::Unfinished StreamDecoder::unfinished() const {
  constexpr size_t most = 3;  // a character has four bytes at most
  std::string tail;
  std::vector<size_t> bytes;  // of the last tokens, the last one first
  for (size_t i = ids_.size(); i-- > 0 && tail.size() < most;) {
    const std::string token = tokenizer_.bytes(ids_[i]);
    tail.insert(0, token);
    bytes.push_back(token.size());
  }
  Unfinished found{unfinished_utf8(tail), 0};
  for (size_t covered = 0; covered < found.bytes; ++found.tokens) covered += bytes[found.tokens];
  return found;
}

std::string StreamDecoder::take(bool all) {
  std::string text = tokenizer_.decode(ids_, skip_special_);
  if (!text.starts_with(given_)) {  // a run of byte tokens turned out to be ill-formed: what was given out of it stays
    ids_.erase(ids_.begin(), ids_.begin() + static_cast<ptrdiff_t>(fresh_));
    fresh_ = 0;
    given_.clear();
    text = tokenizer_.decode(ids_, skip_special_);
  }
  // An unfinished character is shown as one or, in a run of byte tokens, as several marks.
  const std::string mark = utf8(kReplacementCharacter);
  const Unfinished rest = all ? Unfinished{} : unfinished();
  size_t end = text.size();
  for (size_t i = 0; i < rest.bytes && std::string_view(text).substr(0, end).ends_with(mark); ++i) end -= mark.size();
  if (end <= given_.size()) return {};
  std::string result = text.substr(given_.size(), end - given_.size());
  const size_t held = text.size() - end, fresh = ids_.size() - (held > 0 ? rest.tokens : 0);
  given_ = text.substr(0, end);
  if (fresh > fresh_) {
    // Only the last tokens matter to what follows: a space at the beginning, a run of bytes.
    ids_.erase(ids_.begin(), ids_.begin() + static_cast<ptrdiff_t>(fresh_));
    fresh_ = fresh - fresh_;
    given_ = tokenizer_.decode(ids_, skip_special_);
    given_.resize(given_.size() - std::min(held, given_.size()));
  }
  return result;
}

Tokenizer byte_tokenizer() {
  TokenizerConfig config;
  for (int byte = 0; byte < 256; ++byte)
    config.model.vocab.emplace(utf8(character_of_byte(static_cast<uint8_t>(byte))), byte);
  config.pre_tokeniser = {{.kind = PreTokeniserStep::Kind::byte_level, .use_regex = false}};
  config.decoder = {{.kind = DecoderStep::Kind::byte_level}};
  return {std::move(config), "byte tokenizer"};
}

Tokenizer character_tokenizer(std::string_view text) {
  TokenizerConfig config;
  std::set<char32_t> characters;
  const char* const end = text.data() + text.size();
  for (const char* at = text.data(); at < end;) {
    const Utf8Step step = utf8_step(at, end);
    if (step.valid()) characters.insert(step.point);
    at += step.bytes;
  }
  config.model.unk_token = "<unk>";
  config.model.vocab.emplace("<unk>", 0);
  for (const char32_t character : characters)
    config.model.vocab.emplace(utf8(character), static_cast<int32_t>(config.model.vocab.size()));
  config.added = {{.id = 0, .content = "<unk>", .special = true}};
  config.decoder = {{.kind = DecoderStep::Kind::fuse}};
  return {std::move(config), "character tokenizer"};
}

}  // namespace strata
