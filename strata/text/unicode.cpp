#include "strata/text/unicode.h"

#include <unicode/bytestream.h>
#include <unicode/normalizer2.h>
#include <unicode/stringpiece.h>
#include <unicode/uniset.h>

#include <algorithm>
#include <limits>
#include <map>
#include <span>
#include <vector>

#include "strata/base/error.h"
#include "strata/text/utf8.h"

namespace strata {
namespace {

struct PointRange {
  uint32_t first, last;
};

struct LowerRange {
  uint32_t first, last;
  int32_t distance;
  uint32_t step;
};

#include "strata/text/unicode_tables.inc"

constexpr uint32_t kPoints = 0x110000;

struct Pages {
  std::vector<uint8_t> pages;
  std::vector<uint16_t> page_of;
};

Pages make_pages() {
  std::vector<uint8_t> flat(kPoints, 0);
  const auto mark = [&](std::span<const PointRange> ranges, CharacterClass bit) {
    for (const PointRange& range : ranges)
      for (uint32_t point = range.first; point <= range.last; ++point) flat[point] |= bit;
  };
  mark(kLetterRanges, kLetter);
  mark(kNumberRanges, kNumber);
  mark(kNumericRanges, kNumeric);
  mark(kSpaceRanges, kSpace);
  mark(kWordRanges, kWord);
  mark(kMarkRanges, kMark);
  mark(kPunctuationRanges, kPunctuation);
  Pages result;
  std::map<std::string_view, uint16_t> known;
  for (uint32_t page = 0; page < kPoints / 256; ++page) {
    const uint8_t* const begin = flat.data() + size_t{page} * 256;
    const std::string_view content(reinterpret_cast<const char*>(begin), 256);
    const auto [place, fresh] = known.emplace(content, static_cast<uint16_t>(known.size()));
    if (fresh) result.pages.insert(result.pages.end(), begin, begin + 256);
    result.page_of.push_back(place->second);
  }
  return result;
}

const icu::Normalizer2& normalizer(NormalForm form) {
  UErrorCode status = U_ZERO_ERROR;
  const icu::Normalizer2* found = nullptr;
  switch (form) {
    case NormalForm::nfc:
      found = icu::Normalizer2::getNFCInstance(status);
      break;
    case NormalForm::nfd:
      found = icu::Normalizer2::getNFDInstance(status);
      break;
    case NormalForm::nfkc:
      found = icu::Normalizer2::getNFKCInstance(status);
      break;
    case NormalForm::nfkd:
      found = icu::Normalizer2::getNFKDInstance(status);
      break;
  }
  if (U_FAILURE(status) || found == nullptr) fail("text: ICU has no data for normal forms: ", u_errorName(status));
  return *found;
}

// The characters that the `tokenizers` library normalises: its tables are those of Unicode 9, to which all later
// characters are letters like any other.
const icu::UnicodeSet& normalised_characters() {
  static const icu::UnicodeSet* const set = [] {
    UErrorCode status = U_ZERO_ERROR;
    auto* made = new icu::UnicodeSet(icu::UnicodeString("[:age=9.0:]"), status);
    if (U_FAILURE(status)) fail("text: ICU has no data for the ages of characters: ", u_errorName(status));
    made->freeze();
    return made;
  }();
  return *set;
}

void append_normalised(std::string& result, std::string_view text, const icu::Normalizer2& form) {
  if (text.empty()) return;
  if (text.size() > std::numeric_limits<int32_t>::max() / 4)
    fail("text: expected at most 512 MiB in one piece to normalise, found ", text.size(), " bytes");
  UErrorCode status = U_ZERO_ERROR;
  icu::StringByteSink<std::string> sink(&result);
  form.normalizeUTF8(0, icu::StringPiece(text.data(), static_cast<int32_t>(text.size())), sink, nullptr, status);
  if (U_FAILURE(status)) fail("text: a normal form of ", text.size(), " bytes failed: ", u_errorName(status));
}

bool ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char byte) { return static_cast<signed char>(byte) >= 0; });
}

}  // namespace

const ClassTable& character_classes() {
  static const Pages* const pages = new Pages(make_pages());  // never freed: objects that live to the end may ask
  static const ClassTable table = [] {
    ClassTable filled;
    filled.pages_ = pages->pages.data();
    filled.page_of_ = pages->page_of.data();
    return filled;
  }();
  return table;
}

std::string lower_case(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  const char* const end = text.data() + text.size();
  for (const char* at = text.data(); at < end;) {
    const Utf8Step step = utf8_step(at, end);
    const auto after = std::upper_bound(std::begin(kLowerRanges), std::end(kLowerRanges), step.point,
                                        [](char32_t point, const LowerRange& range) { return point < range.first; });
    const LowerRange* const range = after == std::begin(kLowerRanges) ? nullptr : after - 1;
    if (step.point == 0x130)
      result += "i\u0307";
    else if (step.valid() && range && step.point <= range->last && (step.point - range->first) % range->step == 0)
      append_utf8(result, static_cast<char32_t>(static_cast<int64_t>(step.point) + range->distance));
    else
      result.append(at, step.bytes);
    at += step.bytes;
  }
  return result;
}

std::string normal_form(std::string_view text, NormalForm form) {
  if (ascii(text)) return std::string(text);
  const icu::FilteredNormalizer2 normaliser(normalizer(form), normalised_characters());
  std::string result;
  result.reserve(text.size());
  const char* const end = text.data() + text.size();
  const char* begin = text.data();
  for (const char* at = begin; at < end;) {
    const Utf8Step step = utf8_step(at, end);
    if (!step.valid()) {
      append_normalised(result, {begin, at}, normaliser);
      result += *at;
      begin = at + 1;
    }
    at += step.bytes;
  }
  append_normalised(result, {begin, end}, normaliser);
  return result;
}

}  // namespace strata
