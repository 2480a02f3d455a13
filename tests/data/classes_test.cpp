#include "strata/data/classes.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include "strata/base/error.h"

namespace strata {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::ThrowsMessage;

using Names = std::vector<std::string>;

ClassMap map(const Names& names, const Names& known) {
  return map_classes("data set 'x'", names, "the model's classes", known);
}

ImageSet set_of(const Names& classes, const std::vector<int64_t>& labels) {
  return {at::zeros({std::ssize(labels), 1, 2, 2}, at::kByte), at::tensor(labels, at::kLong), classes, "x"};
}

TEST(Classes, AreFoundByName) {
  EXPECT_THAT(map({"a", "b", "c"}, {"a", "b", "c"}).to, ElementsAre(0, 1, 2));
  EXPECT_THAT(map({"a", "b", "c"}, {"c", "a", "b"}).to, ElementsAre(1, 2, 0));
  EXPECT_THAT(map({"b", "c"}, {"c", "a", "b"}).to, ElementsAre(2, 0));
  EXPECT_THAT(map({"b", "c"}, {"c", "a", "b"}).warning, IsEmpty());
  EXPECT_THAT(map({"LABEL_0", "LABEL_1"}, {"LABEL_0", "LABEL_1", "LABEL_2"}).warning, IsEmpty());
}

// No folder can be called so.
TEST(Classes, AnUnderscoreStandsForASlash) {
  EXPECT_THAT(map({"Bag", "T-shirt_top"}, {"T-shirt/top", "Bag"}).to, ElementsAre(1, 0));
  EXPECT_THAT(map({"a_b", "a/b"}, {"a/b", "a_b"}).to, ElementsAre(1, 0));
  EXPECT_THAT([] { map({"a_b_c"}, {"a/b_c", "a_b/c"}); }, ThrowsMessage<Error>(HasSubstr("classes 0 and 1")));
}

TEST(Classes, NumbersAreTakenWithAWarningWhereNamesSayNothing) {
  for (const auto& [names, known] :
       std::vector<std::pair<Names, Names>>{{{"LABEL_0", "LABEL_1"}, {"cat", "dog"}},
                                            {{"cat", "dog"}, {"LABEL_0", "LABEL_1"}},
                                            {{"cat", "dog"}, {"chat", "chien"}},
                                            {{"LABEL_0", "LABEL_1"}, {"cat", "cow", "dog"}}}) {
    const ClassMap found = map(names, known);
    EXPECT_THAT(found.to, ElementsAre(0, 1));
    EXPECT_THAT(found.warning, AllOf(HasSubstr("data set 'x'"), HasSubstr(names[0]), HasSubstr(known[0])));
  }
}

TEST(Classes, WhatIsMissingIsNamed) {
  const auto refuse = [](const Names& names, const Names& known, const std::string& because) {
    EXPECT_THAT([&] { map(names, known); }, ThrowsMessage<Error>(HasSubstr(because)));
  };
  refuse({"cat", "cow", "dog"}, {"dog", "cat", "pig"}, "found 1 of 3 that are not: 'cow'");
  refuse({"cat", "Dog"}, {"cat", "dog"}, "found 1 of 2 that are not: 'Dog'");
  refuse({"chat", "chien"}, {"cat", "dog", "pig"}, "found 2 of 2 that are not: 'chat', 'chien'");
  refuse({"cat", "dog"}, {"LABEL_0", "LABEL_1", "LABEL_2"}, "id2label");
  refuse({"LABEL_0", "LABEL_1", "LABEL_2"}, {"cat", "dog"}, "found 3 of 3");
  refuse({"crane"}, {"crane", "pig", "crane"}, "found classes 0 and 2 of that name");
  // ImageNet has two of these, and the same list is no riddle.
  EXPECT_THAT(map({"crane", "pig", "crane"}, {"crane", "pig", "crane"}).to, ElementsAre(0, 1, 2));
}

TEST(Classes, LabelsBecomeTheModels) {
  std::string warning;
  const ImageSet found = labelled_for({"dog", "cow", "cat"}, set_of({"cat", "dog"}, {0, 1, 1, 0}), warning);
  EXPECT_TRUE(at::equal(found.labels, at::tensor({2, 0, 0, 2}, at::kLong)));
  EXPECT_THAT(found.classes, ElementsAre("dog", "cow", "cat"));
  EXPECT_THAT(warning, IsEmpty());
  const ImageSet numbered = labelled_for({"cat", "dog"}, set_of({"LABEL_0", "LABEL_1"}, {1, 0}), warning);
  EXPECT_TRUE(at::equal(numbered.labels, at::tensor({1, 0}, at::kLong)));
  EXPECT_THAT(numbered.classes, ElementsAre("cat", "dog"));
  EXPECT_THAT(warning, HasSubstr("LABEL_0"));
  EXPECT_THAT(labelled_for({"LABEL_0", "LABEL_1"}, set_of({"cat", "dog"}, {1, 0}), warning).classes,
              ElementsAre("cat", "dog"));
  EXPECT_THAT([&] { labelled_for({"b", "a"}, set_of({"a", "b"}, {0, 2}), warning); },
              ThrowsMessage<Error>(HasSubstr("expected labels from 0 to 1")));
  EXPECT_EQ(labelled_for({"b", "a"}, set_of({"a", "b"}, {}), warning).size(), 0);
}

}  // namespace
}  // namespace strata
