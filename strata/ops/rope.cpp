#include "strata/ops/rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "strata/base/error.h"

namespace strata::ops {
namespace {

constexpr double kTurn = 2 * std::numbers::pi;

// Pairs that turn: an odd number of channels rotates one more (so does Hugging Face's implementation).
int64_t pairs_of(const RopeConfig& config, int64_t head_dim) {
  const auto channels = static_cast<int64_t>(static_cast<double>(head_dim) * config.partial);
  const int64_t pairs = (channels + 1) / 2;
  if (config.theta <= 0 || channels < 1 || 2 * pairs > head_dim)
    fail("rope: expected a positive theta and at most ", head_dim, " channels to turn, got theta ", config.theta,
         " and a share of ", config.partial);
  return pairs;
}

double dimensions(const RopeConfig& config, int64_t head_dim) {
  return std::floor(static_cast<double>(head_dim) * config.partial);
}

// theta^(-2i/d), in float32 as the checkpoints' own code computes it.
Tensor plain(const RopeConfig& config, int64_t head_dim, double theta) {
  const Tensor exponent = at::arange(0, 2 * pairs_of(config, head_dim), 2, at::kFloat) / dimensions(config, head_dim);
  return at::reciprocal(at::pow(theta, exponent));
}

int64_t original(const RopeConfig& config) {
  return config.original_context > 0 ? config.original_context : config.context;
}

Tensor llama3(const RopeConfig& config, const Tensor& inverse) {
  const double context = static_cast<double>(original(config));
  const double low = config.low_freq_factor, high = config.high_freq_factor;
  const Tensor wavelength = kTurn / inverse;
  const Tensor blend = (context / wavelength - low) / (high - low);
  const Tensor smooth = (1 - blend) * inverse / config.factor + blend * inverse;
  const Tensor slow = at::where(wavelength > context / low, inverse / config.factor, inverse);
  return at::where((wavelength <= context / low) & (wavelength >= context / high), smooth, slow);
}

double yarn_scale(double factor, double mscale) {
  return factor <= 1 ? 1.0 : 0.1 * mscale * std::log(factor) + 1.0;
}

RopeFrequencies yarn(const RopeConfig& config, int64_t head_dim, const Tensor& inverse) {
  const double d = dimensions(config, head_dim);
  // Of an odd number transformers ramps over one pair less than turns: a shape error, or, of 3, one ramp for both pairs.
  if (2 * inverse.numel() != static_cast<int64_t>(d))
    fail("rope: yarn expects an even number of channels to turn, got a share of ", config.partial, " of ", head_dim);
  const auto edge = [&](double turns) {  // the pair that makes so many turns within the context
    return d * std::log(static_cast<double>(original(config)) / (turns * kTurn)) / (2 * std::log(config.theta));
  };
  double low = edge(config.beta_fast), high = edge(config.beta_slow);
  if (config.truncate) low = std::floor(low), high = std::ceil(high);
  low = std::max(low, 0.0), high = std::min(high, d - 1);
  if (low == high) high += 0.001;
  const Tensor ramp = ((at::arange(inverse.numel(), at::kFloat) - low) / (high - low)).clamp(0, 1);
  double scale = config.attention_factor;
  if (scale == 0)
    scale = config.mscale != 0 && config.mscale_all_dim != 0
                ? yarn_scale(config.factor, config.mscale) / yarn_scale(config.factor, config.mscale_all_dim)
                : yarn_scale(config.factor, 1);
  return {inverse / config.factor * ramp + inverse * (1 - ramp), scale};
}

RopeFrequencies longrope(const RopeConfig& config, const Tensor& inverse, int64_t length) {
  const auto& factors = length > original(config) ? config.long_factor : config.short_factor;
  if (std::ssize(factors) != inverse.numel())
    fail("rope: longrope expects a factor for each of ", inverse.numel(), " pairs, got ", factors.size());
  double scale = config.attention_factor;
  if (scale == 0) {
    const auto start = static_cast<double>(original(config));
    const double factor = config.factor > 0 ? config.factor : static_cast<double>(config.context) / start;
    scale = factor <= 1 ? 1.0 : std::sqrt(1 + std::log(factor) / std::log(start));
  }
  return {inverse / at::tensor(factors, at::kFloat), scale};
}

bool depends_on_length(const RopeConfig& config) {
  return config.type == "dynamic" || config.type == "longrope";
}

}  // namespace

RopeFrequencies rope_frequencies(const RopeConfig& config, int64_t head_dim, int64_t length) {
  if (config.type == "dynamic") {
    const double longest = static_cast<double>(std::max(length, config.context));
    const double d = dimensions(config, head_dim);
    const double stretch = config.factor * longest / static_cast<double>(config.context) - (config.factor - 1);
    return {plain(config, head_dim, config.theta * std::pow(stretch, d / (d - 2))), 1};
  }
  const Tensor inverse = plain(config, head_dim, config.theta);
  if (config.type == "default") return {inverse, 1};
  if (config.type == "linear") return {inverse / config.factor, 1};
  if (config.type == "llama3") return {llama3(config, inverse), 1};
  if (config.type == "yarn") return yarn(config, head_dim, inverse);
  if (config.type == "longrope") return longrope(config, inverse, length);
  fail("rope: unknown type '", config.type, "'; known: default, linear, dynamic, llama3, yarn, longrope");
}

std::pair<Tensor, Tensor> rope_angles(const RopeConfig& config, int64_t head_dim, const Rows& rows,
                                      const Tensor& positions) {
  const auto angles = [&](const Tensor& places, int64_t length) {
    const auto [inverse, scale] = rope_frequencies(config, head_dim, length);
    const Tensor angle = places.to(at::kFloat).unsqueeze(1) * inverse;
    return std::pair(angle.cos() * scale, angle.sin() * scale);
  };
  if (!depends_on_length(config)) return angles(positions, 0);
  std::vector<Tensor> cosines, sines;
  for (int64_t s = 0; s < rows.sequences; ++s) {
    const Tensor places = positions.slice(0, rows.begin(s), rows.begin(s + 1));
    if (places.numel() == 0) continue;
    auto [cosine, sine] = angles(places, places.max().item<int64_t>() + 1);
    cosines.push_back(std::move(cosine));
    sines.push_back(std::move(sine));
  }
  if (cosines.empty()) return angles(positions, 0);
  return {at::cat(cosines), at::cat(sines)};
}

Tensor rotate(const Tensor& x, int64_t heads, const Tensor& cosine, const Tensor& sine) {
  const auto pairs = cosine.sym_size(1);
  const Tensor split = x.unflatten_symint(1, {heads, -1});  // rows (h d) -> rows h d
  const Tensor c = cosine.unsqueeze(1).to(x.scalar_type()), s = sine.unsqueeze(1).to(x.scalar_type());
  const Tensor first = split.slice_symint(2, 0, pairs), second = split.slice_symint(2, pairs, 2 * pairs);
  return at::cat({first * c - second * s, second * c + first * s, split.slice_symint(2, 2 * pairs)}, 2).flatten(1);
}

}  // namespace strata::ops
