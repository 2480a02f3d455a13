#include "strata/base/child.h"

#include <gmock/gmock.h>

#include <filesystem>

#include "strata/base/error.h"

namespace strata {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

TEST(Child, ReturnsWhatWasPrinted) {
  EXPECT_EQ(output_of({"printf", "%s-%s", "a b", "$HOME"}), "a b-$HOME");  // no shell reads the words
}

TEST(Child, OutputLargerThanAPipe) {
  EXPECT_EQ(output_of({"head", "-c", "300000", "/dev/zero"}).size(), 300000);
}

TEST(Child, SettingsAreAddedAndReplaced) {
  EXPECT_EQ(output_of({"sh", "-c", "echo $STRATA_TEST_ONE:$HOME"}, {"STRATA_TEST_ONE=1", "HOME=/elsewhere"}),
            "1:/elsewhere\n");
}

TEST(Child, FailuresSayWhatHappened) {
  EXPECT_THAT([] { output_of({"sh", "-c", "echo last words; exit 3"}); },
              ThrowsMessage<Error>(AllOf(HasSubstr("exit code 3"), HasSubstr("last words"))));
  EXPECT_THAT([] { output_of({"sh", "-c", "kill -9 $$"}); }, ThrowsMessage<Error>(HasSubstr("signal 9")));
  EXPECT_THAT([] { output_of({"no-such-program-here"}); }, ThrowsMessage<Error>(HasSubstr("no-such-program-here")));
}

TEST(Child, OwnProgramIsThisTest) {
  EXPECT_TRUE(std::filesystem::equivalent(own_program(), "/proc/self/exe"));
}

}  // namespace
}  // namespace strata
