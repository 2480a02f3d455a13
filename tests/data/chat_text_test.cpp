#include "strata/data/chat_text.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "strata/base/error.h"

namespace strata {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

const nlohmann::json kTalk = nlohmann::json::parse(R"([
  {"role": "user", "content": "1+1?"}, {"role": "assistant", "content": "2"},
  {"role": "user", "content": "sure?"}, {"role": "assistant", "content": "yes"}])");

ChatText of(const std::string& source) {
  return chat_text({.templates = {{"default", ChatTemplate(source)}}, .special_tokens = {{"eos_token", "</s>"}}});
}

TEST(ChatText, AnswersCountWithWhatEndsThem) {
  const auto pieces =
      of("{% for m in messages %}<{{ m.role }}>{{ m.content }}{{ eos_token }}{% endfor %}"
         "{% if add_generation_prompt %}<assistant>{% endif %}")(kTalk);
  EXPECT_THAT(pieces, ElementsAre(TextPiece{"<user>1+1?</s><assistant>", false}, TextPiece{"2</s>", true},
                                  TextPiece{"<user>sure?</s><assistant>", false}, TextPiece{"yes</s>", true}));
}

TEST(ChatText, MarksOfTheTemplateDecide) {
  const auto pieces =
      of("{% for m in messages %}{% if m.role == 'assistant' %}{% generation %}{{ m.content }}{% endgeneration %}|"
         "{% else %}{{ m.content }}>{% endif %}{% endfor %}")(kTalk);
  EXPECT_THAT(pieces, ElementsAre(TextPiece{"1+1?>", false}, TextPiece{"2", true}, TextPiece{"|sure?>", false},
                                  TextPiece{"yes", true}, TextPiece{"|", false}));
}

TEST(ChatText, ATemplateThatRewritesEarlierTextIsRefused) {
  const auto chat = of("{{ messages | length }}{% for m in messages %}{{ m.content }}{% endfor %}");
  EXPECT_THAT([&] { chat(kTalk); }, ThrowsMessage<Error>(HasSubstr("{% generation %}")));
  EXPECT_THAT([&] { chat(nlohmann::json::array()); }, ThrowsMessage<Error>(HasSubstr("expected a list")));
}

}  // namespace
}  // namespace strata
