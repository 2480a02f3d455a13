#include "strata/text/jinja_numbers.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <locale>
#include <sstream>

#include "strata/base/error.h"
#include "strata/text/jinja_text.h"
#include "strata/text/utf8.h"

namespace strata::jinja {
namespace {

constexpr double kBeyondIntegers = 0x1p63;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

[[noreturn]] void refuse_large() {
  fail("expected whole numbers below 2^63, found a larger one");
}

// Without the underscores, each of which must stand between two digits; nothing for others.
std::optional<std::string> without_underscores(std::string_view text, bool (*digit)(char)) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_')
      out += text[i];
    else if (i == 0 || i + 1 == text.size() || !digit(text[i - 1]) || !digit(text[i + 1]))
      return std::nullopt;
  }
  return out;
}

// Digits with a point and an exponent, without a sign.
std::optional<double> decimal(std::string_view text) {
  size_t at = 0;
  const auto digits = [&] {
    const size_t begin = at;
    while (at < text.size() && is_digit(text[at])) ++at;
    return at - begin;
  };
  size_t count = digits();
  if (at < text.size() && text[at] == '.') {
    ++at;
    count += digits();
  }
  if (count == 0) return std::nullopt;
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
    if (digits() == 0) return std::nullopt;
  }
  if (at != text.size()) return std::nullopt;
  // Not std::from_chars, which does not tell what is too large from what is too small.
  std::istringstream stream{std::string(text)};
  stream.imbue(std::locale::classic());
  double value = 0;
  stream >> value;
  return stream.fail() ? std::numeric_limits<double>::infinity() : value;
}

Value whole_part(double number) {
  if (!(std::abs(number) < kBeyondIntegers)) refuse_large();
  return Value::integer(static_cast<int64_t>(number));
}

// To a multiple of 10^places, half-way cases to the even one.
Value rounded_integer(int64_t value, int64_t places) {
  constexpr int64_t most_places = 18, half = 5'000'000'000'000'000'000;  // of 10^19
  if (places > most_places) {
    if (places == most_places + 1 && (value > half || value < -half)) refuse_large();
    return Value::integer(0);
  }
  int64_t unit = 1, result = 0;
  for (int64_t i = 0; i < places; ++i) unit *= 10;
  int64_t quotient = value / unit;
  const int64_t twice = std::abs(value % unit) * 2;
  if (twice > unit || (twice == unit && quotient % 2 != 0)) quotient += value < 0 ? -1 : 1;
  if (__builtin_mul_overflow(quotient, unit, &result)) refuse_large();
  return Value::integer(result);
}

// The exact value to a multiple of 10^-places, half-way cases to the even one, as Python rounds.
double rounded_number(double value, int64_t places) {
  constexpr int64_t all_places = 323, exact_power = 22;  // the largest power of ten that is a double
  if (!std::isfinite(value) || places > all_places) return value;
  if (places < -exact_power) fail("round: expected a precision of at least ", -exact_power, ", found ", places);
  if (places < 0)
    return std::copysign(value - std::remainder(value, std::pow(10.0, static_cast<double>(-places))), value);
  // fmt rounds the exact value, and parsing gives the double next to the result.
  const std::string digits = fmt::format("{:.{}f}", value, places);
  double result = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), result);  // fails for no rounded double
  return result;
}

// At least so many digits behind the sign.
std::string padded(std::string digits, size_t least) {
  const size_t sign = digits.starts_with('-') ? 1 : 0;
  if (digits.size() - sign < least) digits.insert(sign, least - (digits.size() - sign), '0');
  return digits;
}

std::string formatted(const Value& value, char kind, std::optional<size_t> precision) {
  if (kind == 's' || kind == 'r') {
    std::string text = kind == 's' ? to_text(value) : repr(value);
    if (precision) text.resize(character_offset(text, static_cast<int64_t>(*precision)));
    return text;
  }
  if (!value.is_number()) fail("format: expected a number for %", std::string(1, kind), ", found ", type_name(value));
  if (kind == 'f') return fmt::format("{:.{}f}", value.as_number(), precision.value_or(6));
  if (kind == 'x') return padded(fmt::format("{:x}", integer_of(value, "format")), precision.value_or(0));
  const int64_t whole = value.is_integer() ? value.as_integer() : whole_part(value.as_number()).as_integer();
  return padded(std::to_string(whole), precision.value_or(0));
}

}  // namespace

std::partial_ordering compare_exactly(int64_t a, double b) {
  if (std::isnan(b)) return std::partial_ordering::unordered;
  if (b >= kBeyondIntegers) return std::partial_ordering::less;
  if (b < -kBeyondIntegers) return std::partial_ordering::greater;
  const auto whole = static_cast<int64_t>(b);
  if (a != whole) return a <=> whole;
  return static_cast<double>(whole) <=> b;  // a double without fraction is exact here
}

std::optional<double> parse_number(std::string_view text) {
  text = stripped(text, nullptr, true, true);
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  const std::string name = lower(text);
  std::optional<double> value;
  if (name == "inf" || name == "infinity")
    value = std::numeric_limits<double>::infinity();
  else if (name == "nan")
    value = std::numeric_limits<double>::quiet_NaN();
  else if (const auto digits = without_underscores(text, is_digit))
    value = decimal(*digits);
  if (value && negative) *value = -*value;
  return value;
}

