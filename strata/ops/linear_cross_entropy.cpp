#include "strata/ops/linear_cross_entropy.h"

#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

#include "strata/base/error.h"
#include "strata/kernels/cross_entropy.h"
#include "strata/ops/dispatch.h"
#include "strata/ops/mode.h"

namespace strata::ops {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;
using Optional = std::optional<at::Tensor>;
using Results = std::tuple<at::Tensor, at::Tensor, at::Tensor, at::Tensor>;

// Logits that exist at a time: a quarter of a gibibyte at most, and enough rows for the products to reach their speed and
// for reading the weights and their gradient once more to cost little (GPT-2's head: 1024 rows take 5 % less time at once
// than in two halves).
constexpr int64_t kTileFloats = int64_t{1} << 26;
constexpr int64_t kLeastRows = 64;

int64_t rows_of_tile(int64_t rows, int64_t classes) {
  const int64_t most = std::max(kLeastRows, kTileFloats / std::max<int64_t>(classes, 1));
  const int64_t count = std::max<int64_t>(1, (rows + most - 1) / most);
  return (rows + count - 1) / count;
}

// x W^T + b in pieces of W's rows: MKL's product with a transposed matrix loses a third of its speed (measured on Zen 3)
// when that matrix is tens of thousands of rows wide.
at::Tensor logits_of(const at::Tensor& x, const at::Tensor& weight, const Optional& bias) {
  constexpr int64_t kPiece = 1024;
  const int64_t classes = weight.size(0);
  const at::Tensor logits = at::empty({x.size(0), classes}, x.options());
  for (int64_t first = 0; first < classes; first += kPiece) {
    const int64_t count = std::min(kPiece, classes - first);
    at::Tensor piece = logits.narrow(1, first, count);
    if (bias) piece.copy_(bias->narrow(0, first, count).expand_as(piece));
    piece.addmm_(x, weight.narrow(0, first, count).t(), /*beta=*/bias ? 1 : 0);
  }
  return logits;
}

Optional optional(const at::Tensor& tensor) {
  return tensor.defined() ? Optional(tensor) : std::nullopt;
}

// Losses of the rows and, where asked for, the gradients of sum_r scale[r] loss[r]; empty tensors where not. All rows
// count.
Results over_tiles(const at::Tensor& x, const at::Tensor& weight, const Optional& bias, const at::Tensor& targets,
                   const Optional& scale, double smoothing, bool want_dx, bool want_dweight) {
  const int64_t rows = x.size(0), classes = weight.size(0), most = rows_of_tile(rows, classes);
  const at::Tensor loss = at::empty({rows}, x.options());
  // The first product overwrites: clearing a table of a vocabulary first would be a pass over memory of its own.
  const at::Tensor dx = want_dx ? at::empty_like(x) : x.new_empty({0});
  at::Tensor dweight = !want_dweight ? x.new_empty({0}) : rows > 0 ? at::empty_like(weight) : at::zeros_like(weight);
  const at::Tensor dbias = want_dweight && bias ? at::zeros_like(*bias) : x.new_empty({0});
  for (int64_t first = 0; first < rows; first += most) {
    const int64_t count = std::min(most, rows - first);
    const at::Tensor input = x.narrow(0, first, count);
    const at::Tensor logits = logits_of(input, weight, bias);
    strata::cross_entropy({.rows = count,
                           .classes = classes,
                           .logits = logits.const_data_ptr<float>(),
                           .targets = targets.const_data_ptr<int64_t>() + first,
                           .smoothing = static_cast<float>(smoothing),
                           .loss = loss.mutable_data_ptr<float>() + first,
                           .dlogits = want_dx || want_dweight ? logits.mutable_data_ptr<float>() : nullptr});
    // What a row counts is multiplied into the few numbers on the other side of each product.
    const at::Tensor factor = scale ? scale->narrow(0, first, count) : at::Tensor();
    if (want_dx) {
      at::Tensor part = dx.narrow(0, first, count);
      at::mm_out(part, logits, weight);
      if (scale) part.mul_(factor.unsqueeze(1));
    }
    if (want_dweight)
      dweight.addmm_(logits.t(), scale ? input * factor.unsqueeze(1) : input, /*beta=*/first > 0 ? 1 : 0);
    if (want_dweight && bias) dbias.addmv_(logits.t(), scale ? factor : at::ones({count}, x.options()));
  }
  return {loss, dx, dweight, dbias};
}

Results raw_linear_cross_entropy(const at::Tensor& x, const at::Tensor& weight, const Optional& bias,
                                 const at::Tensor& targets, const Optional& scale, double smoothing, bool want_dx,
                                 bool want_dweight) {
  const at::Tensor input = x.contiguous(), w = weight.contiguous();
  const at::Tensor counted = at::nonzero(targets != CrossEntropy::kIgnoreTarget).squeeze(1);
  if (counted.size(0) == targets.size(0))
    return over_tiles(input, w, bias, targets.contiguous(), scale, smoothing, want_dx, want_dweight);
  auto [loss, dx, dweight, dbias] =
      over_tiles(input.index_select(0, counted), w, bias, targets.index_select(0, counted),
                 scale ? Optional(scale->index_select(0, counted)) : std::nullopt, smoothing, want_dx, want_dweight);
  const at::Tensor all = at::zeros({x.size(0)}, x.options()).index_copy_(0, counted, loss);
  if (want_dx) dx = at::zeros_like(input).index_copy_(0, counted, dx);
  return {all, dx, dweight, dbias};
}

Results run(const at::Tensor& x, const at::Tensor& weight, const Optional& bias, const at::Tensor& targets,
            const Optional& scale, double smoothing, bool want_dx, bool want_dweight) {
  return dispatch<raw_linear_cross_entropy>("strata::_linear_cross_entropy", x, weight, bias, targets, scale, smoothing,
                                            want_dx, want_dweight);
}

// What each row counts: row_weights, or 1, where there is a target.
at::Tensor counts(const at::Tensor& targets, const at::Tensor& row_weights, const at::Tensor& x) {
  const at::Tensor there =
      targets.ne(CrossEntropy::kIgnoreTarget).to(x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat);
  return row_weights.defined() ? there * row_weights.detach() : there;
}

// Whether the loss counts once in what is differentiated, as it mostly does; false where nobody can look, in traces.
bool is_one(const at::Tensor& gradient) {
  const bool traced =
      gradient.key_set().has_any(c10::python_ks) || gradient.key_set().has(at::DispatchKey::Functionalize);
  return !traced && gradient.is_cpu() && !gradient.is_meta() && gradient.item<float>() == 1;
}

struct Fused : torch::autograd::Function<Fused> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& weight,
                            const Optional& bias, const at::Tensor& targets, const Optional& scale, double smoothing,
                            bool per_row, bool want_dx, bool want_dweight) {
    const bool now = !per_row;
    auto [loss, dx, dweight, dbias] =
        run(x, weight, bias, targets, scale, smoothing, now && want_dx, now && want_dweight);
    context->saved_data["per_row"] = per_row;
    context->saved_data["smoothing"] = smoothing;
    context->saved_data["wants"] = c10::List<bool>({want_dx, want_dweight, bias.has_value()});
    context->save_for_backward({x, weight, bias.value_or(at::Tensor()), targets, scale.value_or(at::Tensor()),
                                now ? dx : at::Tensor(), now ? dweight : at::Tensor(), now ? dbias : at::Tensor()});
    const at::Tensor scaled = scale ? loss * *scale : loss;
    return per_row ? scaled : scaled.sum();
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const auto wants = context->saved_data["wants"].toBoolList();
    variable_list result(9);
    if (context->saved_data["per_row"].toBool()) {
      const at::Tensor scale = saved[4].defined() ? gradients[0] * saved[4] : gradients[0];
      std::tie(std::ignore, result[0], result[1], result[2]) =
          run(saved[0], saved[1], optional(saved[2]), saved[3], scale.detach().contiguous(),
              context->saved_data["smoothing"].toDouble(), wants[0], wants[1]);
    } else {
      const bool as_is = is_one(gradients[0]);
      for (size_t i = 0; i < 3; ++i) result[i] = as_is ? saved[5 + i] : saved[5 + i] * gradients[0];
    }
    if (!wants[0]) result[0] = at::Tensor();
    if (!wants[1]) result[1] = at::Tensor();
    if (!wants[1] || !wants[2]) result[2] = at::Tensor();
    if (at::GradMode::is_enabled())
      for (auto& each : result)
        if (each.defined()) each = each.detach();
    differentiable_once("linear_cross_entropy", {saved[0], saved[1], saved[2], gradients[0]}, result);
    return result;
  }
};

