#include "strata/text/decoder.h"

#include <numeric>
#include <optional>

#include "strata/text/byte_level.h"
#include "strata/text/utf8.h"

namespace strata {
namespace {

using Tokens = std::vector<std::string>;

int hexadecimal(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  return -1;
}

// <0x0A>: the byte.
std::optional<char> fallback_byte(std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || !token.ends_with(">")) return std::nullopt;
  const int high = hexadecimal(token[3]);
  const int low = hexadecimal(token[4]);
  if (high < 0 || low < 0) return std::nullopt;
  return static_cast<char>(high * 16 + low);
}

std::string joined(const Tokens& tokens) {
  return std::accumulate(tokens.begin(), tokens.end(), std::string());
}

// A token with a character outside of the alphabet stands for itself.
std::string bytes_of(std::string_view token) {
  return byte_level_bytes(token).value_or(std::string(token));
}

Tokens byte_level(const Tokens& tokens) {
  std::string bytes;
  for (const std::string& token : tokens) bytes += bytes_of(token);
  return {repaired_utf8(bytes)};
}

Tokens byte_fallback(const Tokens& tokens) {
  Tokens result;
  std::string run;
  const auto flush = [&] {
    if (run.empty()) return;
    if (valid_utf8(run))
      result.push_back(run);
    else
      result.insert(result.end(), run.size(), utf8(kReplacementCharacter));
    run.clear();
  };
  for (const std::string& token : tokens) {
    if (const auto byte = fallback_byte(token)) {
      run += *byte;
      continue;
    }
    flush();
    result.push_back(token);
  }
  flush();
  return result;
}

std::string stripped(std::string_view token, const DecoderStep& step) {
  for (size_t i = 0; i < step.start && token.starts_with(step.text); ++i) token.remove_prefix(step.text.size());
  for (size_t i = 0; i < step.stop && token.ends_with(step.text); ++i) token.remove_suffix(step.text.size());
  return std::string(token);
}

std::string with_spaces(std::string_view token, const DecoderStep& step, std::string_view space) {
  std::string result;
  for (size_t at = 0; at < token.size();) {
    if (token.compare(at, step.text.size(), step.text) == 0) {
      result += space;
      at += step.text.size();
    } else {
      result += token[at++];
    }
  }
  return result;
}

size_t bytes_in(const Tokens& tokens) {
  return std::accumulate(tokens.begin(), tokens.end(), size_t{0},
                         [](size_t sum, const std::string& token) { return sum + token.size(); });
}

Tokens apply_step(const DecoderStep& step, Tokens tokens, size_t most) {
  using Kind = DecoderStep::Kind;
  switch (step.kind) {
    case Kind::byte_level:
      return byte_level(tokens);
    case Kind::byte_fallback:
      return byte_fallback(tokens);
    case Kind::fuse:
      return {joined(tokens)};
    case Kind::strip:
      for (std::string& token : tokens) token = stripped(token, step);
      return tokens;
    case Kind::replace:
      for (std::string& token : tokens) {
        token = step.pattern.replace_all(token, step.text, most);
        most -= token.size();
      }
      return tokens;
    case Kind::metaspace:
      for (size_t i = 0; i < tokens.size(); ++i)
        tokens[i] = with_spaces(tokens[i], step, i == 0 && step.prefixed ? "" : " ");
      return tokens;
    case Kind::bpe:
      for (size_t i = 0; i < tokens.size(); ++i)
        tokens[i] = with_spaces(tokens[i], step, i + 1 == tokens.size() ? "" : " ");
      return tokens;
  }
  return tokens;
}

}  // namespace

std::string decode_tokens(const std::vector<DecoderStep>& steps, std::vector<std::string> tokens) {
  if (steps.empty()) {
    std::string text;
    for (size_t i = 0; i < tokens.size(); ++i) text.append(i > 0 ? " " : "").append(tokens[i]);
    return text;
  }
  const size_t most = most_replaced(bytes_in(tokens));
  for (const DecoderStep& step : steps) tokens = apply_step(step, std::move(tokens), most);
  return joined(tokens);
}

std::string token_bytes(const std::vector<DecoderStep>& steps, std::string_view token) {
  using Kind = DecoderStep::Kind;
  const size_t most = most_replaced(token.size());
  std::string text(token);
  for (const DecoderStep& step : steps) {
    if (step.kind == Kind::byte_level) return bytes_of(text);
    if (step.kind == Kind::byte_fallback) {
      if (const auto byte = fallback_byte(text)) return std::string(1, *byte);
    }
    if (step.kind == Kind::replace) text = step.pattern.replace_all(text, step.text, most);
    if (step.kind == Kind::metaspace || step.kind == Kind::bpe) text = with_spaces(text, step, " ");
  }
  return text;
}

}  // namespace strata
