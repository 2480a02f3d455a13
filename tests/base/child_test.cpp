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

TEST(NumberOf, OneNumberAndNothingElse) {
  EXPECT_EQ(number_of({"printf", "2.5e1\n"}), 25);
  for (const char* printed : {"", "\n", "12 ms", "fast", "nan", "1e999", "1 2"})
    EXPECT_THAT([&] { number_of({"printf", printed}); },
                ThrowsMessage<Error>(HasSubstr("printf: expected it to print one number, found")))
        << printed;
}

TEST(Child, FailuresSayWhatHappened) {
  EXPECT_THAT([] { output_of({"sh", "-c", "echo last words; exit 3"}); },
              ThrowsMessage<Error>(AllOf(HasSubstr("exit code 3"), HasSubstr("last words"))));
  EXPECT_THAT([] { output_of({"sh", "-c", "kill -9 $$"}); }, ThrowsMessage<Error>(HasSubstr("signal 9")));
  EXPECT_THAT([] { output_of({"no-such-program-here"}); }, ThrowsMessage<Error>(HasSubstr("no-such-program-here")));
}

TEST(Child, SpeaksLineByLine) {
  Child child({"sh", "-c", "while read line; do echo \"$GREETING $line\"; echo; done"}, {"GREETING=hello"});
  for (const std::string name : {"one", "two"}) {
    child.say(name);
    EXPECT_EQ(child.hear(), "hello " + name);
    EXPECT_EQ(child.hear(), "");
  }
}

TEST(Child, EndingBeforeTheAnswerIsAnError) {
  Child child({"sh", "-c", "read line; echo $line; exit 3"});
  child.say("last words");
  EXPECT_EQ(child.hear(), "last words");
  EXPECT_THAT([&] { child.hear(); }, ThrowsMessage<Error>(HasSubstr("exit code 3")));
  EXPECT_THAT([&] { child.hear(); }, ThrowsMessage<Error>(HasSubstr("has ended")));
  EXPECT_THAT([&] { child.say("more"); }, ThrowsMessage<Error>(HasSubstr("cannot speak")));
}

TEST(Child, ProgramsThatWaitEndWithTheObject) {
  Child child({"sleep", "1000"});  // the test would not end otherwise
}

TEST(Child, OwnProgramIsThisTest) {
  EXPECT_TRUE(std::filesystem::equivalent(own_program(), "/proc/self/exe"));
}

}  // namespace
}  // namespace strata
