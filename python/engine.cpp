// strata._engine: models, routes and samplers for Python. Tensors cross as they are, without copies. The lock of the
// interpreter is released around everything that computes or reads files.
#include <torch/csrc/utils/pybind.h>

#include <ATen/ATen.h>
#include <c10/util/Exception.h>
#include <pybind11/stl/filesystem.h>

#include <filesystem>
#include <optional>

#include "python/config_dict.h"
#include "strata/base/error.h"
#include "strata/base/version.h"
#include "strata/blocks/patches.h"
#include "strata/blocks/tokens.h"
#include "strata/models/model.h"
#include "strata/ops/mode.h"
#include "strata/route/cost.h"
#include "strata/route/order.h"
#include "strata/route/parse.h"
#include "strata/route/print.h"
#include "strata/route/sampler.h"
#include "strata/stack/run.h"
#include "strata/train/objective.h"

namespace strata::python {
namespace {

using ModelPtr = std::shared_ptr<Model>;
using Sources = std::map<std::string, ModelPtr, std::less<>>;

// A route as the caller gave it: nothing (all blocks in order), text, indices of blocks, a route, or what a sampler
// drew.
using RouteArgument = std::variant<std::monostate, Draw, Route, std::string, std::vector<int32_t>>;

// A route that cannot be read is a wrong argument.
Route read_route(const std::string& text) {
  try {
    return parse_route(text);
  } catch (const Error& error) {
    throw UsageError(error.what());
  }
}

Route route_of(const std::vector<int32_t>& blocks) {
  try {
    Route route = sequence(blocks);
    check_well_formed(route);
    return route;
  } catch (const Error& error) {
    throw UsageError(error.what());
  }
}

Draw draw_of(RouteArgument argument, const Model& model) {
  if (auto* const draw = std::get_if<Draw>(&argument)) return std::move(*draw);
  if (auto* const route = std::get_if<Route>(&argument)) return {.route = std::move(*route)};
  if (const auto* const text = std::get_if<std::string>(&argument)) return {.route = read_route(*text)};
  if (const auto* const blocks = std::get_if<std::vector<int32_t>>(&argument)) return {.route = route_of(*blocks)};
  return {.route = identity(model.stack().depth())};
}

ModelPtr ready(Model model) {
  for (auto& entry : model.stack().weights.entries()) entry.value.requires_grad_(entry.trained);
  return std::make_shared<Model>(std::move(model));
}

struct Result {
  Tensor logits;
  std::map<std::string, Tensor, std::less<>> taps;
};

// pixels [batch, channels, height, width] of a vision model, tokens [batch, time] of a language model.
Stream stream_of(const Model& model, const Tensor& input) {
  if (model.is_language()) {
    if (input.dim() != 2 || c10::isFloatingType(input.scalar_type()))
      fail_usage("model: expected tokens [batch, time] as whole numbers, got ", input.sizes(), " of type ",
                 c10::toString(input.scalar_type()));
    if (input.size(1) < 1) fail_usage("model: expected at least one token, got ", input.sizes());
    return token_stream(input.to(at::kLong).flatten(), equal_rows(input.size(0), input.size(1)));
  }
  if (!input.is_floating_point())
    fail_usage(
        "model: expected pixels as numbers with a point, normalised by model.pixel_mean and model.pixel_std, got ",
        c10::toString(input.scalar_type()));
  return image_stream(input.to(model.stack().weights.entries().front().value.scalar_type()));
}

Result run_model(const Model& model, const Tensor& input, RouteArgument route, const std::vector<std::string>& names,
                 const Sources& sources, bool training) {
  const Stream stream = stream_of(model, input);
  const Draw draw = draw_of(std::move(route), model);
  StackSources stacks;
  for (const auto& [name, source] : sources) stacks.emplace(name, &source->stack());
  Taps taps(names);
  const RunOptions options{.taps = names.empty() ? nullptr : &taps,
                           .live = live_rows(draw, input.dim() > 0 ? input.size(0) : 0),
                           .sources = &stacks,
                           .training = training};
  const Stream out = run(model.stack(), draw.route, stream, options);
  Result result{out.x(), {}};
  if (model.is_language() || !model.stack().head)
    result.logits = result.logits.unflatten(0, {out.rows()->sequences, out.rows()->length});
  for (const auto& name : taps.missing())
    fail_usage("model: this route passes no tap '", name,
               "'; taps are embed, slot.N, slot.N.block.B.mixer, slot.N.block.B.ffn, norm and head");
  result.taps = taps.values();
  return result;
}

double cost_of(const Model& model, RouteArgument argument, const Sources& sources) {
  const Draw draw = draw_of(std::move(argument), model);
  strata::Sources chains;
  for (const auto& [name, source] : sources) chains.emplace(name, source->stack().chain);
  validate(draw.route, model.stack().chain, chains);
  return cost(draw.route, part_cost(model.stack().chain, chains));
}

// Draws of one sampler: step -> route, the same for the same seed everywhere.
struct Sampler {
  SamplerConfig config;
  int64_t blocks;
  uint64_t seed;

