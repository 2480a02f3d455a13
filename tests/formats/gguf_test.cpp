#include "strata/formats/gguf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>

#include "strata/base/error.h"
#include "tests/message_of.h"
#include "tests/temporary_folder.h"

namespace strata {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

std::vector<float> values_of(const GgufTensor& tensor) {
  std::vector<float> values(tensor.count());
  dequantise(tensor.type, tensor.bytes.data(), values.data(), tensor.count());
  return values;
}

const GgufTensor& tensor_of(const Gguf& file, std::string_view name) {
  const GgufTensor* tensor = file.find_tensor(name);
  if (tensor == nullptr) fail("no tensor ", name);
  return *tensor;
}

// Metadata and tensors of every type that is written. tests/golden/gguf_reader.py checks with the gguf package that the
// committed file holds exactly these.
struct Sample {
  GgufMetadata metadata;
  std::vector<std::vector<std::byte>> blocks;
  std::vector<GgufTensor> tensors;
};
Sample sample() {
  Sample sample;
  sample.metadata = {
      {"general.architecture", std::string("test")},
      {"general.alignment", uint32_t{64}},
      {"u8", uint8_t{255}},
      {"i8", int8_t{-128}},
      {"u16", uint16_t{65535}},
      {"i16", int16_t{-32768}},
      {"i32", std::numeric_limits<int32_t>::min()},
      {"f32", 0.1F},
      {"bool", true},
      {"u64", std::numeric_limits<uint64_t>::max()},
      {"i64", std::numeric_limits<int64_t>::min()},
      {"f64", 0.1},
      {"texts", GgufArray(std::vector<std::string>{"a", "", "ü"})},
      {"flags", GgufArray(std::vector<bool>{true, false, true})},
      {"numbers", GgufArray(std::vector<float>{1.5F, -2.5F})},
      {"wide", GgufArray(std::vector<uint64_t>{uint64_t{1} << 63U, 1})},
  };
  for (const char* type : {"F32", "F16", "BF16", "Q8_0", "Q4_0"}) {
    std::vector<float> values(2 * 3 * 32);
    for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i * i * 37 % 1001) / 83 - 6;
    const BlockType kind = *parse_block_type(type);
    auto& blocks = sample.blocks.emplace_back(block_bytes(kind, std::ssize(values)));
    quantise(kind, values.data(), blocks.data(), std::ssize(values));
    sample.tensors.push_back({type, kind, {2, 3, 32}, blocks});
  }
  return sample;
}

TEST(Gguf, ReadsWhatTheReferenceWrites) {
  const Gguf file("tests/golden/gguf/types.gguf");
  EXPECT_EQ(file.version(), 3U);
  EXPECT_EQ(file.alignment(), 64U);
  EXPECT_EQ(file.text("general.architecture"), "test");
  EXPECT_EQ(file.integer("u8"), 255);
  EXPECT_EQ(file.integer("i8"), -128);
  EXPECT_EQ(file.integer("u16"), 65535);
  EXPECT_EQ(file.integer("i16"), -32768);
  EXPECT_EQ(file.integer("u32"), 4294967295);
  EXPECT_EQ(file.integer("i32"), -2147483648LL);
  EXPECT_EQ(file.number("f32"), 0.1F);
  EXPECT_EQ(file.number("i8"), -128);
  EXPECT_EQ(file.boolean("bool"), true);
  EXPECT_EQ(file.text("text"), "naïve 猫");
  EXPECT_EQ(std::get<uint64_t>(*file.find("u64")), std::numeric_limits<uint64_t>::max());
  EXPECT_EQ(file.integer("i64"), std::numeric_limits<int64_t>::min());
  EXPECT_EQ(file.number("f64"), 0.1);
  EXPECT_THAT(*file.texts("texts"), testing::ElementsAre("a", "", "U+2581 is \u2581"));
  EXPECT_THAT(*file.numbers("numbers"), testing::ElementsAre(1.5, -2.5));
  EXPECT_THAT(*file.integers("integers"), testing::ElementsAre(1, -2, 3));
  EXPECT_EQ(gguf_type_name(*file.find("flags")), "list of bool");
  EXPECT_EQ(gguf_type_name(*file.find("wide")), "list of u64");
  EXPECT_EQ(file.integer("nothing"), std::nullopt);

  const auto plain = values_of(tensor_of(file, "plain"));
  EXPECT_THAT(tensor_of(file, "plain").shape, testing::ElementsAre(2, 3, 32));
  for (size_t i = 0; i < plain.size(); ++i) EXPECT_EQ(plain[i], (static_cast<float>(i) - 90) / 7);
  EXPECT_THAT(tensor_of(file, "blocks").shape, testing::ElementsAre(2, 3, 32));
  for (const char* name : {"half", "blocks"}) {
    const auto values = values_of(tensor_of(file, name));
    for (size_t i = 0; i < plain.size(); ++i) EXPECT_NEAR(values[i], plain[i], 0.06) << name << i;
  }
  EXPECT_THAT(values_of(tensor_of(file, "ids")), testing::ElementsAre(3, -1, 0x1p40F));
  EXPECT_EQ(tensor_of(file, "one").type, BlockType::F64);
  EXPECT_EQ(file.find_tensor("two"), nullptr);
}

