// Parser: strata/text/tokenizer.cpp
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "strata/text/bpe_trainer.h"
#include "strata/text/tokenizer.h"
#include "tests/fuzz/expect_refused.h"

namespace {

using strata::PreTokeniserStep;
using strata::Tokenizer;

constexpr std::string_view kText =
    "the cat and the dog, 1234 birds  and\n\nthe don't isn't 12 caf\xC3\xA9 caf\xC3\xA9 the cat";

// Byte-level models of each expression; one with byte fallback and marks instead of spaces; one that normalises.
std::vector<Tokenizer> make_tokenizers() {
  std::vector<Tokenizer> result = {strata::byte_tokenizer(), strata::character_tokenizer(kText)};
  for (const auto words : {strata::WordPattern::gpt2, strata::WordPattern::llama3, strata::WordPattern::qwen2}) {
    strata::BpeTrainer trainer({.vocab_size = 300, .special = {"<|endoftext|>", "<s>"}, .words = words});
    trainer.add(kText);
    result.push_back(trainer.train());
  }
  strata::TokenizerConfig config = result[2].config();
  config.normaliser = {{.kind = strata::NormaliserStep::Kind::nfkc}, {.kind = strata::NormaliserStep::Kind::lowercase}};
  config.pre_tokeniser.insert(config.pre_tokeniser.begin(),
                              {.kind = PreTokeniserStep::Kind::digits, .individual = true});
  config.added[1].lstrip = config.added[1].rstrip = config.added[1].normalized = true;
  result.emplace_back(std::move(config), "fuzzer");
  return result;
}

// Configurations that no file can give.
bool refuses_bad_configs() {
  strata::TokenizerConfig added = strata::byte_tokenizer().config(), after = added, negative = added;
  added.added = {{.id = -1, .content = "<s>"}};
  after.after = {-1};
  strata::expect_refused([&] { return Tokenizer(added, "added").vocab_size(); });
  strata::expect_refused([&] { return Tokenizer(after, "after").vocab_size(); });
  negative.model.vocab.emplace("negative", -1);
  strata::expect_refused([&] { return Tokenizer(negative, "negative").vocab_size(); });
  strata::expect_refused([] { return strata::byte_tokenizer().decode(std::vector<int32_t>{-1}).size(); });
  return true;
}

}  // namespace

// The first byte says which tokenizer, the rest is its text. Byte-level models give back every byte, whatever the text;
// streams give what decode gives.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const bool checked = refuses_bad_configs();
  (void)checked;
  static const std::vector<Tokenizer> tokenizers = make_tokenizers();
  if (size == 0) return 0;
  const size_t which = data[0] % tokenizers.size();
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Tokenizer& tokenizer = tokenizers[which];
  const auto ids = tokenizer.encode(text);
  for (const int32_t id : ids)
    if (id < 0 || id >= tokenizer.vocab_size()) std::abort();
  const bool exact = which != 1 && tokenizer.config().normaliser.empty();
  if (exact && tokenizer.decode_bytes(ids, false) != text) std::abort();
  strata::StreamDecoder stream(tokenizer);
  std::string streamed;
  for (const int32_t id : ids) streamed += stream.push(id);
  streamed += stream.finish();
  if (streamed != tokenizer.decode(ids)) std::abort();
  return 0;
}
