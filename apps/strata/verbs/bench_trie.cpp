// Scoring many routes with and without shared beginnings.
#include <fmt/format.h>

#include "apps/strata/verbs/bench.h"
#include "apps/strata/verbs/shared.h"
#include "strata/base/error.h"
#include "strata/eval/score.h"
#include "strata/route/order.h"

namespace strata::cli {
namespace {

constexpr int64_t kTrieRoutes = 100;
constexpr int64_t kTrieImages = 1000;

Comparison bench_trie(const std::string& what, const Model& model, const std::vector<Route>& routes,
                      const ImageSet& set, int64_t repeats) {
  Comparison result{what, {{"shared beginnings", {}}, {"one by one", {}}}, {}};
  const ImageConfig images = images_of(model);
  TrieReport trie;
  for (int64_t turn = 0; turn < repeats; ++turn) {
    std::vector<Score> shared, separate;
    result.series[0].milliseconds.push_back(
        milliseconds_of([&] { shared = score_routes(model.stack(), routes, set, images, 500, &trie); }));
    result.series[1].milliseconds.push_back(
        milliseconds_of([&] { separate = score_routes(model.stack(), routes, set, images, 500, nullptr, false); }));
    if (shared != separate) fail("bench: scores through the trie differ from those one by one; this is a bug");
  }
  result.notes.push_back(fmt::format("{:.0f} block passes a batch instead of {:.0f}; all scores the same bits",
                                     trie.cost, trie.cost_one_by_one));
  return result;
}

}  // namespace

std::vector<Comparison> bench_tries(const Bench& options) {
  // Twice the depth leaves routes less to share: it is the harder case.
  std::vector<Model> models;
  if (options.model.empty()) {
    VitConfig config = vit_size("fashion");
    models.push_back(make_model(config, Random(0)));
    config.depth *= 2;
    models.push_back(make_model(config, Random(0)));
  } else {
    models.push_back(open_model(options.model));
  }
  // Fresh models know no classes.
  const ImageSet set =
      options.model.empty()
          ? load_images(options.data, "test", {.limit = kTrieImages, .fit = models.front().fit, .channels = 1})
          : load_for(models.front(), options.data, "test", kTrieImages);
  std::vector<Comparison> all;
  for (const Model& model : models) {
    const int64_t depth = model.stack().depth();
    const auto compare = [&](const char* sampler, const SamplerConfig& config) {
      std::vector<Route> routes;
      routes.reserve(kTrieRoutes);
      for (int64_t i = 0; i < kTrieRoutes; ++i)
        routes.push_back(draw(config, depth, 1, Random(0).fork(static_cast<uint64_t>(i))).route);
      all.push_back(bench_trie(
          fmt::format("scoring {} routes by {}, {} blocks, {} images", kTrieRoutes, sampler, depth, set.size()), model,
          routes, set, options.repeats));
    };
    compare("window-4 shuffle", {.kind = "shuffle", .window = 4});
    compare("drop at rate 0.2", {.kind = "drop", .drop = 0.2});
  }
  return all;
}

}  // namespace strata::cli