TEST(Gguf, TypedReadingSaysWhatItFound) {
  const Gguf file("tests/golden/gguf/types.gguf");
  const auto begins = [](const std::string& text) {
    return testing::StartsWith("tests/golden/gguf/types.gguf: " + text);
  };
  EXPECT_THAT(message_of([&] { (void)file.text("u8"); }), begins("'u8': expected text, found u8"));
  EXPECT_THAT(message_of([&] { (void)file.boolean("u8"); }), begins("'u8': expected bool, found u8"));
  EXPECT_THAT(message_of([&] { (void)file.integer("u64"); }), begins("'u64': expected a whole number below 2^63"));
  EXPECT_THAT(message_of([&] { (void)file.integer("bool"); }), HasSubstr("found bool"));
  EXPECT_THAT(message_of([&] { (void)file.integer("f32"); }), HasSubstr("found f32"));
  EXPECT_THAT(message_of([&] { (void)file.number("text"); }), begins("'text': expected a number, found text"));
  EXPECT_THAT(message_of([&] { (void)file.numbers("texts"); }),
              HasSubstr("expected a list of numbers, found list of text"));
  EXPECT_THAT(message_of([&] { (void)file.integers("wide"); }), HasSubstr("found list of u64"));
  EXPECT_THAT(message_of([&] { (void)file.integers("u8"); }), HasSubstr("found u8"));
  EXPECT_THAT(message_of([&] { (void)file.texts("numbers"); }),
              HasSubstr("expected a list of text, found list of f32"));
}

TEST(Gguf, WritesTheSameBytesEveryTime) {
  const TemporaryFolder folder;
  const Sample made = sample();
  write_gguf(folder.file("a.gguf"), made.metadata, made.tensors);
  EXPECT_TRUE(read_text(folder.file("a.gguf"), 1 << 20) == read_text("tests/golden/gguf/ours.gguf", 1 << 20));
  const Gguf file(folder.file("a.gguf"));
  EXPECT_EQ(file.metadata(), made.metadata);
  ASSERT_EQ(file.tensors().size(), made.tensors.size());
  for (const GgufTensor& want : made.tensors) {
    const GgufTensor& got = tensor_of(file, want.name);
    EXPECT_EQ(got.type, want.type);
    EXPECT_EQ(got.shape, want.shape);
    EXPECT_TRUE(std::equal(got.bytes.begin(), got.bytes.end(), want.bytes.begin(), want.bytes.end()));
    EXPECT_EQ((got.bytes.data() - file.tensors().front().bytes.data()) % 64, 0);
  }
}

TEST(Gguf, WritesTensorsThatAreMadeOneByOne) {
  const TemporaryFolder folder;
  const Sample made = sample();
  std::vector<GgufTensor> shapes = made.tensors;
  for (GgufTensor& tensor : shapes) tensor.bytes = {};
  const auto in_pieces = [&](size_t index, const ByteSink& sink) {
    const auto bytes = made.tensors[index].bytes;
    sink(bytes.first(bytes.size() / 3));
    sink(bytes.subspan(bytes.size() / 3));
  };
  write_gguf(folder.file("a.gguf"), made.metadata, shapes, in_pieces);
  EXPECT_TRUE(read_text(folder.file("a.gguf"), 1 << 20) == read_text("tests/golden/gguf/ours.gguf", 1 << 20));
  const std::vector<std::byte> more(1 << 16);
  for (const size_t size : {size_t{0}, more.size()})
    EXPECT_THAT(message_of([&] {
                  write_gguf(folder.file("b.gguf"), made.metadata, shapes,
                             [&](size_t, const ByteSink& sink) { sink(std::span(more).first(size)); });
                }),
                HasSubstr("bytes for its type and shape, found " + std::to_string(size)));
  EXPECT_FALSE(std::filesystem::exists(folder.file("b.gguf")));
}

