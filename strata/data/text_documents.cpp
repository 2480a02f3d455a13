#include "strata/data/text_documents.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "strata/base/error.h"
#include "strata/base/file.h"
#include "strata/base/process.h"
#include "strata/formats/gzip.h"
#include "strata/formats/json_fields.h"
#include "strata/formats/king_james.h"

namespace strata {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;
using nlohmann::ordered_json;

constexpr uint64_t kMostLine = uint64_t{64} << 20;  // bytes of one JSON line
constexpr size_t kBinaryLook = 8192;

struct NamedText {
  std::string_view name, place, package;
};
constexpr NamedText kNamedTexts[] = {{"kjv", kKingJamesFile, "bible-kjv-text"},
                                     {"rfc", "/usr/share/doc/RFC", "doc-rfc-std (section non-free)"}};

// Text becomes four bytes of tokens a byte at worst.
uint64_t most_text() {
  const int64_t free = memory_available();
  return free > 0 ? static_cast<uint64_t>(free) / 5 : uint64_t{1} << 36;
}

std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string read_file(const std::string& path, uint64_t most) {
  const MappedFile file(path);
  if (is_gzip(file.bytes())) return gunzip(file.bytes(), path, most);
  if (file.bytes().size() > most)
    fail(path, ": has ", file.bytes().size(), " bytes, more than the ", most,
         " that the memory of this machine allows");
  return std::string(as_text(file.bytes()));
}

bool is_binary(const std::string& text) {
  return std::string_view(text).substr(0, kBinaryLook).find('\0') != std::string_view::npos;
}

bool is_json_lines(const fs::path& path) {
  const fs::path name = path.extension() == ".gz" ? path.stem() : path.filename();
  return name.extension() == ".jsonl" || name.extension() == ".ndjson";
}

void add_plain(std::vector<TextDocument>& documents, std::string text, const std::string& separator) {
  const auto add = [&](std::string part) {
    if (!part.empty()) documents.push_back({{{std::move(part), true}}});
  };
  if (separator.empty()) return add(std::move(text));
  size_t from = 0;
  for (size_t at; (at = text.find(separator, from)) != std::string::npos; from = at + separator.size())
    add(text.substr(from, at - from));
  add(text.substr(from));
}

// In the order of their names, whatever the order on disk. Links to folders are not followed, so there is no circle.
std::vector<std::string> files_below(const std::string& folder) {
  std::vector<std::string> files;
  std::error_code error;
  for (fs::recursive_directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    const bool hidden = at->path().filename().string().starts_with(".");
    if (hidden && at->is_directory(error)) at.disable_recursion_pending();
    if (!hidden && at->is_regular_file(error)) files.push_back(at->path().string());
  }
  if (error) fail(folder, ": cannot be read: ", error.message());
  std::sort(files.begin(), files.end());
  return files;
}

std::vector<TextDocument> read_folder(const std::string& folder, const DocumentOptions& options) {
  std::vector<TextDocument> documents;
  uint64_t left = most_text();
  for (const auto& path : files_below(folder)) {
    std::string text = read_file(path, left);
    if (is_binary(text)) continue;
    left -= text.size();
    if (is_json_lines(path)) {
      for (auto& each : parse_json_lines(text, path, options)) documents.push_back(std::move(each));
    } else {
      add_plain(documents, std::move(text), options.separator);
    }
  }
  return documents;
}

// The file or folder of a text that has a name.
std::string place_of(const NamedText& named) {
  std::error_code error;
  const char* chosen = std::getenv("STRATA_DATA");
  if (chosen != nullptr && *chosen != '\0')
    if (std::string ours = std::string(chosen) + "/" + std::string(named.name); fs::exists(ours, error)) return ours;
  if (!fs::exists(named.place, error))
    fail("text '", named.name, "': no ", named.place, "; install it with 'apt-get install ", named.package,
         "', or set STRATA_DATA to the folder that holds ", named.name);
  return std::string(named.place);
}

std::string text_of(const Json& value, const std::string& where, const std::string& key) {
  if (!value.is_string()) fail(where, ": expected ", key, " to be a text, found ", shown(value));
  return value.get<std::string>();
}

TextDocument document_of(std::string_view text, const std::string& where, const DocumentOptions& options) {
  const Json line = parse_json(text, where);
  if (!line.is_object()) fail(where, ": expected a JSON object, found ", shown(line));
  const auto has = [&](const char* key) { return line.contains(key) && !line.at(key).is_null(); };
  // The messages under a key, behind those under another that are only read.
  const auto conversation = [&](const std::string& key, const char* prompt = nullptr) {
    const ordered_json again = parse_ordered_json(text, where);
    ordered_json messages = prompt ? again.at(prompt) : again.at(key);
    const size_t given = prompt ? messages.size() : 0;
    if (prompt) messages.insert(messages.end(), again.at(key).begin(), again.at(key).end());
    try {
      return options.chat({messages, has("tools") ? &again.at("tools") : nullptr, given});
    } catch (const Error& error) {
      fail(where, ": ", error.what());
    }
  };
  if (!options.field.empty()) {
    if (!has(options.field.c_str())) fail(where, ": expected the field ", options.field, ", found ", shown(line));
    const Json& value = line.at(options.field);
    if (value.is_array()) return conversation(options.field);
    return {{{text_of(value, where, options.field), true}}};
  }
  if (has("text")) return {{{text_of(line.at("text"), where, "text"), true}}};
  if (has("messages")) return conversation("messages");
  if (has("prompt") && has("completion")) {
    const Json &prompt = line.at("prompt"), &completion = line.at("completion");
    // Both may be lists of messages: one conversation whose first part is given.
    if (prompt.is_array() && completion.is_array()) return conversation("completion", "prompt");
    return {{{text_of(prompt, where, "prompt"), false}, {text_of(completion, where, "completion"), true}}};
  }
  fail(where, ": expected text, messages, or prompt and completion, found ", shown(line),
       "; name the field that holds the text");
}

}  // namespace

