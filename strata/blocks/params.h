#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace strata {

/// How a parameter starts. normal and truncated_normal use `scale` as standard deviation (truncated at two of them);
/// uniform draws from [-scale, scale].
struct Init {
  enum class Kind { zeros, ones, normal, truncated_normal, uniform };
  Kind kind = Kind::zeros;
  double scale = 0;

  static Init zeros() { return {Kind::zeros, 0}; }
  static Init ones() { return {Kind::ones, 0}; }
  static Init normal(double std) { return {Kind::normal, std}; }
  static Init truncated_normal(double std) { return {Kind::truncated_normal, std}; }
  static Init uniform(double bound) { return {Kind::uniform, bound}; }
};

/// One tensor a block reads. The name is relative to the block ("qkv.weight"); shared ones belong to the stack and are
/// read by all its blocks.
struct ParamInfo {
  std::string name;
  std::vector<int64_t> shape;
  Init init;
  bool decay = true;    // weight decay applies (matrices yes; gains, biases, embeddings of position no)
  bool trained = true;  // false: a buffer
  bool shared = false;
};

}  // namespace strata