TEST(Gguf, RefusesToWriteWhatItWouldNotRead) {
  const std::vector<std::byte> bytes(256);
  const GgufTensor good{"a", BlockType::F32, {2, 4}, std::span(bytes).first(32)};
  const auto refusal = [](const GgufMetadata& metadata, const std::vector<GgufTensor>& tensors) {
    return message_of([&] { (void)gguf_header("f", metadata, tensors); });
  };
  EXPECT_EQ(refusal({}, {good}), "");
  EXPECT_THAT(refusal({}, {good, good}), HasSubstr("expected each tensor once, found 'a'"));
  EXPECT_THAT(refusal({{"k", true}, {"k", true}}, {}), HasSubstr("expected each key once, found 'k'"));
  EXPECT_THAT(refusal({{"", true}}, {}), HasSubstr("expected keys of 1 to 65535 bytes"));
  EXPECT_THAT(refusal({{"k", GgufArray(std::monostate())}}, {}), HasSubstr("a list of lists cannot be written"));
  EXPECT_THAT(refusal({{"general.alignment", uint32_t{3}}}, {}), HasSubstr("power of two"));
  GgufTensor bad = good;
  bad.name = std::string(64, 'x');
  EXPECT_THAT(refusal({}, {bad}), HasSubstr("a name of at most 63 bytes, got 64"));
  bad = good;
  bad.shape = {1, 1, 1, 1, 8};
  EXPECT_THAT(refusal({}, {bad}), HasSubstr("at most 4 dimensions, got 5"));
  bad.shape = {9};
  EXPECT_THAT(refusal({}, {bad}), HasSubstr("expected 36 bytes for its type and shape, got 32"));
  bad.shape = {-1};
  EXPECT_THAT(refusal({}, {bad}), HasSubstr("dimensions of at least 0, found -1"));
  bad.shape = {2, 16};
  bad.type = BlockType::Q8_0;
  EXPECT_THAT(refusal({}, {bad}), HasSubstr("rows of whole blocks of 32 numbers for Q8_0, found rows of 16"));
}

TEST(Gguf, EveryAttackGetsItsMessage) {
  const std::map<std::string, std::string> messages = {
      {"bad_short", "expected a GGUF file"},
      {"bad_magic", "expected a GGUF file, which starts with 'GGUF'"},
      {"bad_no_version", "byte 4: header: expected the version of 4 bytes, found 1 to the end"},
      {"bad_version_1", "expected version 2 or 3, found 1; write the file anew"},
      {"bad_version_4", "expected version 2 or 3, found 4"},
      {"bad_big_endian", "found big-endian ones"},
      {"bad_tensor_count", "found 9223372036854775808; is the file cut off?"},
      {"bad_entry_count", "expected a number of metadata entries"},
      {"bad_no_counts", "expected number of tensors of 8 bytes, found 7"},
      {"bad_empty_key", "metadata entry 0: expected a key, found an empty one"},
      {"bad_key_length", "expected a key of at most 65535 bytes, found a length of 65536"},
      {"bad_key_cut", "expected a key of 60000 bytes, found 16"},
      {"bad_key_twice", "expected each key once, found 'a' a second time"},
      {"bad_type_of_value", "'a': expected the type of a value from 0 to 12, found 13"},
      {"bad_value_cut", "expected a value of 8 bytes, found 4"},
      {"bad_bool", "expected 0 or 1 as bool, found 2"},
      {"bad_text_length", "expected text of at most 1073741824 bytes"},
      {"bad_text_cut", "expected text of 9 bytes, found 8"},
      {"bad_type_of_list", "expected the type of a list's elements from 0 to 12, found 99"},
      {"bad_list_of_lists", "found a list of lists"},
      {"bad_list_length", "expected a list length of things that fit the 8 bytes left"},
      {"bad_list_cut", "things that fit the 8 bytes left, found 9"},
      {"bad_bool_in_list", "expected 0 or 1 as bool, found 3"},
      {"bad_text_in_list", "expected text in a list of 50 bytes, found 0"},
      {"bad_alignment_zero", "power of two up to 2^21, found 0"},
      {"bad_alignment_three", "found 24"},
      {"bad_alignment_huge", "found 2147483648"},
      {"bad_alignment_type", "general.alignment: expected a u32 that is a power of two up to 2^21, found u8"},
      {"bad_name_length", "tensor 0: expected a name of at most 63 bytes, found a length of 64"},
      {"bad_name_twice", "expected each tensor once, found 'a' a second time"},
      {"bad_dimensions", "tensor 'a': expected at most 4 dimensions, found 5"},
      {"bad_dimension_negative", "expected dimensions below 2^63, found 9223372036854775808"},
      {"bad_dimensions_cut", "expected a dimension of 8 bytes, found 0"},
      {"bad_type_removed", "found id 4"},
      {"bad_type_unknown", "found id 1000"},
      {"bad_rows", "whole blocks of 32 numbers for Q8_0, found rows of 33"},
      {"bad_rows_of_whole_tensor", "found rows of 16"},
      {"bad_product", "expected a shape whose size fits 63 bits, found an overflow"},
      {"bad_bytes", "tensor 'a': expected a size that fits 63 bits"},
      {"bad_offset", "expected its data at offset 0, the first multiple of 32 after the previous tensor, found 32"},
      {"bad_misaligned", "expected its data at offset 32, the first multiple of 32 after the previous tensor, found 4"},
      {"bad_overlap", "expected its data at offset 64"},
      {"bad_gap", "expected its data at offset 32, the first multiple of 32 after the previous tensor, found 64"},
      {"bad_data_cut", "expected 4 bytes of data, found 3"},
      {"bad_no_data", "expected 4 bytes of data, found 0"},
  };
  size_t files = 0, good = 0;
  for (const auto& entry : fs::directory_iterator("tests/fuzz/corpus/gguf")) {
    const std::string name = entry.path().filename();
    SCOPED_TRACE(name);
    const std::string message = message_of([&] { const Gguf file(entry.path()); });
    if (name.starts_with("good_")) {
      EXPECT_EQ(message, "");
      ++good;
    } else if (name.starts_with("bad_")) {
      ASSERT_TRUE(messages.contains(name));
      EXPECT_THAT(message, HasSubstr(messages.at(name)));
      EXPECT_THAT(message, testing::StartsWith(entry.path().string()));
      ++files;
    }
  }
  EXPECT_EQ(files, messages.size());
  EXPECT_GE(good, 8U);
}

