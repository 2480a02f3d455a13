#include "strata/data/text.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "strata/base/checksum.h"
#include "strata/base/error.h"
#include "strata/data/epochs.h"

namespace strata {
namespace {

constexpr double kLeastHeldOut = 10;    // documents
constexpr uint64_t kHoldOutSeed = 271;  // the same documents whatever the run's seed, so that runs can be compared

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
          .end = std::nullopt,
          .start_text = "",
          .end_text = "",
          .files = {}};
}

TokenCut cut_tokens(const TextCodec& codec, std::string_view text, const std::vector<int32_t>& ids, size_t bytes) {
  std::vector<int32_t> first;
  codec.encode(text.substr(0, bytes), first);
  const size_t same =
      static_cast<size_t>(std::mismatch(first.begin(), first.end(), ids.begin(), ids.end()).first - first.begin());
  // The end of the first part may be cut into tokens in another way than in the whole text.
  const auto size_of = [&codec](int32_t id) { return id >= 0 && id < codec.vocab() ? codec.bytes[id] : 0; };
  int64_t left = 0;
  for (size_t i = same; i < first.size(); ++i) left += size_of(first[i]);
  size_t at = same;
  while (at < ids.size() && left > 0 && size_of(ids[at]) <= left) left -= size_of(ids[at++]);
  return {at, at + (left > 0 && at < ids.size() ? 1 : 0)};
}

namespace {

// Appends one document's tokens, and whether each counts.
void add_document(const TextDocument& document, const TextCodec& codec, std::vector<int32_t>& ids,
                  std::vector<bool>& counted) {
  std::string text = document.frame == Frame::written ? codec.start_text : "";
  size_t begin = text.size();
  for (const auto& piece : document.pieces) text += piece.text;
  std::vector<int32_t> own;
  codec.encode(text, own);
  const bool all = std::all_of(document.pieces.begin(), document.pieces.end(), [](const auto& p) { return p.counts; });
  if (document.frame == Frame::tokens) ids.insert(ids.end(), codec.start.begin(), codec.start.end());
  counted.resize(ids.size(), all);
  const size_t first = ids.size();
  ids.insert(ids.end(), own.begin(), own.end());
  counted.resize(ids.size(), all);
  for (const auto& piece : document.pieces) {
    const size_t end = begin + piece.text.size();
    if (piece.counts && !all) {
      const size_t last = first + cut_tokens(codec, text, own, end).touched;
      for (size_t i = first + cut_tokens(codec, text, own, begin).whole; i < last; ++i) counted[i] = true;
    }
    begin = end;
  }
  if (codec.end && document.frame != Frame::own) {
    ids.push_back(*codec.end);
    counted.push_back(document.pieces.empty() || document.pieces.back().counts);
  }
}

}  // namespace

TextSet tokenised(const std::vector<TextDocument>& documents, const TextCodec& codec, const std::string& name) {
  std::vector<int32_t> ids;
  std::vector<bool> counted;
  std::vector<int64_t> offsets{0};
  for (const auto& document : documents) {
    add_document(document, codec, ids, counted);
    offsets.push_back(std::ssize(ids));
  }
  const bool all_count = std::find(counted.begin(), counted.end(), false) == counted.end();
  for (const int32_t id : ids)
    if (id < 0 || id >= codec.vocab())
      fail("text '", name, "': the tokenizer ", codec.name, " gives token ", id, ", but has only ", codec.vocab());
  TextSet set{.tokens = at::empty({std::ssize(ids)}, at::kInt),
              .counted = {},
              .offsets = as_tensor(offsets),
              .bytes = codec.bytes,
              .name = name,
              .files = codec.files};
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
  auto wanted = static_cast<int64_t>(std::llround(share * static_cast<double>(documents)));
  const bool whole = set.counted.defined() && share > 0;
  if (whole) wanted = documents > 1 ? std::clamp<int64_t>(wanted, 1, documents - 1) : 0;
  if (whole || static_cast<double>(documents) * share >= kLeastHeldOut) {
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
