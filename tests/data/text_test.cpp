// Text as documents, tokens and batches.
#include "strata/data/text.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "strata/base/error.h"
#include "strata/base/file.h"
#include "strata/data/text_loader.h"
#include "tests/temporary_folder.h"

namespace strata {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> texts(const std::vector<TextDocument>& documents) {
  std::vector<std::string> all;
  for (const auto& document : documents) {
    all.emplace_back();
    for (const auto& piece : document.pieces) all.back() += piece.text;
  }
  return all;
}

std::string refusal(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TextSet bytes_of(const std::vector<std::string>& documents) {
  std::vector<TextDocument> all;
  for (const auto& text : documents) all.push_back({{{text, true}}});
  return tokenised(all, byte_codec(), "test");
}

std::string text_of(const Tensor& tokens) {
  std::string text;
  for (int64_t i = 0; i < tokens.size(0); ++i) text += static_cast<char>(tokens[i].item<int64_t>());
  return text;
}

TEST(TextDocuments, FilesAndFolders) {
  const TemporaryFolder folder;
  std::filesystem::create_directories(folder.path() + "/sub/.git");
  write_file_atomic(folder.path() + "/b.txt", "second");
  write_file_atomic(folder.path() + "/a.txt", "fi\xffrst");
  write_file_atomic(folder.path() + "/empty.txt", "");
  write_file_atomic(folder.path() + "/image.png", std::string_view("\x89PNG\0\0", 6));
  write_file_atomic(folder.path() + "/.hidden", "no");
  write_file_atomic(folder.path() + "/sub/.git/config", "no");
  write_file_atomic(folder.path() + "/sub/c.jsonl", "{\"text\": \"third\"}\n\n{\"text\": \"fourth\"}\n");
  EXPECT_THAT(texts(read_documents(folder.path())), ElementsAre("fi\xffrst", "second", "third", "fourth"));
  EXPECT_THAT(texts(read_documents(folder.path() + "/b.txt", {.separator = "co"})), ElementsAre("se", "nd"));
  EXPECT_THAT(texts(read_documents(folder.path() + "/image.png")), ElementsAre(std::string("\x89PNG\0\0", 6)));
  EXPECT_THAT(refusal([&] { read_documents(folder.path() + "/empty.txt"); }), HasSubstr("holds no text"));
  EXPECT_THAT(refusal([&] { read_documents(folder.path() + "/none"); }), HasSubstr("no such file"));
}

TEST(TextDocuments, NamesAreLookedUpWhereTheDataIs) {
  const TemporaryFolder folder;
  std::filesystem::create_directories(folder.path() + "/rfc");
  write_file_atomic(folder.path() + "/rfc/rfc1.txt", "Host Software");
  setenv("STRATA_DATA", folder.path().c_str(), 1);
  const auto found = texts(read_documents("rfc"));
  unsetenv("STRATA_DATA");
  EXPECT_THAT(found, ElementsAre("Host Software"));
}

TEST(TextDocuments, JsonLines) {
  const auto one = [](const std::string& line, const DocumentOptions& options = {}) {
    return parse_json_lines(line, "x.jsonl", options).at(0).pieces;
  };
  EXPECT_THAT(one(R"({"text": "a\nb"})"), ElementsAre(TextPiece{"a\nb", true}));
  EXPECT_THAT(one(R"({"prompt": "1+1=", "completion": "2"})"),
              ElementsAre(TextPiece{"1+1=", false}, TextPiece{"2", true}));
  EXPECT_THAT(one(R"({"body": "a", "text": "b"})", {.field = "body"}), ElementsAre(TextPiece{"a", true}));
  EXPECT_THAT(one(R"({"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "yes"}]})"),
              ElementsAre(TextPiece{"<|im_start|>user\n", false}, TextPiece{"hi<|im_end|>\n", false},
                          TextPiece{"<|im_start|>assistant\n", false}, TextPiece{"yes<|im_end|>\n", true}));
  EXPECT_THAT(
      one(R"({"prompt": [{"role": "assistant", "content": "a"}], "completion": [{"role": "assistant", "content": "b"}]})"),
      ElementsAre(TextPiece{"<|im_start|>assistant\n", false}, TextPiece{"a<|im_end|>\n", false},
                  TextPiece{"<|im_start|>assistant\n", false}, TextPiece{"b<|im_end|>\n", true}));
  EXPECT_THAT(refusal([&] { one(R"({"messages": [{"role": "user", "content": "a"}], "tools": [{"name": "f"}]})"); }),
              HasSubstr("x.jsonl:1: tools: expected none"));
}

