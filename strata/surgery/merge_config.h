#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "strata/base/config.h"
#include "strata/formats/yaml.h"

namespace strata {

/// passthrough: blocks as they are (times `scale`). The others: strata/surgery/combine.h.
enum class MergeMethod { linear, slerp, task_arithmetic, ties, dare_linear, dare_ties, passthrough };

inline auto enum_names(MergeMethod) {
  return std::array{EnumName{"linear", MergeMethod::linear},
                    EnumName{"slerp", MergeMethod::slerp},
                    EnumName{"task_arithmetic", MergeMethod::task_arithmetic},
                    EnumName{"ties", MergeMethod::ties},
                    EnumName{"dare_linear", MergeMethod::dare_linear},
                    EnumName{"dare_ties", MergeMethod::dare_ties},
                    EnumName{"passthrough", MergeMethod::passthrough}};
}
std::string name_of(MergeMethod method);
/// Throws UsageError listing the methods there are.
MergeMethod merge_method(std::string_view name);

/// A parameter as mergekit's recipes write it: cases, of which the first whose filter is part of the tensor's name
/// holds (an empty filter: always). One number, or a gradient that is interpolated over the layers of a slice.
struct MergeCase {
  std::string filter = {};
  std::vector<double> numbers = {};
};
using MergeSetting = std::vector<MergeCase>;
using MergeParameters = std::map<std::string, MergeSetting, std::less<>>;

/// The value for a tensor at t, 0 (first layer of the slice) .. 1 (last); nothing where no case holds.
std::optional<double> evaluate(const MergeSetting& setting, std::string_view tensor, double t);

/// Layers [first, last) of a model; last -1: all there are.
struct MergeInput {
  std::string model = {};
  int64_t first = 0, last = -1;
  MergeParameters parameters = {};
};

/// Layers of the result: layer i comes from layer first + i of every input.
struct MergeSlice {
  std::vector<MergeInput> inputs = {};
  std::string base = {};  // of this slice; empty: the merge's
  MergeParameters parameters = {};
};

struct MergeConfig {
  MergeMethod method = MergeMethod::linear;
  std::vector<MergeSlice> slices = {};
  std::string base = {};  // empty: none
  MergeParameters parameters = {};
  std::string dtype = {};          // float32, float16, bfloat16, float64; empty: that of the models
  std::string tokenizer = {};      // base, union or the name of a model; empty: the base's, unchecked
  std::string chat_template = {};  // auto or its text; empty: the base's
  uint64_t seed = 0;               // of DARE
};

/// A parameter of one tensor: the input's own, else the slice's, else the merge's, else `fallback`.
double parameter(const MergeConfig& config, const MergeSlice& slice, const MergeInput* input, std::string_view name,
                 std::string_view tensor, double t, double fallback);

/// Reads a recipe of mergekit: merge_method, models or slices, base_model, parameters, dtype, out_dtype, tokenizer_source,
/// tokenizer, chat_template. Everything it asks for that we do not do (other methods, tokens of other models, modules,
/// parameters a method does not have) throws Error with its place; int8_mask, which decides how much memory mergekit
/// takes and not the result, is accepted.
MergeConfig read_mergekit(const YamlNode& root);

/// Throws Error when the merge makes no sense, whoever wrote it: no inputs, a method without the base it needs or with
/// the wrong number of inputs, inputs of a slice of different lengths, parameters that the method lacks.
void check_merge(const MergeConfig& config);

/// All models that the merge names, each once: the base first.
std::vector<std::string> models_of(const MergeConfig& config);

}  // namespace strata
