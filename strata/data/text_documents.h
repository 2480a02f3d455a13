#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace strata {

/// A part of a document that is learned, or only read: a prompt.
struct TextPiece {
  std::string text;
  bool counts = true;

  bool operator==(const TextPiece&) const = default;
};

/// How the tokens that stand at the beginning and the end come to a document.
enum class Frame {
  tokens,   // put around it, as around any text
  written,  // the first ones as text in front of it, as a chat template writes them: what follows is then in the middle
            // of a text, where some tokenizers put no space
  own,      // it has them itself
};

struct TextDocument {
  std::vector<TextPiece> pieces;
  Frame frame = Frame::tokens;
};

/// What is to be written as a conversation. It looks at JSON that others own, with keys in the order of the file, as
/// templates write some of it out.
struct Conversation {
  const nlohmann::ordered_json& messages;         // a list of {"role": ..., "content": ...}
  const nlohmann::ordered_json* tools = nullptr;  // a list of descriptions, or null
  size_t given = 0;                               // so many messages are only read, whoever speaks in them
};

/// A conversation as text; the answers count. Throws Error when the messages make no sense.
using ChatText = std::function<TextDocument(const Conversation&)>;

/// "<|im_start|>ROLE\nCONTENT<|im_end|>\n" for each message, of which what roles "assistant" say counts with its
/// <|im_end|>: the format for models that bring none of their own.
TextDocument plain_chat(const Conversation& conversation);
/// The chat template that writes the same, between what the tokenizer puts at the beginning and the end of a document,
/// and marks the answers.
std::string plain_chat_template(const std::string& start, const std::string& end);

struct DocumentOptions {
  std::string field;  // of the lines of JSONL files; "": text, messages, or prompt and completion, whichever is there
  std::string separator;  // cuts plain text into documents; "": a file is one
  ChatText chat = plain_chat;
};

/// The documents of one source, always in the same order:
///   "kjv"             the King James Bible of Debian's package bible-kjv-text, a document for each book
///   "rfc"             the RFCs of Debian's packages doc-rfc-*, a document each
///   FILE.jsonl        one JSON object a line
///   any other file    plain text, gzip'ed or not
///   a folder          all files in it and below, but for hidden and binary ones (with a NUL among the first bytes)
/// Where STRATA_DATA is set, names are looked up in that folder first. Throws Error naming file and line when something
/// is missing, damaged or too large for the memory there is, and when there is no text at all.
std::vector<TextDocument> read_documents(const std::string& source, const DocumentOptions& options = {});

/// The documents of JSON lines; `name` stands in messages. Prompts do not count, completions do.
std::vector<TextDocument> parse_json_lines(std::string_view text, const std::string& name,
                                           const DocumentOptions& options = {});

}  // namespace strata