  Draw at(uint64_t step, int64_t samples) const { return draw(config, blocks, samples, Random(seed).fork(step)); }
};

// `with strata.composite():` operators of this thread run as plain ATen calls, which differentiate to any order.
class Composite {
 public:
  void enter() { guard_.emplace(); }
  void exit() { guard_.reset(); }

 private:
  std::optional<ops::CompositeGuard> guard_;
};

void bind_errors(py::module_& m) {
  // Not destroyed: the interpreter may be gone before static storage is.
  static PyObject* const error = PyErr_NewExceptionWithDoc(
      "strata.Error", "What a file holds or a call asks for is wrong.", PyExc_RuntimeError, nullptr);
  static PyObject* const usage =
      PyErr_NewExceptionWithDoc("strata.UsageError", "An argument is wrong.",
                                py::make_tuple(py::handle(error), py::handle(PyExc_ValueError)).ptr(), nullptr);
  m.add_object("Error", error);
  m.add_object("UsageError", usage);
  py::register_local_exception_translator([](std::exception_ptr thrown) {
    try {
      if (thrown) std::rethrow_exception(thrown);
    } catch (const UsageError& problem) {
      PyErr_SetString(usage, problem.what());
    } catch (const Error& problem) {
      PyErr_SetString(error, problem.what());
    } catch (const c10::Error& problem) {
      PyErr_SetString(PyExc_RuntimeError, problem.what_without_backtrace());
    }
  });
}

void bind_routes(py::module_& m) {
  using NoLock = py::gil_scoped_release;
  py::class_<Route>(m, "Route", "The plan of one pass through a stack, as a value: \"0-3,8-11\".")
      .def(py::init(&read_route), py::arg("text"))
      .def(py::init(&route_of), py::arg("blocks"), "These blocks of the opened model, one after the other.")
      .def_static("identity", &identity, py::arg("blocks"), "Blocks 0 .. blocks-1 in order.")
      .def_static(
          "random_orders",
          [](int64_t blocks, int64_t count, uint64_t seed) { return random_orders(blocks, count, Random(seed)); },
          py::arg("blocks"), py::arg("count"), py::arg("seed") = 0, "Independent random orders of all blocks.")
      .def_property_readonly(
          "steps",
          [](const Route& route) {
            std::vector<std::string> steps;
            for (const auto& step : route.steps) steps.push_back(print_step(step));
            return steps;
          },
          "The steps as text, each a route of its own.")
      .def("prefix", &prefix, py::arg("steps"), "The first steps.")
      .def("kendall_tau", &kendall_tau_distance, "Fraction of pairs out of order: 0 in order, 1 reversed.")
      .def(
          "cost", [](const Route& route) { return cost(route); },
          "Calls in all; Model.cost counts parts of blocks as what they are.")
      .def("__len__", [](const Route& route) { return route.steps.size(); })
      .def("__str__", &print_route)
      .def("__repr__", [](const Route& route) { return "strata.Route('" + print_route(route) + "')"; })
      .def("__hash__", [](const Route& route) { return static_cast<int64_t>(hash_of(route) >> 2); })
      .def("__eq__", [](const Route& a, const Route& b) { return a == b; }, py::is_operator());
  py::class_<Draw>(m, "Draw", "What a sampler drew for one batch; models take it as a route.")
      .def_readonly("route", &Draw::route)
      .def_property_readonly(
          "live", [](const Draw& draw) { return draw.live; },
          "[step][sample] 1 where that sample runs that step; empty: all do.")
      .def("__repr__", [](const Draw& draw) { return "strata.Draw('" + print_route(draw.route) + "')"; });
  py::class_<Sampler>(m, "Sampler", "Draws a route for every training step (LayerShuffle, LayerDrop).")
      .def(py::init([](int64_t blocks, const std::string& kind, uint64_t seed, const py::kwargs& settings) {
             Sampler sampler{.config = {.kind = kind}, .blocks = blocks, .seed = seed};
             update_config(sampler.config, settings, "Sampler");
             check_sampler(sampler.config, blocks);
             return sampler;
           }),
           py::arg("blocks"), py::arg("kind") = "shuffle", py::arg("seed") = 0)
      .def("draw", &Sampler::at, py::arg("step"), py::arg("samples") = 1, py::call_guard<NoLock>())
      .def_property_readonly("config", [](const Sampler& sampler) { return config_dict(sampler.config); });
}

void bind_models(py::module_& m) {
  using NoLock = py::gil_scoped_release;
  py::class_<Model, ModelPtr>(m, "Model", "A checkpoint in memory.")
      .def(
          "run",
          [](const Model& model, const Tensor& input, RouteArgument route, const std::vector<std::string>& taps,
             const Sources& sources, bool training) {
            Result result;
            {
              const NoLock unlocked;
              result = run_model(model, input, std::move(route), taps, sources, training);
            }
            py::dict values;
            for (const auto& [name, value] : result.taps) values[py::str(name)] = value;
            return py::make_tuple(result.logits, values);
          },
          py::arg("input"), py::arg("route") = py::none(), py::arg("taps") = std::vector<std::string>(),
          py::arg("sources") = Sources(), py::arg("training") = false,
          "pixels [batch, channels, height, width], normalised -> logits [batch, classes], without a head rows [batch, "
          "1 + patches, channels]; or tokens [batch, time] -> logits [batch, time, vocab]; and the taps by name.")
      .def(
          "__call__",
          [](const Model& model, const Tensor& input, RouteArgument route) {
            return run_model(model, input, std::move(route), {}, {}, false).logits;
          },
          py::arg("input"), py::arg("route") = py::none(), py::call_guard<NoLock>(),
          "pixels [batch, channels, height, width], normalised -> logits [batch, classes], without a head rows [batch, "
          "1 + patches, channels]; or tokens [batch, time] -> logits [batch, time, vocab].")
      .def("cost", &cost_of, py::arg("route") = py::none(), py::arg("sources") = Sources(),
           "Block passes of a route that fits this model.")
      .def(
          "save", [](const Model& model, const std::filesystem::path& folder) { save_model(folder.string(), model); },
          py::arg("folder"), py::call_guard<NoLock>(),
          "Writes the folder that strata.open and transformers read, whole or not at all.")
      .def_property_readonly(
          "weights",
          [](const Model& model) {
            py::dict weights;
            for (const auto& entry : model.stack().weights.entries()) weights[py::str(entry.name)] = entry.value;
            return weights;
          },
          "All weights by name: the tensors the model computes with, not copies.")
      .def(
          "parameters",
          [](const Model& model) {
            std::vector<Tensor> trained;
            for (const auto& entry : model.stack().weights.entries())
              if (entry.trained) trained.push_back(entry.value);
            return trained;
          },
          "The trained weights, for a PyTorch optimiser.")
      .def_property_readonly("depth", [](const Model& model) { return model.stack().depth(); })
      .def_property_readonly(
          "route", [](const Model& model) { return identity(model.stack().depth()); }, "All blocks in order.")
      .def_property_readonly(
          "config",
          [](const Model& model) { return model.is_language() ? config_dict(model.language) : config_dict(model.vit); })
      .def_readonly("classes", &Model::classes)
      .def_readonly("pixel_mean", &Model::pixel_mean)
      .def_readonly("pixel_std", &Model::pixel_std)
      .def("__repr__", [](const Model& model) {
        return detail::concatenate("strata.Model(", model.architecture, ", ", model.stack().depth(), " blocks of ",
                                   model.is_language() ? model.language.channels : model.vit.channels, " channels, ",
                                   model.stack().weights.parameters(), " parameters)");
      });
  m.def(
      "open_model", [](const std::filesystem::path& folder) { return ready(open_model(folder.string())); },
      py::arg("folder"), py::call_guard<NoLock>());
  m.def(
      "vit",
      [](const std::string& size, uint64_t seed, const py::kwargs& sizes) {
        VitConfig config = vit_size(size);
        update_config(config, sizes, "vit");
        const NoLock unlocked;
        return ready(make_model(config, Random(seed)));
      },
      py::arg("size") = "fashion", py::arg("seed") = 0);
  m.def("vit_sizes", &vit_sizes, "Names of the sizes that vit() knows.");
  m.def(
      "language",
      [](const std::string& size, uint64_t seed, const py::kwargs& sizes) {
        LanguageConfig config = language_size(size);
        update_config(config, sizes, "language");
        const NoLock unlocked;
        return ready(make_model(config, Random(seed)));
      },
      py::arg("size") = "bytes", py::arg("seed") = 0);
  m.def("language_sizes", &language_sizes, "Names of the sizes that language() knows.");
  py::class_<Composite>(m, "composite",
                        "with strata.composite(): operators of this thread run as plain PyTorch calls, which can be "
                        "differentiated to any order.")
      .def(py::init<>())
      .def("__enter__", &Composite::enter)
      .def("__exit__", [](Composite& self, const py::args&) { self.exit(); });
}

}  // namespace
}  // namespace strata::python

PYBIND11_MODULE(_engine, m) {
  m.doc() = "Strata's engine; import strata instead.";
  m.attr("version") = strata::version();
  strata::python::bind_errors(m);
  strata::python::bind_routes(m);
  strata::python::bind_models(m);
}
