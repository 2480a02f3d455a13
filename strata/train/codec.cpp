#include "strata/train/codec.h"

#include "strata/base/error.h"
#include "strata/base/suggest.h"
#include "strata/formats/tokenizer_json.h"
#include "strata/models/gguf_model.h"
#include "strata/text/bpe_trainer.h"

namespace strata {

TextCodec codec_of(const Tokenizer& tokenizer, const std::string& name) {
  TextCodec codec{.name = name,
                  .encode =
                      [tokenizer](std::string_view text, std::vector<int32_t>& ids) {
                        const auto more = tokenizer.encode(text, {.add_special = false});
                        ids.insert(ids.end(), more.begin(), more.end());
                      },
                  .bytes = {},
                  .start = tokenizer.config().before,
                  .end = tokenizer.eos(),
                  .start_text = "",
                  .end_text = tokenizer.eos() ? tokenizer.token(*tokenizer.eos()) : "",
                  .files = {{"tokenizer.json", tokenizer_to_json(tokenizer)},
                            {"tokenizer_config.json", tokenizer_config_to_json(tokenizer)}}};
  for (const int32_t id : codec.start) codec.start_text += tokenizer.token(id);
  for (int32_t id = 0; id < tokenizer.vocab_size(); ++id)
    codec.bytes.push_back(tokenizer.special(id) ? 0 : static_cast<int32_t>(tokenizer.bytes(id).size()));
  return codec;
}

TextCodec codec_of(const TextConfig& config, const std::string& start, const std::vector<TextDocument>& documents) {
  const std::string& tokens = config.tokens;
  if (tokens.empty() && !start.empty()) return codec_of(open_model_header(start), start);
  if (tokens.empty() || tokens == "bytes") return codec_of(byte_tokenizer(), "bytes");
  if (tokens == "characters") {
    std::string all;
    for (const auto& document : documents)
      for (const auto& piece : document.pieces) all += piece.text;
    return codec_of(character_tokenizer(all), tokens);
  }
  if (tokens == "bpe") {
    BpeTrainer trainer({.vocab_size = config.vocab, .special = {"<|endoftext|>"}});
    for (const auto& document : documents)
      for (const auto& piece : document.pieces) trainer.add(piece.text);
    return codec_of(trainer.train(), tokens);
  }
  return codec_of(open_tokenizer(tokens), tokens);
}

std::optional<Tokenizer> tokenizer_of(const Model& model, const std::string& name) {
  const auto found = model.companions.find("tokenizer.json"), config = model.companions.find("tokenizer_config.json");
  if (found != model.companions.end())
    return tokenizer_from_json(found->second, config == model.companions.end() ? "" : config->second,
                               name + "/tokenizer.json");
  if (model.language.vocab == 256) return byte_tokenizer();
  return std::nullopt;
}

std::string why_no_tokenizer(const Model& model, const std::string& name) {
  if (!model.warnings.empty()) return "it brings no tokenizer that can be used: " + join_names(model.warnings);
  if (is_gguf_path(name)) return "expected a vocabulary in the file, found none";
  return "expected a tokenizer.json beside the model, found none";
}

TextCodec codec_of(const Model& model, const std::string& name) {
  if (model.companions.contains("tokenizer.json")) return codec_of(*tokenizer_of(model, name), name);
  if (model.language.vocab == 256) return byte_codec();
  if (!model.warnings.empty()) fail(name, ": ", why_no_tokenizer(model, name));
  fail(name, ": has no tokenizer.json, and knows ", model.language.vocab,
       " tokens, not the 256 bytes; put the tokenizer it was trained with beside it");
}

}  // namespace strata
