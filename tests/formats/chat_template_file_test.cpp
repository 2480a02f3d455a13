#include "strata/formats/chat_template_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "strata/base/error.h"
#include "tests/temporary_folder.h"

namespace strata {
namespace {

void write(const TemporaryFolder& folder, const std::string& name, const std::string& text) {
  std::ofstream(folder.file(name)) << text;
}

std::string said(const TemporaryFolder& folder, const std::string& name = "") {
  Chat chat;
  chat.messages =
      std::make_shared<nlohmann::ordered_json>(nlohmann::ordered_json{{{"role", "user"}, {"content", "hi"}}});
  return open_chat_templates(folder.path()).render(chat, name).text;
}

TEST(ChatTemplateFile, FoldersWithoutOneHaveNone) {
  const TemporaryFolder folder;
  EXPECT_TRUE(open_chat_templates(folder.path()).empty());
  write(folder, "tokenizer_config.json",
        R"({"chat_template": null, "model_max_length": 1000000000000000019884624838656})");
  EXPECT_TRUE(open_chat_templates(folder.path()).empty());
}

TEST(ChatTemplateFile, ReadsTheTokenizersConfiguration) {
  const TemporaryFolder folder;
  write(
      folder, "tokenizer_config.json",
      R"({"chat_template": "{{ bos_token }}{{ messages[0].content }}{{ eos_token }}", "bos_token": {"content": "<s>", "lstrip": false}})");
  write(folder, "special_tokens_map.json", R"({"bos_token": "<x>", "eos_token": "</s>"})");
  EXPECT_EQ(said(folder), "<s>hi</s>");
  write(
      folder, "tokenizer_config.json",
      R"({"chat_template": [{"name": "default", "template": "D"}, {"name": "rag", "template": "R{{ bos_token }}"}], "bos_token": "<s>"})");
  EXPECT_EQ(said(folder), "D");
  EXPECT_EQ(said(folder, "rag"), "R<s>");
}

TEST(ChatTemplateFile, AFileOfItsOwnWins) {
  const TemporaryFolder folder;
  write(folder, "tokenizer_config.json", R"({"chat_template": "old", "bos_token": "<s>"})");
  write(folder, "chat_template.jinja", "{{ bos_token }}new\n");
  std::filesystem::create_directory(folder.file("additional_chat_templates"));
  write(folder, "additional_chat_templates/rag.jinja", "R");
  EXPECT_EQ(said(folder), "<s>new");
  EXPECT_EQ(said(folder, "rag"), "R");
}

// Published files hold malformed templates for tools beside a sound default.
TEST(ChatTemplateFile, AMalformedOneIsInTheWayOfThoseWhoAskForIt) {
  const TemporaryFolder folder;
  const auto refused = [&](const std::string& name) {
    try {
      return "rendered: " + said(folder, name);
    } catch (const Error& error) {
      return std::string(error.what());
    }
  };
  write(folder, "tokenizer_config.json",
        R"({"chat_template": [{"name": "default", "template": "D"}, {"name": "rag", "template": "{% if \\ %}"}]})");
  EXPECT_EQ(said(folder), "D");
  EXPECT_THAT(refused("rag"), testing::HasSubstr("tokenizer_config.json: rag, line 1: expected an expression"));
  write(folder, "tokenizer_config.json", R"({"chat_template": [{"name": "rag", "template": "{{ x"}]})");
  EXPECT_FALSE(open_chat_templates(folder.path()).empty());
  EXPECT_THAT(refused(""), testing::HasSubstr("tokenizer_config.json: rag, line 1"));
  write(folder, "tokenizer_config.json",
        R"({"chat_template": [{"name": "rag", "template": "{{ x"}, {"name": "rag", "template": "R"}]})");
  EXPECT_THAT(refused("rag"), testing::HasSubstr("two chat templates are called 'rag'"));
}

TEST(ChatTemplateFile, WrongFilesAreNamed) {
  for (const char* text :
       {"{", "[]", R"({"chat_template": 5})", R"({"chat_template": ["x"]})", R"({"chat_template": [{"name": "a"}]})",
        R"({"chat_template": [{"template": "a"}]})", R"({"chat_template": "{{ x"})",
        R"({"chat_template": [{"name": "a", "template": "x"}, {"name": "a", "template": "y"}]})"}) {
    const TemporaryFolder folder;
    write(folder, "tokenizer_config.json", text);
    try {
      (void)open_chat_templates(folder.path());
      ADD_FAILURE() << text;
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), testing::HasSubstr("tokenizer_config.json")) << text;
    }
  }
}

}  // namespace
}  // namespace strata
