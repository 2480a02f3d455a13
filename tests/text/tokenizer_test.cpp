#include "strata/text/tokenizer.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <thread>

#include "strata/base/error.h"
#include "strata/formats/tokenizer_json.h"
#include "strata/text/byte_level.h"
#include "tests/message_of.h"

namespace strata {
namespace {

using Ids = std::vector<int32_t>;
const std::string kFolder = "tests/golden/tokenizers/";

std::string random_bytes(std::mt19937& random, size_t most) {
  std::string text;
  for (size_t size = random() % most; size > 0; --size)
    text += static_cast<char>(random() % 3 ? random() % 256 : ' ' + random() % 90);
  return text;
}

TEST(Tokenizer, ByteLevelModelsGiveEveryByteBack) {
  std::mt19937 random(1);
  for (const char* kind : {"gpt2", "llama3", "smollm"}) {
    const Tokenizer tokenizer = open_tokenizer(kFolder + kind + ".json");
    for (int i = 0; i < 500; ++i) {
      const std::string text = random_bytes(random, 80);
      EXPECT_EQ(tokenizer.decode_bytes(tokenizer.encode(text, {.special_in_text = false, .add_special = false})), text);
    }
  }
}

TEST(Tokenizer, ByteFallbackOfIllFormedText) {
  const Tokenizer tokenizer = open_tokenizer(kFolder + "llama2_prepend.json");
  const Ids ids = tokenizer.encode("a\xFF", {.add_special = false});
  EXPECT_EQ(tokenizer.token(ids.back()), "<0xFF>");
  EXPECT_EQ(tokenizer.bytes(ids.back()), "\xFF");
  EXPECT_EQ(tokenizer.decode(ids), "a\uFFFD");
}

TEST(Tokenizer, BytesOfATokenDoNotDependOnItsPlace) {
  const Tokenizer tokenizer = open_tokenizer(kFolder + "llama2_prepend.json");
  EXPECT_EQ(tokenizer.bytes(*tokenizer.id("\u2581")), " ");
  const Tokenizer bytes = open_tokenizer(kFolder + "gpt2.json");
  EXPECT_EQ(bytes.bytes(*bytes.id("\u0120")), " ");
  EXPECT_EQ(bytes.bytes(1 << 20), "");
}

// One piece of any length: the heap and, where cuts are safe, the pieces between them give what short pieces give.
TEST(Tokenizer, LongPiecesAsShortOnes) {
  const Tokenizer tokenizer = open_tokenizer(kFolder + "llama2_prepend.json");
  std::string text;
  std::mt19937 random(2);
  for (int i = 0; i < 300; ++i) text += std::string(random() % 3, ' ') + (random() % 2 ? "heaven" : "thethe");
  TokenizerConfig config = tokenizer.config();
  config.model.merges.emplace_back("h", "\u2581");  // a mark inside of a token: no cut is safe any more
  config.model.vocab.emplace("h\u2581", static_cast<int32_t>(tokenizer.vocab_size()));
  EXPECT_EQ(Tokenizer(config, "test").encode(text), tokenizer.encode(text));
}

TEST(Tokenizer, HeapAndScanAgree) {
  BpeConfig config;
  std::mt19937 random(3);
  std::vector<std::string> tokens = {"a", "b"};
  for (int32_t i = 0; i < 2; ++i) config.vocab.emplace(tokens[i], i);
  while (tokens.size() < 60) {
    const std::string left = tokens[random() % tokens.size()];
    const std::string right = tokens[random() % tokens.size()];
    if (left.size() + right.size() > 9 ||
        !config.vocab.emplace(left + right, static_cast<int32_t>(tokens.size())).second)
      continue;
    tokens.push_back(left + right);
    config.merges.emplace_back(left, right);
  }
  const Bpe bpe(config, false, "test");
  WordCache cache;
  for (int i = 0; i < 2000; ++i) {
    std::string text;
    for (size_t size = 1 + random() % 60; size > 0; --size) text += random() % 2 ? 'a' : 'b';
    // As the definition says: the first of the listed pairs that is there, leftmost.
    std::vector<std::string> wanted;
    for (const char c : text) wanted.emplace_back(1, c);
    for (bool merged = true; merged;) {
      merged = false;
      for (const auto& [left, right] : config.merges) {
        for (size_t at = 0; at + 1 < wanted.size() && !merged; ++at) {
          if (wanted[at] != left || wanted[at + 1] != right) continue;
          wanted[at] += right;
          wanted.erase(wanted.begin() + static_cast<ptrdiff_t>(at) + 1);
          merged = true;
        }
        if (merged) break;
      }
    }
    Ids ids;
    for (const std::string& token : wanted) ids.push_back(config.vocab.at(token));
    Ids found;
    bpe.encode(text, text.size(), cache, found);
    EXPECT_EQ(found, ids) << text;
  }
}

TEST(Tokenizer, ThreadsShareOne) {
  const Tokenizer tokenizer = open_tokenizer(kFolder + "gpt2.json");
  std::string text;
  std::mt19937 random(4);
  for (int i = 0; i < 2000; ++i) text += random_bytes(random, 12) + " ";
  const Ids wanted = tokenizer.encode(text);
  std::vector<Ids> found(4);
  std::vector<std::thread> threads;
  for (Ids& ids : found) threads.emplace_back([&] { ids = tokenizer.encode(text); });
  for (std::thread& thread : threads) thread.join();
  for (const Ids& ids : found) EXPECT_EQ(ids, wanted);
}

TEST(Tokenizer, Bytes) {
  const Tokenizer tokenizer = byte_tokenizer();
  EXPECT_EQ(tokenizer.vocab_size(), 256);
  EXPECT_EQ(tokenizer.encode("a\xFF\n"), (Ids{'a', 255, '\n'}));
  EXPECT_EQ(tokenizer.decode(Ids{0xC3, 0xA9}), "\u00e9");
  EXPECT_EQ(tokenizer.decode_bytes(Ids{255, 0}), std::string("\xFF\0", 2));
  const Tokenizer read = tokenizer_from_json(tokenizer_to_json(tokenizer), "", "input");
  EXPECT_EQ(read.encode("h\u00e9"), tokenizer.encode("h\u00e9"));
}

TEST(Tokenizer, Characters) {
  const Tokenizer tokenizer = character_tokenizer("hello \u4f60");
  EXPECT_EQ(tokenizer.vocab_size(), 7);
  EXPECT_EQ(tokenizer.decode(tokenizer.encode("ho\u4f60 x")), "ho\u4f60 ");
  EXPECT_EQ(tokenizer.encode("x"), (Ids{0}));
}

TEST(Tokenizer, NegativeIdsAreRefused) {
  const Tokenizer tokenizer = byte_tokenizer();
  const std::vector<int32_t> ids = {'a', -1};
  const auto refused = testing::HasSubstr("expected ids of at least 0, found -1");
  EXPECT_THAT(message_of([&] { (void)tokenizer.decode(ids); }), refused);
  EXPECT_THAT(message_of([&] { (void)tokenizer.decode_bytes(ids); }), refused);
  StreamDecoder stream(tokenizer);
  EXPECT_EQ(stream.push('a'), "a");
  EXPECT_THAT(message_of([&] { stream.push(-1); }), refused);
  TokenizerConfig config;
  config.model.vocab.emplace("a", -1);
  EXPECT_THAT(message_of([&] { (void)Tokenizer(config, "who"); }),
              testing::HasSubstr("who: expected ids of at least 0, found -1 for 'a'"));
}

TEST(StreamDecoder, HoldsBackUnfinishedCharacters) {
  StreamDecoder stream(byte_tokenizer());
  EXPECT_EQ(stream.push('a'), "a");
  EXPECT_EQ(stream.push(0xF0), "");
  EXPECT_EQ(stream.push(0x9F), "");
  EXPECT_EQ(stream.push(0x98), "");
  EXPECT_EQ(stream.push(0x80), "\U0001F600");
  EXPECT_EQ(stream.push(0xC3), "");
  EXPECT_EQ(stream.finish(), "\uFFFD");
}

TEST(StreamDecoder, IllFormedBytesComeAtOnceAndInLinearTime) {
  const Tokenizer tokenizer = byte_tokenizer();
  StreamDecoder stream(tokenizer);
  EXPECT_EQ(stream.push(0xFF), "\uFFFD");  // no byte to come makes a character of it
  EXPECT_EQ(stream.push(0xC3), "");
  EXPECT_EQ(stream.push(0xC3), "\uFFFD");  // the first of the two lacks a byte for good
  EXPECT_EQ(stream.push(0xA9), "\u00e9");
  EXPECT_EQ(stream.push(99'999), "");
  EXPECT_EQ(stream.push(1000), "");
  EXPECT_EQ(stream.finish(), "");
  // Each of them decoded anew for each that follows would take minutes.
  const Ids ids(300'000, 0xC3);
  std::string streamed;
  for (const int32_t id : ids) streamed += stream.push(id);
  streamed += stream.finish();
  EXPECT_EQ(streamed, tokenizer.decode(ids));
}

// <0x00> to <0xFF> with ids 0 to 255, then a and a piece with a mark for a space.
Tokenizer fallback_tokenizer() {
  TokenizerConfig config;
  for (int byte = 0; byte < 256; ++byte) config.model.vocab.emplace(fmt::format("<0x{:02X}>", byte), byte);
  config.model.vocab.emplace("a", 256);
  config.model.vocab.emplace("\u2581b", 257);
  config.decoder = {{.kind = DecoderStep::Kind::replace, .text = " ", .pattern = Pattern("\u2581", false, "test")},
                    {.kind = DecoderStep::Kind::byte_fallback},
                    {.kind = DecoderStep::Kind::fuse},
                    {.kind = DecoderStep::Kind::strip, .text = " ", .start = 1}};
  return {std::move(config), "test"};
}

TEST(StreamDecoder, RunsOfByteTokens) {
  const Tokenizer tokenizer = fallback_tokenizer();
  const auto streamed = [&](const Ids& ids) {
    StreamDecoder stream(tokenizer);
    std::string text;
    for (const int32_t id : ids) text += stream.push(id);
    return text + stream.finish();
  };
  StreamDecoder stream(tokenizer);
  EXPECT_EQ(stream.push(257), "b");
  EXPECT_EQ(stream.push(0xC3), "");
  EXPECT_EQ(stream.push(0xA9), "\u00e9");
  EXPECT_EQ(stream.push(0xFF), "\uFFFD");  // decode would now show the character's bytes as marks too
  EXPECT_EQ(stream.push(257), " b");
  for (const Ids& ids : {Ids{257, 0xE2, 0x82, 0xAC, 257}, Ids{0xFF, 256}, Ids{256, 0xE2, 0x82, 256}, Ids{0xF0, 0x9F},
                         Ids{256, 0xFF, 0xE2, 0x82}, Ids{257, 257, 0xC3, 0xC3, 257}})
    EXPECT_EQ(streamed(ids), tokenizer.decode(ids)) << testing::PrintToString(ids);
}

}  // namespace
}  // namespace strata
