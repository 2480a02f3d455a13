#pragma once

#include <cstdint>
#include <string>

namespace strata {

/// Vision transformer (Dosovitskiy et al. 2021): pre-norm blocks over image patches and a class token, learned
/// positions, linear head on the class token.
struct VitConfig {
  int64_t image_height = 224, image_width = 224, image_channels = 3;
  int64_t patch_height = 16, patch_width = 16;
  int64_t channels = 768, depth = 12, heads = 12, hidden = 3072;
  int64_t classes = 1000;  // 0: no head; what comes out are the rows behind the final norm
  double norm_eps = 1e-6;
  bool qkv_bias = true;
  double init_std = 0.02;
  std::string slots = "none";  // none | position | predict: LayerShuffle's two variants (strata/blocks/slots.h)
  int64_t slot_count = 0;      // slots the table or the predictors are built for; 0: depth
};

template <class Visit>
void fields(VitConfig& config, Visit&& visit) {
  visit("image_height", config.image_height);
  visit("image_width", config.image_width);
  visit("image_channels", config.image_channels);
  visit("patch_height", config.patch_height);
  visit("patch_width", config.patch_width);
  visit("channels", config.channels);
  visit("depth", config.depth);
  visit("heads", config.heads);
  visit("hidden", config.hidden);
  visit("classes", config.classes);
  visit("norm_eps", config.norm_eps);
  visit("qkv_bias", config.qkv_bias);
  visit("init_std", config.init_std);
  visit("slots", config.slots);
  visit("slot_count", config.slot_count);
}

}  // namespace strata