TEST(TextDocuments, WrongJsonLinesAreNamed) {
  for (const auto& [line, words] : std::vector<std::pair<std::string, std::string>>{
           {"{\"text\": 3}", "x.jsonl:2: expected text to be a text, found 3"},
           {"[1]", "x.jsonl:2: expected a JSON object"},
           {"{\"text\": \"a\"", "x.jsonl:2"},
           {"{\"body\": \"a\"}", "prompt and completion"},
           {"{\"messages\": []}", "x.jsonl:2: messages"},
           {"{\"messages\": [3]}", "x.jsonl:2"},
           {"{\"messages\": [{\"content\": \"a\"}]}", "expected a role"},
           {std::string(100, '['), "x.jsonl:2"},
           {std::string("{\"text\": \"a\0\"}", 14), "x.jsonl:2"}}) {
    const std::string text = "{\"text\": \"fine\"}\n" + line + "\n";
    EXPECT_THAT(refusal([&] { parse_json_lines(text, "x.jsonl"); }), HasSubstr(words)) << line;
  }
}

TEST(TextSet, TokensAndWhatCounts) {
  TextCodec codec = byte_codec();
  codec.end = 0;
  const TextSet set = tokenised({{{{"ab", false}, {"c", true}}}, {{{"d", true}}}}, codec, "test");
  EXPECT_EQ(text_of(set.tokens), std::string("abc\0d\0", 6));
  EXPECT_TRUE(set.counted.equal(at::tensor({0, 0, 1, 1, 1, 1}).to(at::kBool)));
  EXPECT_TRUE(set.offsets.equal(at::tensor({0, 4, 6}, at::kLong)));
  EXPECT_FALSE(bytes_of({"a"}).counted.defined());
  // What frames itself gets nothing around it.
  EXPECT_EQ(text_of(tokenised({{{{"ab", true}}, Frame::own}, {{{"d", true}}}}, codec, "test").tokens),
            std::string("abd\0", 4));
  codec.start = {'^'}, codec.start_text = "<>";
  const TextSet written = tokenised({{{{"ab", false}, {"c", true}}, Frame::written}, {{{"d", true}}}}, codec, "test");
  EXPECT_EQ(text_of(written.tokens), std::string("<>abc\0^d\0", 9));
  EXPECT_TRUE(written.counted.equal(at::tensor({0, 0, 0, 0, 1, 1, 1, 1, 1}).to(at::kBool)));
}

TEST(TextSet, HoldsOutEndsOfFewDocuments) {
  const auto [train, held] = hold_out(bytes_of({"0123456789", "abcdefghij"}), 0.2);
  EXPECT_EQ(text_of(train.tokens), "01234567abcdefgh");
  EXPECT_EQ(text_of(held.tokens), "89ij");
  EXPECT_TRUE(held.offsets.equal(at::tensor({0, 2, 4}, at::kLong)));
  EXPECT_EQ(hold_out(bytes_of({"abc"}), 0).second.size(), 0);
}

// An answer that lost its end would teach a model not to end.
TEST(TextSet, HoldsOutWholeConversations) {
  std::vector<TextDocument> documents;
  for (int i = 0; i < 6; ++i)
    documents.push_back({{{"ask", false}, {std::string("answer") + static_cast<char>('0' + i), true}}});
  const TextSet set = tokenised(documents, byte_codec(), "test");
  const auto [train, held] = hold_out(set, 0.05);
  EXPECT_EQ(train.documents(), 5);
  EXPECT_EQ(held.documents(), 1);
  EXPECT_EQ(train.size(), 50);
  EXPECT_TRUE(train.counted.slice(0, 0, 10).equal(set.counted.slice(0, 0, 10)));
  EXPECT_EQ(hold_out(set, 0).second.documents(), 0);
  EXPECT_EQ(hold_out(tokenised({documents[0]}, byte_codec(), "test"), 0.3).second.documents(), 0)
      << "nothing would be left";
  EXPECT_EQ(first_tokens(set, 20).documents(), 2);
}

TEST(TextSet, HoldsOutWholeDocumentsOfMany) {
  std::vector<std::string> documents;
  for (int i = 0; i < 200; ++i) documents.push_back(std::string(3, static_cast<char>(i)));
  const auto [train, held] = hold_out(bytes_of(documents), 0.1);
  EXPECT_EQ(train.documents(), 180);
  EXPECT_EQ(held.documents(), 20);
  EXPECT_EQ(checksum_of(held), checksum_of(hold_out(bytes_of(documents), 0.1).second));
  EXPECT_FALSE(at::isin(held.tokens, train.tokens).any().item<bool>());
}

std::string counting(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += static_cast<char>(i);
  return text;
}