std::optional<int64_t> parse_integer(std::string_view text, int64_t base) {
  text = stripped(text, nullptr, true, true);
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  const std::string prefix = lower(text.substr(0, 2));
  const int64_t named = prefix == "0x" ? 16 : prefix == "0o" ? 8 : prefix == "0b" ? 2 : 0;
  if (named != 0 && (base == 0 || base == named)) {
    base = named;
    text.remove_prefix(2);
    if (text.starts_with('_')) text.remove_prefix(1);
  } else if (base == 0) {
    // 012 is no number of Python's; 00 is.
    if (text.starts_with('0') && text.find_first_not_of("0_") != std::string_view::npos) return std::nullopt;
    base = 10;
  }
  const auto digits =
      without_underscores(text, [](char c) { return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); });
  if (!digits || digits->empty() || digits->starts_with('-')) return std::nullopt;
  const std::string signed_digits = (negative ? "-" : "") + *digits;
  int64_t value = 0;
  const char* const end = signed_digits.data() + signed_digits.size();
  const auto read = std::from_chars(signed_digits.data(), end, value, static_cast<int>(base));
  if (read.ptr != end || read.ec == std::errc::invalid_argument) return std::nullopt;
  if (read.ec == std::errc::result_out_of_range) refuse_large();
  return value;
}

Value to_integer(const Value& value, const Arguments& arguments, Meter& meter) {
  meter.charge(value.weight());
  if (value.is_undefined()) fail("int: found ", type_name(value));
  const Value *fallback = arguments.get(0, "default"), *base = arguments.get(1, "base");
  const auto otherwise = [&] { return fallback ? *fallback : Value::integer(0); };
  if (value.is_integer()) return Value::integer(value.as_integer());
  std::optional<double> number;
  if (value.is_number()) number = value.as_number();
  if (value.text()) {
    const int64_t radix = base ? integer_of(*base, "int") : 10;
    if (radix != 0 && (radix < 2 || radix > 36)) fail("int: expected a base of 0 or from 2 to 36, found ", radix);
    if (const auto whole = parse_integer(*value.text(), radix)) return Value::integer(*whole);
    number = parse_number(*value.text());
  }
  return number && std::isfinite(*number) ? whole_part(*number) : otherwise();
}

Value to_number(const Value& value, const Arguments& arguments, Meter& meter) {
  meter.charge(value.weight());
  if (value.is_undefined()) fail("float: found ", type_name(value));
  if (value.is_number()) return Value::number(value.as_number());
  if (value.text())
    if (const auto number = parse_number(*value.text())) return Value::number(*number);
  const Value* fallback = arguments.get(0, "default");
  return fallback ? *fallback : Value::number(0);
}

Value rounded(const Value& value, const Arguments& arguments, Meter& /*meter*/) {
  if (!value.is_number()) fail("round: expected a number, found ", type_name(value));
  const Value* precision = arguments.get(0, "precision");
  const Value* method = arguments.get(1, "method");
  if (method && !method->text()) fail("round: expected a text, found ", type_name(*method));
  const std::string kind = method ? *method->text() : "common";
  const bool to_whole = precision && precision->is_none();
  const int64_t places = precision && !to_whole ? std::clamp<int64_t>(integer_of(*precision, "round"), -400, 400) : 0;
  if (kind == "common") {
    if (value.is_integer()) return rounded_integer(value.as_integer(), std::max<int64_t>(0, -places));
    const double result = rounded_number(value.as_number(), places);
    return to_whole ? whole_part(result) : Value::number(result);
  }
  if (kind != "ceil" && kind != "floor") fail("round: expected common, ceil or floor, found ", kind.substr(0, 40));
  const double scale = std::pow(10.0, static_cast<double>(places)), scaled = value.as_number() * scale;
  if (!std::isfinite(scaled) || scale == 0) fail("round: expected a number and places within the range of a double");
  return Value::number((kind == "ceil" ? std::ceil(scaled) : std::floor(scaled)) / scale + 0.0);  // no -0
}

std::string percent_format(const std::string& format, const std::vector<Value>& values, bool need_all, Meter& meter) {
  constexpr size_t most_precise = 100;
  std::string out;
  size_t next = 0;
  for (size_t at = 0; at < format.size(); ++at) {
    if (format[at] != '%') {
      out += format[at];
      continue;
    }
    std::optional<size_t> precision;
    if (at + 1 < format.size() && format[at + 1] == '.') {
      precision = 0;
      for (++at; at + 1 < format.size() && is_digit(format[at + 1]); ++at)
        precision = std::min(*precision * 10 + static_cast<size_t>(format[at + 1] - '0'), most_precise + 1);
      if (*precision > most_precise) fail("format: expected a precision of at most ", most_precise, ", found more");
    }
    const char kind = ++at < format.size() ? format[at] : ' ';
    if (kind == '%' && !precision) {
      out += '%';
      continue;
    }
    if (std::string_view("srdixf").find(kind) == std::string_view::npos)
      fail("format: expected %s, %r, %d, %i, %x or %f, perhaps with a precision as in %.3f, found %",
           precision ? "." : "", std::string(1, kind));
    if (next >= values.size()) fail("format: expected more than ", values.size(), " values");
    const Value& value = values[next++];
    meter.charge(value.weight());
    out += formatted(value, kind, precision);
  }
  if (need_all && next < values.size()) fail("format: expected ", next, " values, found ", values.size());
  return out;
}

}  // namespace strata::jinja
