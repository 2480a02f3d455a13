#include "strata/data/text.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <unordered_map>

#include "strata/base/checksum.h"
#include "strata/base/error.h"
#include "strata/data/epochs.h"

namespace strata {
namespace {

constexpr double kLeastHeldOut = 10;    // documents
constexpr uint64_t kHoldOutSeed = 271;  // the same documents whatever the run's seed, so that runs can be compared

// The code point at the start of a text and how many bytes it takes; 0 bytes where that is no UTF-8.
std::pair<char32_t, size_t> code_point(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  const size_t length = first < 0x80 ? 1 : first >> 5 == 6 ? 2 : first >> 4 == 14 ? 3 : first >> 3 == 30 ? 4 : 0;
  if (length == 0 || length > text.size()) return {0, 0};
  if (length == 1) return {first, 1};
  char32_t point = first & (0x7FU >> length);
  for (size_t i = 1; i < length; ++i) {
    if (byte(i) >> 6 != 2) return {0, 0};
    point = point << 6 | (byte(i) & 0x3FU);
  }
  constexpr char32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = point >= 0xD800 && point < 0xE000;
  if (point < kLeast[length] || point > 0x10FFFF || surrogate) return {0, 0};
  return {point, length};
}

template <class Fn>
void for_characters(std::string_view text, Fn&& fn) {
  for (size_t at = 0; at < text.size();) {
    const auto [point, length] = code_point(text.substr(at));
    if (length == 0) fail("character tokens: byte ", at, " of a document is not UTF-8; byte tokens take any text");
    fn(point, length);
    at += length;
  }
}

Tensor as_tensor(const std::vector<int64_t>& values) {
  return at::tensor(values, at::kLong);
}

}  // namespace

TextCodec byte_codec() {
  return {.name = "bytes",
          .encode =
              [](std::string_view text, std::vector<int32_t>& ids) {
                for (const char c : text) ids.push_back(static_cast<unsigned char>(c));
              },
          .bytes = std::vector<int32_t>(256, 1),
          .start = {},
          .end = std::nullopt};
}

TextCodec character_codec(const std::vector<TextDocument>& documents) {
  std::map<char32_t, int32_t> widths;
  for (const auto& document : documents)
    for (const auto& piece : document.pieces)
      for_characters(piece.text, [&](char32_t point, size_t length) { widths[point] = static_cast<int32_t>(length); });
  TextCodec codec{.name = "characters", .encode = {}, .bytes = {}, .start = {}, .end = std::nullopt};
  std::unordered_map<char32_t, int32_t> ids;
  for (const auto& [point, width] : widths) {
    ids.emplace(point, static_cast<int32_t>(codec.bytes.size()));
    codec.bytes.push_back(width);
  }
  codec.encode = [ids = std::make_shared<const std::unordered_map<char32_t, int32_t>>(std::move(ids))](
                     std::string_view text, std::vector<int32_t>& out) {
    for_characters(text, [&](char32_t point, size_t) {
      const auto found = ids->find(point);
      if (found == ids->end())
        fail("character tokens: character U+", std::hex, static_cast<uint32_t>(point),
             " does not stand in the training text");
      out.push_back(found->second);
    });
  };
  return codec;
}

TextSet tokenised(const std::vector<TextDocument>& documents, const TextCodec& codec, const std::string& name) {
  std::vector<int32_t> ids;
  std::vector<bool> counted;
  std::vector<int64_t> offsets{0};
  bool all_count = true;
  for (const auto& document : documents) {
    ids.insert(ids.end(), codec.start.begin(), codec.start.end());
    counted.resize(ids.size(), true);
    for (const auto& piece : document.pieces) {
      codec.encode(piece.text, ids);
      counted.resize(ids.size(), piece.counts);
      all_count = all_count && piece.counts;
    }
    if (codec.end) {
      ids.push_back(*codec.end);
      counted.push_back(document.pieces.empty() || document.pieces.back().counts);
    }
    offsets.push_back(std::ssize(ids));
  }
  for (const int32_t id : ids)
    if (id < 0 || id >= codec.vocab())
      fail("text '", name, "': the tokenizer ", codec.name, " gives token ", id, ", but has only ", codec.vocab());
  TextSet set{.tokens = at::empty({std::ssize(ids)}, at::kInt),
              .counted = {},
              .offsets = as_tensor(offsets),
              .bytes = codec.bytes,
              .name = name};
  std::copy(ids.begin(), ids.end(), set.tokens.mutable_data_ptr<int32_t>());
  if (!all_count) {
    set.counted = at::empty({std::ssize(ids)}, at::kBool);
    std::copy(counted.begin(), counted.end(), set.counted.mutable_data_ptr<bool>());
  }
  return set;
}

namespace {

// The tokens of some ranges [first, end), each a document.
TextSet ranges_of(const TextSet& set, const std::vector<std::pair<int64_t, int64_t>>& ranges) {
  std::vector<Tensor> tokens, counted;
  std::vector<int64_t> offsets{0};
  for (const auto& [first, end] : ranges) {
    tokens.push_back(set.tokens.slice(0, first, end));
    if (set.counted.defined()) counted.push_back(set.counted.slice(0, first, end));
    offsets.push_back(offsets.back() + end - first);
  }
  TextSet part = set;
  part.tokens = tokens.empty() ? set.tokens.slice(0, 0, 0) : at::cat(tokens);
  if (set.counted.defined()) part.counted = counted.empty() ? set.counted.slice(0, 0, 0) : at::cat(counted);
  part.offsets = as_tensor(offsets);
  return part;
}

}  // namespace

TextSet documents_of(const TextSet& set, const std::vector<int64_t>& chosen) {
  const int64_t* offsets = set.offsets.const_data_ptr<int64_t>();
  std::vector<std::pair<int64_t, int64_t>> ranges;
  for (const int64_t document : chosen) {
    if (document < 0 || document >= set.documents())
      fail("text '", set.name, "': has ", set.documents(), " documents, no document ", document);
    ranges.emplace_back(offsets[document], offsets[document + 1]);
  }
  return ranges_of(set, ranges);
}

std::pair<TextSet, TextSet> hold_out(const TextSet& set, double share) {
  if (!(share >= 0 && share < 1)) fail_usage("text: expected the share held out to be in [0, 1), got ", share);
  const int64_t documents = set.documents();
  const auto wanted = static_cast<int64_t>(std::llround(share * static_cast<double>(documents)));
  if (static_cast<double>(documents) * share >= kLeastHeldOut) {
    const std::vector<int32_t> order = epoch_order(documents, kHoldOutSeed, 0);
    std::vector<int64_t> held(order.begin(), order.begin() + wanted), kept(order.begin() + wanted, order.end());
    std::sort(held.begin(), held.end());
    std::sort(kept.begin(), kept.end());
    return {documents_of(set, kept), documents_of(set, held)};
  }
  const int64_t* offsets = set.offsets.const_data_ptr<int64_t>();
  std::vector<std::pair<int64_t, int64_t>> kept, held;
  for (int64_t d = 0; d < documents; ++d) {
    const int64_t length = offsets[d + 1] - offsets[d];
    const int64_t cut = offsets[d + 1] - std::llround(share * static_cast<double>(length));
    if (cut > offsets[d]) kept.emplace_back(offsets[d], cut);
    if (offsets[d + 1] > cut) held.emplace_back(cut, offsets[d + 1]);
  }
  return {ranges_of(set, kept), ranges_of(set, held)};
}

TextSet first_tokens(const TextSet& set, int64_t most) {
  if (most <= 0 || set.size() <= most) return set;
  return hold_out(set, 1 - static_cast<double>(most) / static_cast<double>(set.size())).first;
}

std::string checksum_of(const TextSet& set) {
  std::string all;
  for (const Tensor& part : {set.tokens, set.counted, set.offsets}) {
    if (!part.defined()) continue;
    const Tensor whole = part.contiguous();
    all += checksum(std::span(static_cast<const std::byte*>(whole.const_data_ptr()), whole.nbytes()));
  }
  return checksum(all);
}

}  // namespace strata