TEST(TextBatches, WindowsShowEveryStretchOnceAnEpoch) {
  const TextBatches batches(bytes_of({counting(101)}), {.context = 10, .batch = 3, .seed = 5});
  ASSERT_EQ(batches.count(), 9);
  for (int64_t epoch = 0; epoch < 3; ++epoch) {
    std::vector<int64_t> firsts;
    for (int64_t step = 3 * epoch; step < 3 * epoch + 3; ++step) {
      const TextBatch batch = batches.at(step);
      EXPECT_EQ(batch.sequences(), 3);
      EXPECT_EQ(batch.rows->length, 10);
      EXPECT_TRUE(batch.targets.equal(batch.tokens + 1));
      for (int64_t i = 0; i < 3; ++i) firsts.push_back(batch.tokens[10 * i].item<int64_t>());
    }
    std::sort(firsts.begin(), firsts.end());
    for (size_t i = 1; i < firsts.size(); ++i) EXPECT_EQ(firsts[i] - firsts[i - 1], 10);
    EXPECT_LT(firsts.front(), 10);
  }
  EXPECT_TRUE(batches.at(7).tokens.equal(
      TextBatches(bytes_of({counting(101)}), {.context = 10, .batch = 3, .seed = 5}).at(7).tokens));
  EXPECT_FALSE(batches.at(7).tokens.equal(batches.at(8).tokens));
}

TEST(TextBatches, PackedStretchesEndWithTheirDocuments) {
  const std::vector<std::string> documents{"abc", "", "defgh", "i", "jklmnopqrst"};
  const TextBatches batches(bytes_of(documents), {.packing = Packing::packed, .context = 8, .batch = 1});
  std::string whole;
  for (const auto& document : documents) whole += document;
  for (int64_t step = 0; step < 8; ++step) {
    const TextBatch batch = batches.at(step);
    const std::string tokens = text_of(batch.tokens);
    const size_t at = whole.find(tokens);
    ASSERT_NE(at, std::string::npos);
    ASSERT_EQ(tokens.size(), 8U);
    for (int64_t s = 0; s < batch.sequences(); ++s) {
      const int64_t begin = batch.rows->begin(s), end = batch.rows->begin(s + 1);
      const std::string piece = tokens.substr(begin, end - begin);
      const auto home = std::find_if(documents.begin(), documents.end(),
                                     [&](const std::string& d) { return d.find(piece) != std::string::npos; });
      ASSERT_NE(home, documents.end()) << piece;
      for (int64_t i = begin; i < end; ++i) {
        const bool last = tokens[i] == home->back();
        EXPECT_EQ(batch.targets[i].item<int64_t>(), last ? -100 : tokens[i] + 1) << tokens << " at " << i;
      }
    }
  }
}

TEST(TextBatches, WholeDocumentsAndTheirAnswers) {
  const TextSet set =
      tokenised({{{{"abc", false}, {"de", true}}}, {{{"fg", false}}}, {{{"hijklmnopq", true}}}}, byte_codec(), "test");
  const TextBatches batches(set, {.packing = Packing::documents, .context = 6, .batch = 3});
  EXPECT_EQ(batches.count(), 3) << "abcde, and hijklmnopq in two; fg teaches nothing";
  const TextBatch batch = batches.at(0);
  std::map<std::string, std::string> seen;
  for (int64_t s = 0; s < 3; ++s) {
    const int64_t begin = batch.rows->begin(s), end = batch.rows->begin(s + 1);
    std::string targets;
    for (int64_t i = begin; i < end; ++i) {
      const int64_t target = batch.targets[i].item<int64_t>();
      targets += target < 0 ? '-' : static_cast<char>(target);
    }
    seen[text_of(batch.tokens.slice(0, begin, end))] = targets;
  }
  EXPECT_THAT(
      seen, ElementsAre(testing::Pair("abcd", "--de"), testing::Pair("hijklm", "ijklmn"), testing::Pair("nop", "opq")));
  const TextBatch last = slice(batch, 1, 2);
  EXPECT_EQ(last.sequences(), 2);
  EXPECT_TRUE(last.tokens.equal(batch.tokens.slice(0, batch.rows->begin(1))));
}

TEST(TextBatches, WrongInput) {
  EXPECT_THAT(refusal([] { TextBatches(bytes_of({"abc"}), {.context = 3}); }), HasSubstr("too few"));
  EXPECT_THROW(TextBatches(bytes_of({"abc"}), {.context = 0}), UsageError);
  EXPECT_THROW(TextBatches(bytes_of({"abc"}), {.context = 2, .batch = int64_t{1} << 40}), UsageError);
  EXPECT_THAT(refusal([] { TextBatches(bytes_of({"a"}), {.packing = Packing::documents}); }), HasSubstr("no document"));
  const TextSet silent = tokenised({{{{"abcdef", false}}}}, byte_codec(), "test");
  EXPECT_THAT(refusal([&] { TextBatches(silent, {.context = 2}); }), HasSubstr("no token is to be learned"));
}

}  // namespace
}  // namespace strata
