#include "strata/base/recipe_files.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>

#include "strata/base/error.h"
#include "strata/base/file.h"
#include "tests/temporary_folder.h"

namespace strata {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

// Two recipes in a folder of their own, which STRATA_RECIPES names while this lives.
class RecipeFiles : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(folder_.path() + "/set");
    write_file_atomic(folder_.path() + "/set/plain.toml",
                      "# The usual way.\n# strata train set/plain\n\n[train]\n# not this\n");
    write_file_atomic(folder_.path() + "/alone.toml", "[train]\n");
    write_file_atomic(folder_.path() + "/notes.txt", "no recipe\n");
    ::setenv("STRATA_RECIPES", folder_.path().c_str(), 1);
  }
  void TearDown() override { ::unsetenv("STRATA_RECIPES"); }

  TemporaryFolder folder_;
};

TEST_F(RecipeFiles, SortedWithTheCommentAtTheTop) {
  const auto files = recipe_files();
  ASSERT_EQ(files.size(), 2);
  EXPECT_EQ(files[0].name, "alone");
  EXPECT_EQ(files[0].comment, "");
  EXPECT_EQ(files[1].name, "set/plain");
  EXPECT_EQ(files[1].comment, "The usual way.\nstrata train set/plain\n");
}

TEST_F(RecipeFiles, ByPathOrByName) {
  EXPECT_EQ(find_recipe("set/plain"), folder_.path() + "/set/plain.toml");
  EXPECT_EQ(find_recipe(folder_.path() + "/alone.toml"), folder_.path() + "/alone.toml");
  EXPECT_THAT([] { find_recipe("set/plane"); }, ThrowsMessage<UsageError>(HasSubstr("did you mean 'set/plain'?")));
}

TEST_F(RecipeFiles, NoFolder) {
  ::setenv("STRATA_RECIPES", "/nowhere/at/all", 1);
  EXPECT_THAT([] { recipe_files(); }, ThrowsMessage<Error>(HasSubstr("/nowhere/at/all")));
}

}  // namespace
}  // namespace strata