at::Tensor composite(const at::Tensor& x, const at::Tensor& weight, const Optional& bias, const at::Tensor& targets,
                     const Optional& scale, double smoothing, bool per_row) {
  const at::Tensor loss = at::cross_entropy_loss_symint(at::linear(x, weight, bias), targets, {}, /*reduction=*/0,
                                                        CrossEntropy::kIgnoreTarget, smoothing);
  const at::Tensor scaled = scale ? loss * *scale : loss;
  return (per_row ? scaled : scaled.sum()).to(x.scalar_type());
}

}  // namespace

at::Tensor linear_cross_entropy(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                                const at::Tensor& targets, const at::Tensor& row_weights, double smoothing,
                                Reduction reduction) {
  if (x.dim() != 2 || weight.dim() != 2 || x.sym_size(1) != weight.sym_size(1) || targets.dim() != 1 ||
      targets.sym_size(0) != x.sym_size(0) || targets.scalar_type() != at::kLong)
    fail("linear_cross_entropy: expected x [rows, channels], weight [classes, channels] and int64 targets [rows], got ",
         x.sym_sizes(), ", ", weight.sym_sizes(), " and ", targets.sym_sizes());
  if (bias.defined() && (bias.dim() != 1 || bias.sym_size(0) != weight.sym_size(0)))
    fail("linear_cross_entropy: expected bias [", weight.sym_size(0), "], got ", bias.sym_sizes());
  if (row_weights.defined() && (row_weights.dim() != 1 || row_weights.sym_size(0) != x.sym_size(0)))
    fail("linear_cross_entropy: expected row_weights [", x.sym_size(0), "], got ", row_weights.sym_sizes());
  const bool per_row = reduction == Reduction::none;
  Optional scale = row_weights.defined() ? Optional(counts(targets, row_weights, x)) : std::nullopt;
  if (reduction == Reduction::mean) {
    const at::Tensor each = scale ? *scale : counts(targets, {}, x);
    scale = each / each.sum();
  }
  if (!targets.is_cpu() || !fused({&x, &weight, &bias}))
    return composite(x, weight, optional(bias), targets, scale, smoothing, per_row);
  const bool grad = at::GradMode::is_enabled();
  return Fused::apply(x, weight, optional(bias), targets, scale, smoothing, per_row, grad && x.requires_grad(),
                      grad && (weight.requires_grad() || (bias.defined() && bias.requires_grad())));
}

