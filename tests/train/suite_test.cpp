#include "strata/train/suite.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "strata/base/error.h"
#include "strata/base/file.h"
#include "tests/temporary_folder.h"
#include "tests/train/tiny_run.h"

namespace strata {
namespace {

using Json = nlohmann::json;

void big_endian(std::ofstream& file, int64_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) file.put(static_cast<char>(value >> shift));
}

// The images as the four files of the MNIST family.
void write_idx(const std::string& folder, const std::string& split, const ImageSet& set) {
  std::ofstream images(folder + "/" + split + "-images-idx3-ubyte", std::ios::binary);
  for (const int64_t value : {int64_t{0x803}, set.size(), set.pixels.size(2), set.pixels.size(3)})
    big_endian(images, value);
  images.write(static_cast<const char*>(set.pixels.const_data_ptr()), set.pixels.numel());
  std::ofstream labels(folder + "/" + split + "-labels-idx1-ubyte", std::ios::binary);
  for (const int64_t value : {int64_t{0x801}, set.size()}) big_endian(labels, value);
  for (int64_t i = 0; i < set.size(); ++i) labels.put(static_cast<char>(set.labels[i].item<int64_t>()));
}

// A suite file and its two recipes.
void write_suite(const std::string& folder, const std::string& removed) {
  Recipe recipe = tiny_recipe({"train.steps=12", "eval.orders=2"});
  recipe.data.set = folder;
  for (const auto* kind : {"fixed", "shuffle"}) {
    recipe.name = kind;
    recipe.sampler = {.kind = kind};
    std::ofstream(folder + "/" + kind + ".toml") << print_recipe(recipe);
  }
  std::ofstream(folder + "/suite.toml")
      << "recipes = [\"fixed\", \"shuffle\"]\nseeds = [0, 1]\norders = 4\nchoices = 2\n"
      << "overrides = [\"data.test_limit=50\"]\nremoved = " << removed << "\n";
}

TEST(Suite, TrainsMeasuresAndWritesTheTable) {
  const TemporaryFolder folder;
  const TrainData data = tiny_data();
  write_idx(folder.path(), "train", data.train);
  write_idx(folder.path(), "t10k", data.test);
  write_suite(folder.path(), "[1, 2]");
  EXPECT_TRUE(is_suite(folder.file("suite.toml")));
  EXPECT_FALSE(is_suite(folder.file("fixed.toml")));

  const SuiteConfig config = read_suite(folder.file("suite.toml"));
  const TrainOptions options{.run_folder = folder.file("runs"), .quiet = true};
  const SuiteResult result = run_suite(config, options);
  ASSERT_EQ(result.runs.size(), 4U);
  EXPECT_EQ(result.runs[3].recipe, "shuffle");
  EXPECT_EQ(result.runs[3].seed, 1);
  EXPECT_EQ(result.runs[0].sequential.samples, 50);
  EXPECT_EQ(result.runs[0].arbitrary.routes, 4);
  ASSERT_EQ(result.runs[0].pruned.size(), 2U);
  EXPECT_EQ(result.runs[0].pruned[0].routes, 2);
  EXPECT_FALSE(result.runs[0].sequential == result.runs[1].sequential);  // seeds differ

  const std::string table = read_text(result.table_markdown, 1 << 20);
  EXPECT_NE(table.find("| fixed |"), std::string::npos) << table;
  EXPECT_NE(table.find("1/2 blocks removed"), std::string::npos) << table;
  EXPECT_NE(table.find("over 2 seeds"), std::string::npos) << table;
  const Json json = Json::parse(read_text(result.table_json, 1 << 20));
  EXPECT_EQ(json.at("runs").size(), 4U);
  EXPECT_EQ(json.at("runs")[0].at("sequential").at("accuracy"), result.runs[0].sequential.accuracy);

  // A second call trains nothing and measures the same.
  EXPECT_EQ(suite_json(run_suite(config, options)), suite_json(result));
}

TEST(Suite, MistakesAreFoundBeforeTraining) {
  const TemporaryFolder folder;
  write_suite(folder.path(), "[4]");
  EXPECT_THROW(run_suite(read_suite(folder.file("suite.toml")), {.run_folder = folder.file("runs"), .quiet = true}),
               UsageError);
  // Two recipes of one name would share a folder.
  std::filesystem::create_directory(folder.file("other"));
  std::filesystem::copy_file(folder.file("fixed.toml"), folder.file("other/fixed.toml"));
  std::ofstream(folder.file("suite.toml")) << "recipes = [\"fixed\", \"other/fixed\"]\nseeds = [0]\nremoved = [1]\n";
  EXPECT_THROW(run_suite(read_suite(folder.file("suite.toml")), {.run_folder = folder.file("runs"), .quiet = true}),
               UsageError);
  std::ofstream(folder.file("suite.toml")) << "recipes = []\n";
  EXPECT_THROW(read_suite(folder.file("suite.toml")), UsageError);
}

}  // namespace
}  // namespace strata