TEST(Gguf, NoPrefixOfAFileIsTakenForAWholeOne) {
  const std::string whole = read_text("tests/golden/gguf/types.gguf", 1 << 20);
  const auto bytes = std::as_bytes(std::span(whole));
  const Gguf file(bytes, "whole");
  const size_t needed = file.tensors().back().bytes.data() + file.tensors().back().bytes.size() - bytes.data();
  for (size_t size = 0; size < needed; ++size)
    EXPECT_NE(message_of([&] { const Gguf part(bytes.first(size), "part"); }), "") << size;
}

TEST(GgufFiles, PartsAreOneModel) {
  const GgufFiles model("tests/golden/gguf/parts-00001-of-00002.gguf");
  EXPECT_EQ(model.files().size(), 2U);
  ASSERT_EQ(model.tensors().size(), 3U);
  for (const char* name : {"a", "b", "c"})
    EXPECT_THAT(values_of(*model.find(name)), testing::Each(static_cast<float>(*name)));
  EXPECT_EQ(model.find("d"), nullptr);
}

TEST(GgufFiles, PartsThatDoNotFit) {
  const TemporaryFolder folder;
  const auto split = [&](const std::string& name, uint16_t number, uint16_t count, int32_t total, const char* tensor) {
    static const float value = 1;
    const GgufTensor one{tensor, BlockType::F32, {1}, std::as_bytes(std::span(&value, 1))};
    write_gguf(folder.file(name), {{"split.no", number}, {"split.count", count}, {"split.tensors.count", total}},
               std::span(&one, 1));
  };
  const auto open = [&](const std::string& name) {
    return message_of([&] { const GgufFiles model(folder.file(name)); });
  };
  split("m-00001-of-00002.gguf", 0, 2, 2, "a");
  EXPECT_THAT(open("m-00001-of-00002.gguf"), HasSubstr("m-00002-of-00002.gguf: cannot open"));
  split("m-00002-of-00002.gguf", 1, 2, 2, "b");
  EXPECT_EQ(open("m-00001-of-00002.gguf"), "");
  EXPECT_THAT(open("m-00002-of-00002.gguf"), HasSubstr("expected the first of 2 parts, whose name ends in -00001-of"));
  split("m-00002-of-00002.gguf", 1, 2, 2, "a");
  EXPECT_THAT(open("m-00001-of-00002.gguf"), HasSubstr("expected each tensor once, found 'a' in two parts"));
  split("m-00002-of-00002.gguf", 1, 3, 2, "b");
  EXPECT_THAT(open("m-00001-of-00002.gguf"), HasSubstr("expected split.no 1 and split.count 2, found others"));
  split("m-00002-of-00002.gguf", 1, 2, 2, "b");
  split("m-00001-of-00002.gguf", 0, 2, 3, "a");
  EXPECT_THAT(open("m-00001-of-00002.gguf"), HasSubstr("expected 3 tensors in all parts, found 2"));
  split("n.gguf", 0, 2, 2, "a");
  EXPECT_THAT(open("n.gguf"), HasSubstr("expected the first of 2 parts"));
  split("p-00001-of-60000.gguf", 0, 60000, 2, "a");
  EXPECT_THAT(open("p-00001-of-60000.gguf"), HasSubstr("expected at most 9999 parts"));
}

}  // namespace
}  // namespace strata
