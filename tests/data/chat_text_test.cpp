#include "strata/data/chat_text.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "strata/base/error.h"

namespace strata {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::ThrowsMessage;

using Json = nlohmann::ordered_json;

const Json kTalk = Json::parse(R"([
  {"role": "user", "content": "1+1?"}, {"role": "assistant", "content": "2"},
  {"role": "user", "content": "sure?"}, {"role": "assistant", "content": "yes"}])");

ChatText of(const std::string& source) {
  return chat_text({.templates = {{"default", ChatTemplate(source)}}, .special_tokens = {{"eos_token", "</s>"}}});
}

TEST(ChatText, AnswersCountWithWhatEndsThem) {
  const ChatText chat =
      of("{% for m in messages %}<{{ m.role }}>{{ m.content }}{{ eos_token }}{% endfor %}"
         "{% if add_generation_prompt %}<assistant>{% endif %}");
  const TextDocument document = chat({kTalk});
  EXPECT_EQ(document.frame, Frame::own);
  EXPECT_THAT(document.pieces, ElementsAre(TextPiece{"<user>1+1?</s><assistant>", false}, TextPiece{"2</s>", true},
                                           TextPiece{"<user>sure?</s><assistant>", false}, TextPiece{"yes</s>", true}));
  EXPECT_THAT(chat({kTalk, nullptr, 2}).pieces,
              ElementsAre(TextPiece{"<user>1+1?</s><assistant>2</s><user>sure?</s><assistant>", false},
                          TextPiece{"yes</s>", true}));
}

TEST(ChatText, MarksOfTheTemplateDecide) {
  const ChatText chat =
      of("{% for m in messages %}{% if m.role == 'assistant' %}{% generation %}{{ m.content }}{% endgeneration %}|"
         "{% else %}{{ m.content }}>{% endif %}{% endfor %}");
  EXPECT_THAT(chat({kTalk}).pieces,
              ElementsAre(TextPiece{"1+1?>", false}, TextPiece{"2", true}, TextPiece{"|sure?>", false},
                          TextPiece{"yes", true}, TextPiece{"|", false}));
  EXPECT_THAT(chat({kTalk, nullptr, 2}).pieces,
              ElementsAre(TextPiece{"1+1?>2|sure?>", false}, TextPiece{"yes", true}, TextPiece{"|", false}));
}

TEST(ChatText, ToolsAreWrittenInTheirOrder) {
  const Json tools = Json::parse(R"([{"z": 1, "a": {"y": 2, "b": 3}}])");
  const auto pieces =
      of("{{ tools | tojson }}{% for m in messages %}<{{ m.content }}>{% endfor %}")({kTalk, &tools}).pieces;
  EXPECT_THAT(pieces.at(0), (TextPiece{R"([{"z": 1, "a": {"y": 2, "b": 3}}]<1+1?>)", false}));
}

TEST(ChatText, ATemplateThatRewritesEarlierTextIsRefused) {
  const auto chat = of("{{ messages | length }}{% for m in messages %}{{ m.content }}{% endfor %}");
  EXPECT_THAT([&] { chat({kTalk}); }, ThrowsMessage<Error>(HasSubstr("{% generation %}")));
  const Json none = Json::array();
  EXPECT_THAT([&] { chat({none}); }, ThrowsMessage<Error>(HasSubstr("expected a list")));
}

}  // namespace
}  // namespace strata
