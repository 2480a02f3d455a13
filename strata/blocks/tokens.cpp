#include "strata/blocks/tokens.h"

#include "strata/base/error.h"
#include "strata/ops/linear.h"

namespace strata {
namespace {

constexpr const char* kTable = "tokens.weight";

bool projected(const TokenConfig& config) {
  return config.width > 0 && config.width != config.channels;
}

ParamInfo table_of(const TokenConfig& config, const char* name) {
  return {.name = config.tied ? kTable : name,
          .shape = {config.vocab, projected(config) ? config.width : config.channels},
          .init = Init::normal(config.init_std),
          .shared = config.tied};
}

Tensor table(const TokenConfig& config, const Weights& weights, const char* name) {
  return config.tied ? weights.shared(kTable) : weights[name];
}

// One look at all indices: gather reads memory it does not own for wrong ones.
void check_range(const char* what, const Tensor& index, int64_t count) {
  if (index.numel() == 0) return;
  const auto [least, most] = at::aminmax(index);
  if (least.item<int64_t>() < 0 || most.item<int64_t>() >= count)
    fail("token embedding: expected ", what, " from 0 to ", count - 1, ", got ", least.item<int64_t>(), " to ",
         most.item<int64_t>());
}

}  // namespace

TokenEmbedding::TokenEmbedding(const TokenConfig& config) : config_(config) {
  if (config.vocab < 1 || config.channels < 1 || config.width < 0 || config.positions < 0 || config.position_offset < 0)
    fail("token embedding: expected a vocabulary and channels, got ", config.vocab, " tokens, ", config.channels,
         " channels, ", config.positions, " positions");
}

BlockSpec TokenEmbedding::spec() const {
  return {.name = "token_embedding",
          .in = {{"tokens", "token", 0}},
          .out = {{"x", "token", config_.channels}},
          .kind = BlockSpec::Kind::changes_rows};
}

std::vector<ParamInfo> TokenEmbedding::params() const {
  std::vector<ParamInfo> result{table_of(config_, kTable)};
  if (projected(config_))
    result.push_back({"projection.weight", {config_.channels, config_.width}, Init::normal(config_.init_std)});
  if (config_.positions > 0)
    result.push_back(
        {"positions.weight", {config_.positions, config_.channels}, Init::normal(config_.init_std), false});
  return result;
}

Stream TokenEmbedding::forward(const Weights& weights, const Stream& x, Pass&) const {
  const Tensor& tokens = x.x();
  if (tokens.dim() != 1 || tokens.scalar_type() != at::kLong)
    fail("token embedding: expected tokens [rows] of type int64, got ", tokens.sizes(), " of type ",
         c10::toString(tokens.scalar_type()));
  check_range("tokens", tokens, config_.vocab);
  Tensor y = at::embedding(table(config_, weights, kTable), tokens);
  if (projected(config_)) y = weights.linear(y, "projection");
  if (config_.positions > 0) {
    const Tensor places = positions_of(*x.rows()) + config_.position_offset;
    check_range("positions (with their offset)", places, config_.positions);
    y = y + weights.gather("positions.weight", places);
  }
  return Stream("x", y, x.rows());
}

Stream token_stream(Tensor tokens, RowsPtr rows) {
  if (tokens.dim() != 1 || tokens.size(0) != rows->count)
    fail("tokens: expected one for each of ", rows->count, " rows, got ", tokens.sizes());
  return {"tokens", std::move(tokens), std::move(rows)};
}

BlockSpec TokenHead::spec() const {
  return {.name = "token_head",
          .in = {{"x", "", config_.channels}},
          .out = {{"logits", "token", config_.vocab}},
          .kind = BlockSpec::Kind::changes_rows};
}

std::vector<ParamInfo> TokenHead::params() const {
  std::vector<ParamInfo> result{table_of(config_, "weight")};
  if (projected(config_))
    result.push_back({"projection.weight", {config_.width, config_.channels}, Init::normal(config_.init_std)});
  return result;
}

std::pair<Tensor, Tensor> TokenHead::before_product(const Weights& weights, const Tensor& x) const {
  return {projected(config_) ? weights.linear(x, "projection") : x, table(config_, weights, "weight")};
}

Stream TokenHead::forward(const Weights& weights, const Stream& x, Pass&) const {
  const auto [inner, rows] = before_product(weights, x.x());
  return Stream("logits", ops::linear(inner, rows, {}), x.rows());
}

}  // namespace strata
