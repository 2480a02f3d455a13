#include "strata/formats/safetensors_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>
#include <tuple>

#include "tests/message_of.h"
#include "tests/temporary_folder.h"

namespace strata {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
namespace fs = std::filesystem;

const std::vector<std::byte> kData(64, std::byte{7});

TensorView tensor(const std::string& name, int64_t elements) {
  return {.name = name,
          .dtype = DType::F32,
          .shape = {elements},
          .bytes = std::span(kData).first(static_cast<size_t>(4 * elements))};
}

void write(const std::string& path, const std::string& text) {
  std::ofstream(path) << text;
}

std::string open_error(const std::string& folder) {
  return message_of([&] { open_checkpoint_tensors(folder); });
}

std::string index_error(const std::string& text) {
  return message_of([&] { parse_safetensors_index(text, "i.json"); });
}

std::vector<std::string> names(const CheckpointTensors& checkpoint) {
  std::vector<std::string> all;
  for (const TensorView* view : checkpoint.tensors()) all.push_back(view->name);
  return all;
}

TEST(SafetensorsIndex, ShardsRoundTrip) {
  const TemporaryFolder folder;
  const std::vector<TensorView> tensors = {tensor("b", 4), tensor("a", 4), tensor("huge", 16), tensor("c", 1)};
  write_checkpoint_tensors(folder.path(), tensors, 32);
  const nlohmann::json index = nlohmann::json::parse(read_text(folder.file("model.safetensors.index.json"), 1 << 20));
  EXPECT_EQ(index["metadata"]["total_size"], 100);
  EXPECT_EQ(index["weight_map"]["a"], "model-00001-of-00003.safetensors");
  EXPECT_EQ(index["weight_map"]["huge"], "model-00002-of-00003.safetensors");
  EXPECT_EQ(index["weight_map"]["c"], "model-00003-of-00003.safetensors");

  const CheckpointTensors checkpoint = open_checkpoint_tensors(folder.path());
  EXPECT_THAT(names(checkpoint), ElementsAre("a", "b", "c", "huge"));
  EXPECT_EQ(checkpoint.files().size(), 3U);
  EXPECT_EQ(checkpoint.at("huge").bytes.size(), 64U);
  EXPECT_EQ(checkpoint.metadata().at("format"), "pt");
  EXPECT_TRUE(checkpoint.warnings().empty());
  EXPECT_THAT(message_of([&] { (void)checkpoint.at("hugo"); }),
              HasSubstr("no tensor 'hugo' (did you mean 'huge'?); it holds 4: a, b, c, huge"));
}

TEST(SafetensorsIndex, WritesTensorsThatAreMadeOneByOne) {
  const TemporaryFolder all, one_by_one;
  std::vector<float> numbers(32);
  std::iota(numbers.begin(), numbers.end(), 0.0F);
  std::vector<TensorView> tensors;
  for (const auto& [name, first, count] :
       {std::tuple{"b", 0, 4}, std::tuple{"a", 4, 3}, std::tuple{"huge", 7, 20}, std::tuple{"c", 27, 1}})
    tensors.push_back({name, DType::F32, {count}, std::as_bytes(std::span(numbers).subspan(first, count))});
  std::vector<TensorView> shapes = tensors;
  for (TensorView& shape : shapes) shape.bytes = {};
  const TensorContent content = [&](size_t index, const ByteSink& sink) { sink(tensors[index].bytes); };
  write_checkpoint_tensors(all.path(), tensors, 32);
  write_checkpoint_tensors(one_by_one.path(), shapes, content, 32);
  size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(all.path())) {
    const std::string name = entry.path().filename().string();
    EXPECT_TRUE(read_text(all.file(name), 1 << 20) == read_text(one_by_one.file(name), 1 << 20)) << name;
    ++files;
  }
  EXPECT_GE(files, 3);
  EXPECT_THAT(message_of([&] { write_safetensors(one_by_one.file("x"), shapes, [](size_t, const ByteSink&) {}); }),
              HasSubstr("bytes for its type and shape, found 0"));
}

TEST(SafetensorsIndex, SmallCheckpointsAreOneFile) {
  const TemporaryFolder folder;
  const std::vector<TensorView> tensors = {tensor("a", 4)};
  write_checkpoint_tensors(folder.path(), tensors, 1 << 20);
  EXPECT_THAT(names(open_checkpoint_tensors(folder.path())), ElementsAre("a"));
  EXPECT_THAT(names(open_checkpoint_tensors(folder.file("model.safetensors"))), ElementsAre("a"));
  const std::vector<TensorView> more = {tensor("a", 4), tensor("b", 4)};
  EXPECT_THAT(message_of([&] { write_checkpoint_tensors(folder.path(), more, 1); }),
              HasSubstr("expected a folder without model.safetensors"));
}

