#include "strata/text/chat_template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "strata/base/error.h"
#include "strata/base/file.h"

namespace strata {
namespace {

using nlohmann::ordered_json;

const ordered_json& golden() {
  static const ordered_json json = ordered_json::parse(read_text("tests/golden/chat_template.json", 1 << 20));
  return json;
}

std::string render(const std::string& source, const ordered_json& variables = ordered_json::object()) {
  return ChatTemplate(source).render(variables).text;
}

std::string refusal(const std::string& source, const ordered_json& variables = ordered_json::object(),
                    const ChatTemplateLimits& limits = {}) {
  try {
    return "printed " + ChatTemplate(source).render(variables, limits).text.substr(0, 200);
  } catch (const Error& error) {
    return error.what();
  }
}

std::string repeated(const std::string& text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

// The conversations of tests/golden/chat_template.py, as jinja2 with transformers' settings prints them.
TEST(ChatTemplate, CommonStylesMatchJinja2) {
  setenv("TZ", "UTC", 1);
  for (const auto& [style, entry] : golden()["styles"].items()) {
    const ChatTemplate chat(entry["template"].get<std::string>(), style);
    for (const auto& example : entry["cases"]) {
      SCOPED_TRACE(example["name"].get<std::string>());
      ordered_json variables = example["variables"];
      variables["messages"] = golden()["chats"][variables["messages"].get<std::string>()];
      variables["tools"] = variables["tools"].get<bool>() ? golden()["tools"] : ordered_json();
      variables["bos_token"] = "<s>";
      variables["eos_token"] = "</s>";
      if (example.contains("error"))
        EXPECT_THROW((void)chat.render(variables), Error);
      else
        EXPECT_EQ(chat.render(variables, {}, golden()["now"].get<std::time_t>()).text,
                  example["text"].get<std::string>());
    }
  }
}

TEST(ChatTemplate, EveryPartOfTheLanguageMatchesJinja2) {
  for (const auto& [name, entry] : golden()["small"].items()) {
    SCOPED_TRACE(name);
    try {
      EXPECT_EQ(render(entry["template"].get<std::string>()), entry["text"].get<std::string>());
    } catch (const Error& error) {
      ADD_FAILURE() << error.what();
    }
  }
}

TEST(ChatTemplate, MarksWhatTheModelWrites) {
  const ChatTemplate chat(golden()["styles"]["chatml"]["template"].get<std::string>());
  const ordered_json messages = {{{"role", "user"}, {"content", "Größe?"}},
                                 {{"role", "assistant"}, {"content", "5 µm"}},
                                 {{"role", "assistant"}, {"content", "or 6"}}};
  const RenderedChat result = chat.render({{"messages", messages}, {"add_generation_prompt", false}});
  ASSERT_EQ(result.generated.size(), 2);
  std::vector<std::string> parts;
  for (const auto& [begin, end] : result.generated) parts.push_back(result.text.substr(begin, end - begin));
  EXPECT_THAT(parts, testing::ElementsAre("5 µm<|im_end|>", "or 6<|im_end|>"));
}

TEST(ChatTemplate, ErrorsNameTheLine) {
  EXPECT_EQ(refusal("a\nb\n{{ x.y }}"), "chat template, line 3: 'x' is undefined, so it has no 'y'");
  EXPECT_EQ(refusal("\n{% if x %}"), "chat template, line 2: expected {% endif %}, found the end of the template");
  EXPECT_EQ(refusal("\n\n{{ 'a' + 1 }}"),
            "chat template, line 3: expected two numbers, two texts or two lists for +, found a text and an integer; ~ "
            "joins values of any type");
  EXPECT_EQ(refusal("{{ raise_exception('roles must alternate') }}"),
            "chat template, line 1: the template refuses this conversation: roles must alternate");
  EXPECT_EQ(refusal("{% include 'x' %}"),
            "chat template, line 1: the statement 'include' is not one of for, if, set, macro, filter, with, "
            "generation, break, continue, raw");
}

TEST(ChatTemplate, MalformedTemplatesAreRefused) {
  for (const char* source : {"{{",
                             "{{ x",
                             "{% if",
                             "{% if x %}",
                             "{% endif %}",
                             "{% else %}",
                             "{# x",
                             "{{ 'x }}",
                             "{{ 1 + }}",
                             "{{ x | }}",
                             "{{ x is }}",
                             "{% for x %}{% endfor %}",
                             "{% for x in %}{% endfor %}",
                             "{% set x %}",
                             "{% set 1 = 2 %}",
                             "{% set none = 2 %}",
                             "{{ ) }}",
                             "{{ (1 }}",
                             "{{ [1 }}",
                             "{{ {1} }}",
                             "{{ a b }}",
                             "{{ x.'y' }}",
                             "{% break %}",
                             "{% for i in x %}{% generation %}{% break %}{% endgeneration %}{% endfor %}",
                             "{% macro m(a=1, b) %}{% endmacro %}",
                             "{% raw %}",
                             "{{ '\\xzz' }}",
                             "{{ '\\ud800' }}",
                             "{{ 99999999999999999999 }}",
                             "{{ 1e999 }}",
                             "{{ 1x }}",
                             "{{ ? }}",
                             "{% %}",
                             "{% for x in y recursive %}{% endfor %}",
                             "{{ f(*x) }}",
                             "{{ f(a=1, 2) }}",
                             "{{ x is y is z }}",
                             "{{ if }}"})
    EXPECT_THAT(refusal(source), testing::StartsWith("chat template, line ")) << source;
}

TEST(ChatTemplate, WrongOperationsAreRefused) {
  for (const char* source : {"{{ 1 // 0 }}",
                             "{{ 1 % 0 }}",
                             "{{ 1 / 0 }}",
                             "{{ 9223372036854775807 + 1 }}",
                             "{{ 10 ** 100 }}",
                             "{{ 0 ** -1 }}",
                             "{{ 0.0 ** -1 }}",
                             "{{ (-8) ** 0.5 }}",
                             "{{ 2.0 ** 10000 }}",
                             "{{ [1] | nonesuch }}",
                             "{{ 1 is nonesuch }}",
                             "{{ missing() }}",
                             "{{ 1() }}",
                             "{{ 1 < 'a' }}",
                             "{{ 1 in 2 }}",
                             "{% for x in 5 %}{% endfor %}",
                             "{% for a, b in [1] %}{% endfor %}",
                             "{% for a, b in [(1,)] %}{% endfor %}",
                             "{% set x.y = 1 %}",
                             "{{ [1][::0] }}",
                             "{% set x = 5 %}{{ x[1:2] }}",
                             "{{ -'a' }}",
                             "{{ +'a' }}",
                             "{{ {[1]: 2} }}",
                             "{{ missing | tojson }}",
                             "{{ range(1, 2, 0) }}",
                             "{{ range('a') }}",
                             "{{ 'a'.split('') }}",
                             "{{ 'a'.join([1]) }}",
                             "{{ '{}'.format() }}",
                             "{{ '{0:>9}'.format(1) }}",
                             "{{ '%d' % 'x' }}",
                             "{{ '%s' % (1, 2) }}",
                             "{{ '%c' % 1 }}",
                             "{{ [1, 'a'] | sort }}",
                             "{{ [{'a': 1}, {}] | sort(attribute='a') }}",
                             "{{ {1: 2, 'a': 3} | tojson(sort_keys=true) }}",
                             "{{ [[1], (2,)] | sum(start=[]) }}",
                             "{{ 'a' % 'b' }}",
                             "{{ 'a' % (1,) }}",
                             "{{ 012 }}",
                             "{{ 0x }}",
                             "{{ 0b2 }}",
                             "{{ 1__0 }}",
                             "{% set a, = [1] %}",
                             "{% set x = none %}{{ x[1:] }}",
                             "{{ [none, none] | map('list') ~ none[1:] }}",
                             "{{ missing | int }}",
                             "{{ missing | float(1) }}",
                             "{{ [1] | indent }}",
                             "{{ [] < (1,) }}",
                             "{{ [] + (1,) }}",
                             "{{ [{}] | map(attribute='a.b') }}",
                             "{% for a, in [[1]] %}{% endfor %}",
                             "{% for (a, b in [] %}{% endfor %}",
                             "{% for i, (a, b) in [(1, 2)] %}{% endfor %}",
                             "{% set n = namespace() %}{% for i in [1] %}{% set n.l = loop %}{{ loop.changed(loop) }}"
                             "{% endfor %}{{ n.l.changed(1) }}",
                             "{{ [1, 'a'] | sum }}",
                             "{{ 1 | length }}",
                             "{{ x | map }}",
                             "{{ [1].index(2) }}",
                             "{{ [1].append(2) }}",
                             "{{ {}.update({}) }}",
                             "{{ ''.__class__ .x }}",
                             "{{ namespace(1) }}",
                             "{{ dict([1]) }}",
                             "{{ loop.x }}",
                             "{{ strftime_now('%Y' * 1000) }}",
                             "{{ namespace() }}",
                             "{% macro m() %}{% endmacro %}{{ m(1) }}",
                             "{% macro m() %}{% endmacro %}{{ m(a=1) }}",
                             "{{ 'a' in 1 }}",
                             "{{ 1 in 'a' }}",
                             "{{ {} | tojson(indent=1000000) }}",
                             "{{ 'x' is divisibleby 2 }}",
                             "{{ 3 is divisibleby 0 }}",
                             "{{ 3.0 is divisibleby 0 }}",
                             "{{ 'a'.upper(1) }}",
                             "{{ 'a'.upper(x=1) }}",
                             "{{ 'abc'.startswith('b', start=1) }}",
                             "{{ 'a' | upper(1) }}",
                             "{{ 'a' | trim(chars='a', nonesuch=1) }}",
                             "{{ 'a' | trim('a', chars='a') }}",
                             "{{ 'a' is string(1) }}",
                             "{{ [1, 2].count(1, 2) }}",
                             "{{ {}.keys(1) }}",
                             "{{ range(3, 1, -1, 2) }}",
                             "{{ dict({}, {}) }}",
                             "{{ [] in {'a': 1} }}",
                             "{{ '9223372036854775808' | int }}",
                             "{{ 1e19 | int }}",
                             "{{ 'ff' | int(0, 1) }}",
                             "{{ 1.5 | round(-23) }}",
                             "{{ '%5d' % 1 }}",
                             "{{ '%.101f' % 1 }}"})
    EXPECT_THAT(refusal(source), testing::StartsWith("chat template, line 1: ")) << source;
}

TEST(ChatTemplate, HostileTemplatesEnd) {
  for (const std::string& source :
       {std::string("{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}"),
        std::string("{{ range(1000000000000) }}"),
        std::string("{{ 'a' * 100000000000 }}"),
        std::string("{{ [1] * 100000000 }}"),
        std::string("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}"),
        "{% set x = 'aaaaaaaaaaaaaaaa' %}" + repeated("{% set x = x ~ x %}", 60) + "{{ x }}",
        "{% set x = [1] %}" + repeated("{% set x = [x, x] %}", 60) + "{{ x }}",
        "{% set x = [1] %}" + repeated("{% set x = [x, x] %}", 60) + "{{ x == x }}",
        "{% set x = [1] %}" + repeated("{% set x = [x, x] %}", 60) + "{{ x | tojson }}",
        "{% set x = [1] %}" + repeated("{% set x = [x] %}", 5000),
        "{% set x = {} %}" + repeated("{% set x = {'a': x} %}", 5000),
        std::string("{% set x = 'a' * 1000000 %}{{ x.replace('a', x) }}"),
        std::string("{% set x = 'a' * 100000 %}{{ x | indent(x) }}{{ x.replace('', x) }}"),
        "{{ " + repeated("(", 10000) + "1" + repeated(")", 10000) + " }}",
        "{{ " + repeated("[", 10000) + repeated("]", 10000) + " }}",
        "{{ " + repeated("-", 10000) + "1 }}",
        "{{ " + repeated("not ", 10000) + "1 }}",
        "{{ 1" + repeated(" + 1", 10000) + " }}",
        "{{ x" + repeated(".x", 10000) + " }}",
        "{{ x" + repeated("|trim", 10000) + " }}",
        "{{ 1" + repeated(" if 1 else 1", 10000) + " }}",
        repeated("{% if 1 %}", 10000) + repeated("{% endif %}", 10000),
        "{% if 0 %}" + repeated("{% elif 0 %}", 10000) + "{% endif %}",
        std::string(2 << 20, 'x'),
        std::string(
            "{% for i in range(200000) %}{{ 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' }}{% endfor "
            "%}")})
    EXPECT_THAT(refusal(source), testing::HasSubstr("expected")) << source.substr(0, 80);
}

// A search takes time that grows with the sum of the lengths, not with their product.
TEST(ChatTemplate, LongSearchesEnd) {
  EXPECT_EQ(render("{% set x = 'a' * 4000000 %}{% set y = 'a' * 2000000 %}{{ x.find(y ~ 'b') }} {{ x.rfind('b' ~ y) }} "
                   "{{ x.count(y ~ 'b') }} {{ x.split(y ~ 'b') | length }} {{ (y ~ 'b') in x }}"),
            "-1 -1 0 1 False");
}

// What looks at a long text, or makes one, pays for all of it.
TEST(ChatTemplate, LongTextsAreNotFree) {
  const std::string texts = "{% set s = 'a' * 2000000 %}{% set d = {'b': 1} %}{% set e = {s: 1} %}";
  for (const char* each :
       {"{{ s in d }}", "{{ d[s] }}", "{{ d.get(s) }}", "{% set e = {s: 1} %}", "{{ s is upper }}",
        "{{ dict([(s, 1)]) | length }}", "{{ dict(e) | length }}", "{{ [d] | map(attribute=s) | list }}"})
    EXPECT_THAT(refusal(texts + "{% for i in range(30000) %}" + each + "{% endfor %}", ordered_json::object(),
                        {.steps = 1'000'000}),
                testing::HasSubstr("steps of work"))
        << each;
  EXPECT_THAT(refusal(texts + "{{ (s ~ 'c').startswith((s ~ 'b',) * 1000) }}"), testing::HasSubstr("steps of work"));
}

TEST(ChatTemplate, BytesThatAreNoTextKeepTheirCase) {
  EXPECT_EQ(render("{{ 'y\xffz\xe9' | upper }} {{ 'Y\xffZ\xe9' | lower }} {{ '\xff' is upper }}"),
            "Y\xffZ\xe9 y\xffz\xe9 False");
  EXPECT_EQ(render("{{ '\xffyZ' | capitalize }} {{ 'y\xffzZ'.title() }} {{ '\xff'.isalpha() }}"),
            "\xffyz Y\xffZz False");
}

TEST(ChatTemplate, NamespacesThatHoldThemselvesAreFreed) {
  EXPECT_EQ(
      render("{% set a = namespace() %}{% set a.a = a %}{% set a.l = [a, {'k': a}] %}{{ a.a.a.l[1].k.l | length }}"),
      "2");
  const std::string chain =
      "{% set n = namespace() %}{% for i in range(20000) %}{% set n.n = namespace(p=n.n) %}{% endfor %}{{ n.n.p is "
      "defined }}";
  EXPECT_EQ(render(chain), "True");
}

TEST(ChatTemplate, LongConversationsFit) {
  ordered_json messages = ordered_json::array();
  for (int i = 0; i < 2000; ++i)
    messages.push_back({{"role", i % 2 ? "assistant" : "user"}, {"content", std::string(2000, 'a' + i % 26)}});
  ordered_json variables = {{"messages", messages},
                            {"tools", nullptr},
                            {"add_generation_prompt", true},
                            {"bos_token", "<s>"},
                            {"eos_token", "</s>"}};
  for (const char* style : {"llama3", "qwen", "mistral", "deepseek"})
    EXPECT_GT(render(golden()["styles"][style]["template"], variables).size(), 4'000'000U) << style;
}

TEST(ChatTemplate, ChatsFindTheirTemplate) {
  ChatTemplates templates;
  Chat chat;
  chat.messages = std::make_shared<ordered_json>(ordered_json{{{"role", "user"}, {"content", "hi"}}});
  EXPECT_THROW((void)templates.render(chat), Error);
  templates.templates.emplace_back("default", ChatTemplate("{{ bos_token }}{{ messages[0].content }}{{ extra }}"));
  templates.templates.emplace_back("tool_use", ChatTemplate("tools: {{ tools | default([], true) | length }}"));
  templates.special_tokens.emplace_back("bos_token", "<s>");
  EXPECT_EQ(templates.render(chat).text, "<s>hi");
  EXPECT_EQ(templates.render(chat, "tool_use").text, "tools: 0");
  chat.more = std::make_shared<ordered_json>(ordered_json{{"extra", 5}});
  EXPECT_EQ(templates.render(chat).text, "<s>hi5");
  chat.tools = std::make_shared<ordered_json>(ordered_json::array({1, 2}));
  EXPECT_EQ(templates.render(chat).text, "tools: 2");
  EXPECT_EQ(templates.render(chat, "default").text, "<s>hi5");
  EXPECT_THROW((void)templates.render(chat, "rag"), Error);
  chat.messages = std::make_shared<ordered_json>(ordered_json::array({"hi"}));
  EXPECT_THROW((void)templates.render(chat), Error);
}

// The expected texts are those of apply_chat_template in transformers 5.24.
TEST(ChatTemplate, MessagesLoseNullsAndHaveTheirReasoningUnderTheNamesTemplatesRead) {
  ChatTemplates templates;
  templates.templates.emplace_back("default", ChatTemplate("{% for m in messages %}{{ m | tojson }}{% endfor %}"));
  const auto seen = [&](const char* messages) {
    Chat chat;
    chat.messages = std::make_shared<ordered_json>(ordered_json::parse(messages));
    return templates.render(chat).text;
  };
  EXPECT_EQ(seen(R"([{"role": "assistant", "content": null, "tool_calls": null, "x": [null, {"y": null}]}])"),
            R"({"role": "assistant", "x": [null, {"y": null}]})");
  EXPECT_EQ(seen(R"([{"role": "assistant", "content": "a", "reasoning": "r"}])"),
            R"({"thinking": "r", "role": "assistant", "content": "a", "reasoning": "r", "reasoning_content": "r"})");
  EXPECT_EQ(seen(R"([{"role": "assistant", "thinking": "t", "reasoning_content": null, "reasoning": "r"}])"),
            R"({"thinking": "t", "role": "assistant", "reasoning": "r", "reasoning_content": "t"})");
  EXPECT_EQ(seen(R"([{"role": "assistant", "reasoning_content": "c", "thinking": "t"}])"),
            R"({"thinking": "t", "role": "assistant", "reasoning_content": "c"})");
  EXPECT_EQ(seen(R"([{"role": "assistant", "reasoning_content": null, "content": "a"}])"),
            R"({"role": "assistant", "content": "a"})");
  EXPECT_THROW((void)seen(R"([{"role": null, "content": "a"}])"), Error);
}

}  // namespace
}  // namespace strata
