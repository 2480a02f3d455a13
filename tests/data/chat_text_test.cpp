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

// Written in Qwen3's way: thoughts, empty ones too, stand in the last answer and in those behind the last question alone.
// Where `opened`, what asks for an answer begins thoughts.
std::string thinking(bool marks, bool opened) {
  std::string text =
      "{% set ns = namespace(last=0) %}{% for m in messages %}{% if m.role == 'user' %}{% set ns.last = loop.index0 %}"
      "{% endif %}{% endfor %}{% for m in messages %}{{ '<' + m.role + '>\n' }}{% if m.role == 'assistant' %}"
      "{% set said = (m.content or '').split('</think>')|last %}{% set late = loop.index0 > ns.last and loop.last %}"
      "{% if late %}{{ '<think>\n' if opened }}{% endif %}[{% if late %}{{ '' if opened else '<think>\n' }}"
      "{{ (m.content or '').split('</think>')|first|replace('<think>', '') if '</think>' in (m.content or '') "
      "}}</think>"
      "{% endif %}{{ said|trim }}{% for call in m.tool_calls or [] %}{call {{ call.function.name }}}{% endfor "
      "%}<end>\n]"
      "{% else %}{{ m.content|trim }}<end>\n{% endif %}{% endfor %}"
      "{% if add_generation_prompt %}{{ '<assistant>\n' }}{{ '<think>\n' if opened }}{% endif %}";
  text = "{% set opened = " + std::string(opened ? "true" : "false") + " %}" + text;
  text.replace(text.find("%}[{%"), 5, marks ? "%}{% generation %}{%" : "%}{%");
  text.replace(text.find("\n]"), 2, marks ? "\n{% endgeneration %}" : "\n");
  return text;
}

TEST(ChatText, AnswersThatChangeWhenMoreFollowsAreFound) {
  for (const char* messages :
       {R"([{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"},
            {"role": "user", "content": "c"}, {"role": "assistant", "content": "d"}])",
        // The same words everywhere, spaces that the template takes away, nothing said.
        R"([{"role": "system", "content": "b"}, {"role": "user", "content": " b "},
            {"role": "assistant", "content": "\n b \n"}, {"role": "user", "content": ""},
            {"role": "assistant", "content": ""}, {"role": "user", "content": "b"},
            {"role": "assistant", "content": "b"}])",
        R"([{"role": "user", "content": "a"}, {"role": "assistant", "content": "<think>hm</think>\n b"},
            {"role": "user", "content": "c"}, {"role": "assistant", "content": "<think>ho</think> d"}])"})
    for (const bool opened : {false, true}) {
      SCOPED_TRACE(messages);
      const Json talk = Json::parse(messages);
      const auto found = of(thinking(false, opened))({talk}).pieces;
      EXPECT_EQ(found, of(thinking(true, opened))({talk}).pieces) << opened;
      EXPECT_GE(found.size(), 4U);
    }
  const Json calls = Json::parse(R"([{"role": "user", "content": "a"},
      {"role": "assistant", "content": null, "tool_calls": [{"function": {"name": "f"}}, {"function": {"name": "g"}}]},
      {"role": "tool", "content": "5"}, {"role": "assistant", "content": "five"}])");
  EXPECT_THAT(
      of(thinking(false, false))({calls}).pieces,
      ElementsAre(TextPiece{"<user>\na<end>\n<assistant>\n", false}, TextPiece{"{call f}{call g}<end>\n", true},
                  TextPiece{"<tool>\n5<end>\n<assistant>\n", false}, TextPiece{"<think>\n</think>five<end>\n", true}));
}

TEST(ChatText, AnswersThatCannotBeFoundAreRefused) {
  // The end of an answer is another one when more follows; what it says is written twice, or not at all.
  for (const char* answer :
       {"{{ m.content }}{{ '<last>' if loop.last else '<end>' }}", "{{ loop.last }}{{ m.content }}{{ m.content }}",
        "{{ loop.last }}{{ m.content | length }}"}) {
    const auto chat = of("{% for m in messages %}{% if m.role == 'assistant' %}<assistant>" + std::string(answer) +
                         "{% else %}<user>{{ m.content }}{% endif %}{% endfor %}"
                         "{% if add_generation_prompt %}<assistant>{% endif %}");
    EXPECT_THAT([&] { chat({kTalk}); }, ThrowsMessage<Error>(HasSubstr("where message 2 is in the text"))) << answer;
    EXPECT_THAT(chat({kTalk, nullptr, 2}).pieces.back().counts, true) << answer;
  }
}

TEST(ChatText, NoMessagesAreRefused) {
  const Json none = Json::array();
  EXPECT_THAT([&] { of("a")({none}); }, ThrowsMessage<Error>(HasSubstr("expected a list")));
}

}  // namespace
}  // namespace strata