TEST(SafetensorsIndex, ToleratesWhatIsInTheWild) {
  const TemporaryFolder folder;
  const std::vector<TensorView> first = {tensor("a", 1), tensor("extra", 1)};
  const std::vector<TensorView> second = {tensor("a", 2), tensor("b", 1)};
  write_safetensors(folder.file("x.safetensors"), first);
  write_safetensors(folder.file("y.safetensors"), second);
  write(folder.file("model.safetensors.index.json"),
        R"({"metadata":{"total_size":1.5,"note":[{"k":null}]},"other":["x",true,-1,2,{}],)"
        R"("weight_map":{"a":"x.safetensors","b":"y.safetensors","gone":"y.safetensors"},"last":"z"})");
  const CheckpointTensors checkpoint = open_checkpoint_tensors(folder.path());
  EXPECT_THAT(names(checkpoint), ElementsAre("a", "b"));
  EXPECT_EQ(checkpoint.at("a").shape[0], 1) << "the one in the shard that the index names";
  EXPECT_THAT(checkpoint.warnings(),
              ElementsAre(HasSubstr("tensor 'extra' is ignored"), HasSubstr("tensor 'a' is ignored"),
                          HasSubstr("tensor 'gone' is listed in y.safetensors, which lacks it")));
  EXPECT_THAT(message_of([&] { (void)checkpoint.at("gone"); }), HasSubstr("no tensor 'gone'"));
}

TEST(SafetensorsIndex, PrefersTheSingleFile) {
  const TemporaryFolder folder;
  const std::vector<TensorView> tensors = {tensor("single", 1)};
  write_safetensors(folder.file("model.safetensors"), tensors);
  write(folder.file("model.safetensors.index.json"), "broken");
  EXPECT_THAT(names(open_checkpoint_tensors(folder.path())), ElementsAre("single"));
}

TEST(SafetensorsIndex, RefusesFoldersItCannotOpen) {
  const TemporaryFolder folder;
  EXPECT_THAT(open_error(folder.path()),
              HasSubstr("expected model.safetensors or model.safetensors.index.json, found neither"));
  write(folder.file("pytorch_model.bin"), "x");
  EXPECT_THAT(open_error(folder.path()), HasSubstr("found only pytorch_model.bin, a pickle"));
  EXPECT_THAT(open_error(folder.file("none")), HasSubstr("found nothing of that name"));
  write(folder.file("model.safetensors.index.json"), R"({"weight_map":{"a":"gone.safetensors"}})");
  EXPECT_THAT(open_error(folder.path()), HasSubstr("gone.safetensors: cannot open for reading: No such file"));
  write(folder.file("model.safetensors.index.json"), R"({"weight_map":{}})");
  EXPECT_THAT(open_error(folder.path()), HasSubstr("at least one tensor"));
}

TEST(SafetensorsIndex, RefusesMalformedIndexes) {
  EXPECT_THAT(index_error("{"), HasSubstr("i.json: malformed JSON"));
  EXPECT_THAT(index_error("[]"), HasSubstr("i.json: expected an object with a weight_map, found a list"));
  EXPECT_THAT(index_error("3"), HasSubstr("found a number"));
  EXPECT_THAT(index_error("\"a\""), HasSubstr("found a text"));
  EXPECT_THAT(index_error("{}"), HasSubstr("expected an object with a weight_map, found none"));
  EXPECT_THAT(index_error(R"({"weight_map":[]})"), HasSubstr("expected an object with a weight_map, found a list"));
  EXPECT_THAT(index_error(R"({"weight_map":null})"), HasSubstr("found null"));
  EXPECT_THAT(index_error(R"({"weight_map":{"a":{"file":"x"}}})"),
              HasSubstr("tensor 'a': expected the name of a shard, found an object"));
  EXPECT_THAT(index_error(R"({"weight_map":{"a":["x"]}})"),
              HasSubstr("tensor 'a': expected the name of a shard, found a list"));
  EXPECT_THAT(index_error(R"({"weight_map":{"a":1}})"),
              HasSubstr("tensor 'a': expected the name of a shard, found a number"));
  EXPECT_THAT(index_error(R"({"weight_map":{"a":true}})"), HasSubstr("found a boolean"));
  EXPECT_THAT(index_error(R"({"weight_map":{"a":"x","a":"y"}})"), HasSubstr("tensor 'a': expected each tensor once"));
  EXPECT_THAT(index_error(R"({"weight_map":{"a":"x"},"weight_map":{"b":"x"}})"), HasSubstr("expected weight_map once"));
  for (const char* name : {"../x", "/etc/passwd", "a/b", "..", ".", "", "a\\\\b", "x\\u0000y"})
    EXPECT_THAT(index_error(std::string(R"({"weight_map":{"a":")") + name + "\"}}"),
                HasSubstr("tensor 'a': expected the name of a file beside the index"));
  EXPECT_THAT(index_error(R"({"x":)" + std::string(200, '[')), HasSubstr("at most 128 levels"));
  std::string objects = "{";
  for (int i = 0; i < 200; ++i) objects += R"("x":{)";
  EXPECT_THAT(index_error(objects), HasSubstr("at most 128 levels"));
}

}  // namespace
}  // namespace strata