at::Tensor target_log_probabilities(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                                    const at::Tensor& targets) {
  const at::NoGradGuard no_grad;
  return linear_cross_entropy(x, weight, bias, targets, {}, 0, Reduction::none).neg();
}

TORCH_LIBRARY_FRAGMENT(strata, library) {
  raw_op(library,
         "_linear_cross_entropy(Tensor x, Tensor weight, Tensor? bias, Tensor targets, Tensor? scale, float smoothing, "
         "bool want_dx, bool want_dweight) -> (Tensor, Tensor, Tensor, Tensor)");
}
TORCH_LIBRARY_IMPL(strata, CPU, library) {
  library.impl("_linear_cross_entropy", raw_linear_cross_entropy);
}
TORCH_LIBRARY_IMPL(strata, Meta, library) {
  library.impl("_linear_cross_entropy",
               [](const at::Tensor& x, const at::Tensor& weight, const Optional& bias, const at::Tensor&,
                  const Optional&, double, bool want_dx, bool want_dweight) -> Results {
                 return {per_row(x), want_dx ? plain_like(x) : x.new_empty({0}),
                         want_dweight ? plain_like(weight) : x.new_empty({0}),
                         want_dweight && bias ? plain_like(*bias) : x.new_empty({0})};
               });
}

}  // namespace strata::ops
