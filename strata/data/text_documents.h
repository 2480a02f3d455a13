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

struct TextDocument {
  std::vector<TextPiece> pieces;
};

/// A list of messages ({"role": ..., "content": ...}) as text; the answers count. Throws Error when they make no sense.
using ChatText = std::function<std::vector<TextPiece>(const nlohmann::json& messages)>;

/// "<|im_start|>ROLE\nCONTENT<|im_end|>\n" for each message, of which what roles "assistant" say counts with its
/// <|im_end|>: the format for models that bring none of their own.
std::vector<TextPiece> plain_chat(const nlohmann::json& messages);

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
