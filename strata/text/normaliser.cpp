#include "strata/text/normaliser.h"

#include "strata/base/error.h"
#include "strata/text/byte_level.h"
#include "strata/text/unicode.h"
#include "strata/text/utf8.h"

namespace strata {
namespace {

std::string without_marks(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  const char* const end = text.data() + text.size();
  for (const char* at = text.data(); at < end;) {
    const Utf8Step step = utf8_step(at, end);
    if (!is(kMark, step.point)) result.append(at, step.bytes);
    at += step.bytes;
  }
  return result;
}

std::string stripped(std::string_view text, bool left, bool right) {
  const char* begin = text.data();
  const char* const end = begin + text.size();
  const char* stop = begin;  // behind the last character that is no space
  bool seen = false;
  for (const char* at = begin; at < end;) {
    const Utf8Step step = utf8_step(at, end);
    const bool space = is(kSpace, step.point);
    if (!space && !seen) {
      seen = true;
      if (left) begin = at;
    }
    at += step.bytes;
    if (!space) stop = at;
  }
  if (!seen) return left || right ? std::string() : std::string(text);
  return {begin, right ? stop : end};
}

std::string apply_step(const NormaliserStep& step, std::string_view text, size_t most) {
  using Kind = NormaliserStep::Kind;
  switch (step.kind) {
    case Kind::nfc:
      return normal_form(text, NormalForm::nfc);
    case Kind::nfd:
      return normal_form(text, NormalForm::nfd);
    case Kind::nfkc:
      return normal_form(text, NormalForm::nfkc);
    case Kind::nfkd:
      return normal_form(text, NormalForm::nfkd);
    case Kind::lowercase:
      return lower_case(text);
    case Kind::strip_accents:
      return without_marks(text);
    case Kind::strip:
      return stripped(text, step.left, step.right);
    case Kind::prepend:
      return text.empty() ? std::string() : step.text + std::string(text);
    case Kind::replace:
      return step.pattern.replace_all(text, step.text, most);
    case Kind::byte_level:
      return byte_level_text(text);
  }
  return std::string(text);
}

}  // namespace

std::string normalise(const std::vector<NormaliserStep>& steps, std::string_view text) {
  const size_t most = most_replaced(text.size());
  std::string result(text);
  for (const NormaliserStep& step : steps) {
    result = apply_step(step, result, most);
    if (result.size() > most) fail("normaliser: expected at most ", most, " bytes of text, found ", result.size());
  }
  return result;
}

}  // namespace strata
