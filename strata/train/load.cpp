#include "strata/data/chat_text.h"
#include "strata/models/adapt.h"
#include "strata/train/codec.h"
#include "strata/train/loop.h"

namespace strata {
namespace {

constexpr uint64_t kWeights = 1;  // stream below train.seed

LoadOptions load_options(const Recipe& recipe, int64_t limit) {
  return {
      .limit = limit, .fit = fit_of(recipe), .channels = recipe.model.vit.image_channels, .coarse = recipe.data.coarse};
}

TrainData load_text(const Recipe& recipe) {
  const TextConfig& text = recipe.data.text;
  DocumentOptions options{.field = text.field, .separator = text.separator};
  // Conversations look as the checkpoint's own template has them, else as ours, which the model then gets.
  const std::string& start = recipe.model.start;
  const ChatText chat = start.empty() ? ChatText(plain_chat) : chat_text_of(open_model_header(start).companions, start);
  bool plain = false;
  options.chat = [&](const Conversation& conversation) {
    TextDocument document = chat(conversation);
    plain = document.frame == Frame::written;
    return document;
  };
  const std::vector<TextDocument> documents = read_documents(recipe.data.set, options);
  const TextCodec codec = codec_of(text, recipe.model.start, documents);
  const TextSet all = tokenised(documents, codec, recipe.data.set);
  TrainData data;
  if (text.test.empty()) {
    std::tie(data.text, data.test_text) = hold_out(all, text.held_out);
  } else {
    data.text = all;
    data.test_text = tokenised(read_documents(text.test, options), codec, text.test);
  }
  data.test_text = first_tokens(data.test_text, text.test_tokens);
  if (plain) data.text.files["chat_template.jinja"] = plain_chat_template(codec.start_text, codec.end_text);
  return data;
}

}  // namespace

std::string data_text(const Recipe& recipe) {
  return print_toml(config_node(recipe.data)) + print_toml(config_node(recipe.model));
}

TrainData load_data(const Recipe& recipe) {
  if (recipe.is_text()) return load_text(recipe);
  return {load_images(recipe.data.set, "train", load_options(recipe, recipe.data.limit)),
          load_images(recipe.data.set, "test", load_options(recipe, recipe.data.test_limit))};
}

Model first_model(const Recipe& recipe) {
  const Random random = Random(recipe.train.seed).fork(kWeights);
  const ModelConfig& model = recipe.model;
  if (recipe.is_text())
    return model.start.empty() ? make_model(model.language, random)
                               : adapted(open_model(model.start), model.language, random);
  if (model.start.empty()) return make_model(model.vit, random);
  return adapted(open_model(model.start), model.vit, model.fresh_head, random);
}

}  // namespace strata