std::string plain_chat_template(const std::string& start, const std::string& end) {
  const auto literal = [](const std::string& text) {
    std::string quoted = "{{ '";
    for (const char c : text) quoted += (c == '\'' || c == '\\' ? "\\" : "") + std::string(1, c);
    return text.empty() ? text : quoted + "' }}";
  };
  const std::string last = end.empty() ? end : "{% if loop.last %}" + literal(end) + "{% endif %}";
  return literal(start) +
         "{% for message in messages %}<|im_start|>{{ message.role }}\n"
         "{% if message.role == 'assistant' %}{% generation %}{{ message.content or '' }}<|im_end|>\n" +
         last +
         "{% endgeneration %}{% else %}{{ message.content or '' }}<|im_end|>\n"
         "{% if not add_generation_prompt %}" +
         last + "{% endif %}{% endif %}{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";
}

TextDocument plain_chat(const Conversation& conversation) {
  const Json messages(conversation.messages);
  if (!messages.is_array() || messages.empty()) fail("messages: expected a list of them, found ", shown(messages));
  if (conversation.tools) fail("tools: expected none, as the model has no chat template that writes them");
  TextDocument document{.pieces = {}, .frame = Frame::written};
  for (size_t i = 0; i < messages.size(); ++i) {
    const JsonFields fields(messages[i], "messages");
    const std::string role = fields.text("role", ""), content = fields.text("content", "");
    if (role.empty()) fail("messages: expected a role, found ", shown(messages[i]));
    document.pieces.push_back({"<|im_start|>" + role + "\n", false});
    document.pieces.push_back({content + "<|im_end|>\n", role == "assistant" && i >= conversation.given});
  }
  return document;
}

std::vector<TextDocument> parse_json_lines(std::string_view text, const std::string& name,
                                           const DocumentOptions& options) {
  std::vector<TextDocument> documents;
  int64_t number = 0;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    const std::string where = name + ":" + std::to_string(number);
    if (line.size() > kMostLine) fail(where, ": expected a line of at most ", kMostLine, " bytes, found ", line.size());
    TextDocument document = document_of(line, where, options);
    std::erase_if(document.pieces, [](const TextPiece& piece) { return piece.text.empty(); });
    if (!document.pieces.empty()) documents.push_back(std::move(document));
  }
  return documents;
}

std::vector<TextDocument> read_documents(const std::string& source, const DocumentOptions& options) {
  std::error_code error;
  std::string place = source;

  for (const NamedText& named : kNamedTexts)
    if (named.name == source) place = place_of(named);
  std::vector<TextDocument> documents;
  if (fs::is_directory(place, error)) {
    documents = read_folder(place, options);
  } else if (!fs::exists(place, error)) {
    fail("text '", source, "': no such file or folder, nor one of the texts kjv and rfc");
  } else if (source == "kjv" && place == kNamedTexts[0].place) {
    for (auto& book : read_king_james(place)) documents.push_back({{{std::move(book), true}}});
  } else if (is_json_lines(place)) {
    documents = parse_json_lines(read_file(place, most_text()), place, options);
  } else {
    add_plain(documents, read_file(place, most_text()), options.separator);
  }
  if (documents.empty()) fail("text '", source, "': holds no text");
  return documents;
}

}  // namespace strata
