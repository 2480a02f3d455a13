#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "strata/data/text_documents.h"

namespace strata {

using at::Tensor;

/// How text becomes tokens.
struct TextCodec {
  std::string name;                                                              // "bytes", or where it was read
  std::function<void(std::string_view text, std::vector<int32_t>& ids)> encode;  // appends
  std::vector<int32_t> bytes;                // for each token: how many bytes it adds to the text
  std::vector<int32_t> start;                // tokens put in front of each document
  std::optional<int32_t> end;                // token put behind each document
  std::string start_text, end_text;          // how a text writes those
  std::map<std::string, std::string> files;  // name -> text of what makes it again: tokenizer.json

  int64_t vocab() const { return std::ssize(bytes); }
};

/// 256 tokens: the bytes themselves.
TextCodec byte_codec();

/// How the tokens of a text fall on its first bytes: so many lie whole in them, and so many have a byte in them (one
/// more where a token lies across their end).
struct TokenCut {
  size_t whole = 0, touched = 0;
};
/// `ids` are those of all of `text`, of which `bytes` are looked at, up to the border of two characters.
TokenCut cut_tokens(const TextCodec& codec, std::string_view text, const std::vector<int32_t>& ids, size_t bytes);

/// Documents as one line of tokens.
struct TextSet {
  Tensor tokens;               // int32 [n]
  Tensor counted;              // bool [n]: whether a token is learned; undefined when all are
  Tensor offsets;              // int64 [documents + 1]: document d holds tokens offsets[d] .. offsets[d + 1] - 1
  std::vector<int32_t> bytes;  // of each token of the vocabulary, as TextCodec::bytes
  std::string name;
  std::map<std::string, std::string> files;  // as TextCodec::files

  int64_t size() const { return tokens.size(0); }
  int64_t documents() const { return offsets.size(0) - 1; }
  int64_t vocab() const { return std::ssize(bytes); }
};

/// Tokenises documents, once: each as one text, of which the tokens count that have a byte in a piece that does (as
/// transformers masks answers). Throws Error when the codec gives a token outside its vocabulary and when memory does not
/// suffice.
TextSet tokenised(const std::vector<TextDocument>& documents, const TextCodec& codec, const std::string& name);

/// A training set and what is held out of it: `share` of the documents, drawn at random but always the same, where that
/// makes at least ten or parts of them are only read (conversations lose nothing by their ends); else the end of each
/// document. share 0 holds out nothing.
std::pair<TextSet, TextSet> hold_out(const TextSet& set, double share);

/// About `most` tokens of a set, spread over its documents as hold_out does it; all of them for 0.
TextSet first_tokens(const TextSet& set, int64_t most);

/// Some documents of a set, in the order given.
TextSet documents_of(const TextSet& set, const std::vector<int64_t>& chosen);

/// A checksum of everything a set holds.
std::string checksum_of(const TextSet& set);

}  // namespace strata
