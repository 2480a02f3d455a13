// The shape of a stack, proven on the cases that strain it: post-norm, several tracks, caches, changing rows, a second
// stack's memory, overlays with gradients.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include "strata/base/error.h"
#include "strata/blocks/norms.h"
#include "strata/blocks/patches.h"
#include "strata/blocks/transformer.h"
#include "strata/ops/loss.h"
#include "strata/ops/mode.h"
#include "strata/route/parse.h"
#include "strata/stack/run.h"
#include "tests/stack/toys.h"

namespace strata {
namespace {

using toys::random_tensor;
using toys::worst;

Stack stack_of(std::vector<BlockPtr> blocks, std::vector<TrackSpec> embed_out, uint64_t seed = 1) {
  Stack stack = make_stack("shape", nullptr, std::move(blocks), nullptr, nullptr, Random(seed));
  stack.chain.embed_out = std::move(embed_out);
  toys::to_double(stack);
  return stack;
}

const TransformerConfig kSmall{.channels = 8, .heads = 2, .hidden = 12, .init_std = 0.4};

// ---- post-norm
// ------------------------------------------------------------------------------------------------------------------

TEST(Shape, PostNormBlockReplacesTheStream) {
  TransformerConfig config = kSmall;
  config.post_norm = true;
  const Stack stack = stack_of({transformer_block(config)}, {{"x", "token", 8}});
  const Stream x("x", random_tensor({6, 8}, 2), equal_rows(2, 3));
  const auto w = [&](const std::string& name) { return stack.weights.at("blocks.0." + name); };
  const auto norm = [&](const Tensor& value, const std::string& name) {
    return at::layer_norm(value, {8}, w(name + ".weight"), w(name + ".bias"), config.norm_eps);
  };
  const Tensor qkv =
      at::linear(x.x(), w("mixer.qkv.weight"), w("mixer.qkv.bias")).reshape({2, 3, 3, 2, 4}).permute({2, 0, 3, 1, 4});
  const Tensor mixed = at::matmul(at::softmax(at::matmul(qkv[0], qkv[1].transpose(-2, -1)) / 2.0, -1), qkv[2])
                           .transpose(1, 2)
                           .reshape({6, 8});
  const Tensor first = norm(x.x() + at::linear(mixed, w("mixer.out.weight"), w("mixer.out.bias")), "mixer.norm");
  const Tensor ffn = at::linear(at::gelu(at::linear(first, w("ffn.up.weight"), w("ffn.up.bias"))), w("ffn.down.weight"),
                                w("ffn.down.bias"));
  EXPECT_LT(worst(run(stack, identity(1), x).x(), norm(first + ffn, "ffn.norm")), 1e-12);
  EXPECT_THROW(run(stack, parse_route("0+0"), x), Error);  // what replaces the stream cannot run side by side
}

// ---- two tracks on a graph
// ------------------------------------------------------------------------------------------------------

// Messages along edges: edges take in their ends, nodes add up their edges. Adds to both tracks.
class MessagePassing final : public Block {
 public:
  MessagePassing(int64_t nodes, int64_t edges) : nodes_(nodes), edges_(edges) {}
  BlockSpec spec() const override {
    const std::vector<TrackSpec> tracks{{"nodes", "node", nodes_}, {"edges", "edge", edges_}};
    return {.name = "message_passing", .in = tracks, .out = tracks};
  }
  std::vector<ParamInfo> params() const override {
    return {{"edge.weight", {edges_, 2 * nodes_ + edges_}, Init::normal(0.3)},
            {"node.weight", {nodes_, edges_}, Init::normal(0.3)}};
  }
  std::vector<Need> needs() const override { return {{.name = "graph", .shape = {2, -1}}}; }
  Stream forward(const Weights& weights, const Stream& x, Pass& pass) const override {
    const Track &nodes = x.at("nodes"), &edges = x.at("edges");
    const Tensor& graph = pass.given.tensor("graph");  // [2, edges]: sender, receiver
    const Tensor message = at::silu(weights.linear(
        at::cat({nodes.value.index_select(0, graph[0]), nodes.value.index_select(0, graph[1]), edges.value}, 1),
        "edge"));
    const Tensor received = at::zeros({nodes.rows->count, edges_}, message.options()).index_add(0, graph[1], message);
    Stream delta("nodes", weights.linear(received, "node"), nodes.rows);
    delta.tracks.push_back({"edges", message, edges.rows});
    return delta;
  }

 private:
  int64_t nodes_, edges_;
};

TEST(Shape, MessagePassingOnTwoTracks) {
  const Stack stack = stack_of({std::make_shared<MessagePassing>(4, 3), std::make_shared<MessagePassing>(4, 3)},
                               {{"nodes", "node", 4}, {"edges", "edge", 3}});
  // Two graphs of 3 and 2 nodes with 3 and 1 edges in one batch: ragged rows of two kinds.
  Stream both("nodes", random_tensor({5, 4}, 3), ragged_rows({3, 2}));
  both.tracks.push_back({"edges", random_tensor({4, 3}, 4), ragged_rows({3, 1})});
  Given given;
  given.values["graph"] = at::tensor({0, 1, 2, 3, 1, 2, 0, 4}, at::kLong).reshape({2, 4});
  const Stream together = run(stack, parse_route("1,0"), both, {.given = &given});

  Stream second("nodes", both.at("nodes").value.slice(0, 3, 5), ragged_rows({2}));
  second.tracks.push_back({"edges", both.at("edges").value.slice(0, 3, 4), ragged_rows({1})});
  Given second_graph;
  second_graph.values["graph"] = at::tensor({0, 1}, at::kLong).reshape({2, 1});
  const Stream alone = run(stack, parse_route("1,0"), second, {.given = &second_graph});
  EXPECT_LT(worst(together.at("nodes").value.slice(0, 3, 5), alone.at("nodes").value), 1e-12);
  EXPECT_LT(worst(together.at("edges").value.slice(0, 3, 4), alone.at("edges").value), 1e-12);
  EXPECT_GT(worst(together.at("edges").value, both.at("edges").value), 1e-3);

  EXPECT_THROW(run(stack, parse_route("0"), both), Error);  // no graph given
  given.values["graph"] = random_tensor({3, 4}, 1);
  EXPECT_THROW(run(stack, parse_route("0"), both, {.given = &given}), Error);
  EXPECT_NO_THROW(run(stack, parse_route("0+1"), second, {.given = &second_graph}));
}

// ---- a recurrent block whose cache rewinds
// ----------------------------------------------------------------------------------------

// h_t = a h_{t-1} + (1 - a) W x_t per channel; adds h_t.
class Leaky final : public Block {
 public:
  struct State final : CacheEntry {
    std::vector<Tensor> after;  // state after each row of every sequence: [sequences, channels]
    int64_t mark() const override { return static_cast<int64_t>(after.size()); }
    void rewind(int64_t mark) override {
      if (mark > this->mark()) fail("leaky: cannot rewind to ", mark, " of ", this->mark());
      after.resize(mark);
    }
    std::map<std::string, Tensor> save() const override { return {{"after", at::stack(after)}}; }
    void restore(const std::map<std::string, Tensor>& saved) override { after = saved.at("after").unbind(); }
  };
  explicit Leaky(int64_t channels) : channels_(channels) {}
  BlockSpec spec() const override {
    const std::vector<TrackSpec> track{{"x", "", channels_}};
    return {.name = "leaky", .in = track, .out = track};
  }
  std::vector<ParamInfo> params() const override {
    return {{"decay", {channels_}, Init::normal(1)}, {"in.weight", {channels_, channels_}, Init::normal(0.4)}};
  }
  std::unique_ptr<CacheEntry> make_cache(const Weights&, int64_t) const override { return std::make_unique<State>(); }
  Stream forward(const Weights& weights, const Stream& x, Pass& pass) const override {
    const Rows& rows = *x.rows();
    const Tensor decay = at::sigmoid(weights["decay"]);
    const Tensor in = weights.linear(x.x(), "in").reshape({rows.sequences, rows.length, channels_});
    auto* state = static_cast<State*>(pass.cache);
    Tensor h =
        state && !state->after.empty() ? state->after.back() : at::zeros({rows.sequences, channels_}, x.x().options());
    std::vector<Tensor> all;
    for (int64_t t = 0; t < rows.length; ++t) {
      h = decay * h + (1 - decay) * in.select(1, t);
      all.push_back(h);
      if (state) state->after.push_back(h);
    }
    return x.delta(at::stack(all, 1).reshape(x.x().sizes()));
  }

 private:
  int64_t channels_;
};

Stream time_slice(const Tensor& x, int64_t begin, int64_t end) {  // x [sequences, time, channels]
  return Stream("x", x.slice(1, begin, end).reshape({-1, x.size(2)}), equal_rows(x.size(0), end - begin));
}

TEST(Shape, CachesContinueRewindAndNeverMix) {
  TransformerConfig causal = kSmall;
  causal.causal = true;
  const Stack stack = stack_of({std::make_shared<Leaky>(8), transformer_block(causal), std::make_shared<Leaky>(8)},
                               {{"x", "token", 8}});
  const Tensor x = random_tensor({2, 7, 8}, 5);
  const auto whole = [&](const char* route, int64_t end) {
    return run(stack, parse_route(route), time_slice(x, 0, end)).x().reshape({2, end, 8});
  };

  for (const char* route : {"0-2", "2,1,0", "0,0,1,1", "0,1.mixer,2"}) {
    SCOPED_TRACE(route);
    Caches caches;
    const RunOptions options{.caches = &caches};
    const Tensor expected = whole(route, 7);
    const auto go = [&](int64_t begin, int64_t end) {
      Stream input = time_slice(x, begin, end);
      if (begin > 0) input.main().rows = continued_rows({end - begin, end - begin}, {begin, begin});
      return run(stack, parse_route(route), input, options).x().reshape({2, end - begin, 8});
    };
    EXPECT_LT(worst(go(0, 3), expected.slice(1, 0, 3)), 1e-12);
    const auto mark = caches.mark();
    EXPECT_LT(worst(go(3, 6), expected.slice(1, 3, 6)), 1e-12);
    caches.rewind(mark);  // rows 3..5 never happened
    EXPECT_LT(worst(go(3, 4), expected.slice(1, 3, 4)), 1e-12);
    EXPECT_LT(worst(go(4, 7), expected.slice(1, 4, 7)), 1e-12);
  }

  // Routes with a common beginning share entries; after they part, each has its own.
  Caches caches;
  const RunOptions options{.caches = &caches};
  run(stack, parse_route("0,1"), time_slice(x, 0, 3), options);
  const size_t entries = caches.size();
  const Caches* kept = &caches;
  EXPECT_EQ(entries, 2u);  // the recurrent state and the mixer's keys and values
  Caches other;
  run(stack, parse_route("1,0"), time_slice(x, 0, 3), {.caches = &other});
  for (const auto& [prefix, mark] : other.mark()) EXPECT_EQ(kept->find(prefix), nullptr) << prefix;
  // "0,2" goes on from the rows of block 0 alone: what block 1 wrote is part of another beginning.
  Caches parted;
  run(stack, parse_route("0,2"), time_slice(x, 0, 3), {.caches = &parted});
  std::vector<std::string> shared;
  for (const auto& [prefix, mark] : parted.mark())
    if (kept->find(prefix)) shared.push_back(prefix);
  EXPECT_EQ(shared, std::vector<std::string>{"0#0."});
}

// Rows that go on along a route on which the ones before did not run have no keys to see; they must not find others'.
TEST(Shape, CachesRefuseRowsWhoseBeginningRanElsewhere) {
  TransformerConfig causal = kSmall;
  causal.causal = true;
  const Stack stack = stack_of({transformer_block(causal), transformer_block(causal)}, {{"x", "token", 8}});
  const Tensor x = random_tensor({2, 7, 8}, 5);
  Caches caches;
  const RunOptions options{.caches = &caches};
  run(stack, parse_route("0,1"), time_slice(x, 0, 3), options);
  const auto go_on = [&](const char* route, int64_t first) {
    Stream input = time_slice(x, 3, 5);
    input.main().rows = continued_rows({2, 2}, {first, first});
    try {
      run(stack, parse_route(route), input, options);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_THAT(go_on("1,0", 3), testing::HasSubstr("holds 0 rows of sequence 0, but the new ones begin at place 3"));
  EXPECT_THAT(go_on("0,1", 4), testing::HasSubstr("holds 3 rows of sequence 0, but the new ones begin at place 4"));
  EXPECT_EQ(go_on("0,1", 3), "");
}

// ---- pooling
// ------------------------------------------------------------------------------------------------------------------------

// Mean of neighbouring pairs of rows: half as many rows afterwards.
class PairPool final : public Block {
 public:
  explicit PairPool(int64_t channels) : channels_(channels) {}
  BlockSpec spec() const override {
    return {.name = "pair_pool",
            .in = {{"x", "token", channels_}},
            .out = {{"x", "pair", channels_}},
            .kind = BlockSpec::Kind::changes_rows};
  }
  std::vector<ParamInfo> params() const override { return {}; }
  Stream forward(const Weights&, const Stream& x, Pass&) const override {
    const Rows& rows = *x.rows();
    if (rows.ragged() || rows.length % 2) fail("pair_pool: expected sequences of one even length");
    return Stream("x", x.x().reshape({-1, 2, channels_}).mean(1), equal_rows(rows.sequences, rows.length / 2));
  }

 private:
  int64_t channels_;
};

TEST(Shape, PoolingChangesRows) {
  const Stack stack = stack_of({transformer_block(kSmall), std::make_shared<PairPool>(8), transformer_block(kSmall)},
                               {{"x", "token", 8}});
  const Stream x("x", random_tensor({12, 8}, 6), equal_rows(3, 4));
  const Stream y = run(stack, parse_route("0-2"), x);
  EXPECT_EQ(y.rows()->count, 6);
  EXPECT_EQ(y.rows()->sequences, 3);
  const Stream single = run(stack, parse_route("0-2"), Stream("x", x.x().slice(0, 4, 8), equal_rows(1, 4)));
  EXPECT_LT(worst(y.x().slice(0, 2, 4), single.x()), 1e-12);
  EXPECT_THROW(run(stack, parse_route("1,1"), x), Error);  // pairs are not tokens
  EXPECT_THROW(run(stack, parse_route("0+1"), x), Error);
}

// ---- another stack's memory
// ---------------------------------------------------------------------------------------------------------

TEST(Shape, AStackReadsAnothersMemory) {
  const Stack encoder =
      stack_of({transformer_block({.channels = 6, .heads = 2, .hidden = 8, .init_std = 0.4})}, {{"x", "token", 6}}, 2);
  TransformerConfig config = kSmall;
  config.memory = "encoder";
  config.memory_channels = 6;
  const Stack decoder = stack_of({transformer_block(config), transformer_block(config)}, {{"x", "token", 8}}, 3);
  Stream source("x", random_tensor({7, 6}, 7), ragged_rows({4, 3}));
  const Stream target("x", random_tensor({5, 8}, 8), ragged_rows({2, 3}));
  const auto decode = [&](const Stream& from, const Stream& to) {
    Given given;
    given.values["encoder"] = run_trunk(encoder, identity(1), from);
    return run(decoder, parse_route("1,0"), to, {.given = &given}).x();
  };
  const Tensor y = decode(source, target);
  // Each pair of sequences alone gives the same.
  EXPECT_LT(worst(y.slice(0, 2, 5), decode(Stream("x", source.x().slice(0, 4, 7), equal_rows(1, 3)),
                                           Stream("x", target.x().slice(0, 2, 5), equal_rows(1, 3)))),
            1e-12);
  // Gradients reach the encoder's input through the memory.
  source.main().value.set_requires_grad(true);
  decode(source, target).square().sum().backward();
  EXPECT_GT(source.x().grad().abs().min().item<double>(), 0);
  EXPECT_THROW(decode(Stream("x", random_tensor({4, 6}, 7), equal_rows(1, 4)), target),
               Error);  // one memory for two sequences
}

// ---- overlays
// -------------------------------------------------------------------------------------------------------------------------

TEST(Shape, AnOverlayMadeByANetworkIsTrainedThrough) {
  const Stack stack = toys::linear_stack(2, 4, 9);
  const Tensor x = random_tensor({5, 4}, 10), target = random_tensor({5, 4}, 11);
  Tensor code = random_tensor({3}, 12).set_requires_grad(true),
         generator = random_tensor({16, 3}, 13).mul(0.1).set_requires_grad(true);
  double first = 0, last = 0;
  for (int step = 0; step < 200; ++step) {
    Overlay overlay;
    overlay.add["blocks.0.matrix"] = at::matmul(generator, code).reshape({4, 4});
    const RunOptions options{.overlays = {&overlay}};
    const Tensor loss = (run(stack, identity(2), toys::rows(x), options).x() - target).square().mean();
    loss.backward();
    (step == 0 ? first : last) = loss.item<double>();
    at::NoGradGuard guard;
    for (Tensor* tensor : {&code, &generator}) {
      ASSERT_TRUE(tensor->grad().defined());
      tensor->sub_(tensor->grad(), 0.05);
      tensor->mutable_grad() = Tensor();
    }
  }
  EXPECT_LT(last, 0.8 * first);
  EXPECT_FALSE(stack.weights.at("blocks.0.matrix").grad().defined());
}

TEST(Shape, OverlaysReplaceAddAndStayLocal) {
  Stack stack = toys::random_vit(toys::small_vit(), 14);
  const Tensor images = random_tensor({2, 1, 8, 8}, 15);
  const Tensor before = run(stack, identity(4), image_stream(images)).x();
  const std::string name = "blocks.1.ffn.up.weight";
  const Tensor a = random_tensor({3, 12}, 16), b = random_tensor({20, 3}, 17);
  Overlay add, replace, lora;
  add.add[name] = 0.5 * at::matmul(b, a);
  replace.replace[name] = stack.weights.at(name) + 0.5 * at::matmul(b, a);
  lora.low_rank[name] = {.a = a, .b = b, .scale = 0.5};
  const auto with = [&](const Overlay& overlay) {
    return run(stack, identity(4), image_stream(images), {.overlays = {&overlay}}).x();
  };
  EXPECT_LT(worst(with(add), with(replace)), 1e-12);
  EXPECT_LT(worst(with(add), with(lora)), 1e-12);
  EXPECT_GT(worst(with(add), before), 1e-6);
  // One pair per row: rows that choose pair 0 get it, the others get pair 1 (zero).
  Overlay each;
  const int64_t rows = 2 * 5;
  each.low_rank[name] = {.a = at::stack({a, at::zeros_like(a)}),
                         .b = at::stack({b, at::zeros_like(b)}),
                         .scale = 0.5,
                         .choice = at::arange(rows, at::kLong).ge(5).to(at::kLong)};
  const Tensor mixed = with(each);
  EXPECT_LT(worst(mixed[0], with(lora)[0]), 1e-12);
  EXPECT_LT(worst(mixed[1], before[1]), 1e-12);
  EXPECT_TRUE(at::equal(run(stack, identity(4), image_stream(images)).x(), before));
}

// ---- gradients of gradients
// -------------------------------------------------------------------------------------------------------------

// The loss after one step of gradient descent, as a function of the starting weights: d/dw of it against central
// differences.
TEST(Shape, SecondOrderGradientThroughATrainingStep) {
  Stack stack = toys::random_vit(toys::small_vit(), 18);
  const Tensor images = random_tensor({2, 1, 8, 8}, 19), targets = at::tensor({1, 3}, at::kLong);
  const std::string name = "blocks.2.mixer.qkv.weight";
  const auto loss_after_step = [&](const Tensor& weight, bool graph) {
    const ops::CompositeGuard composite;
    Overlay start, moved;
    start.replace[name] = weight;
    const auto loss = [&](const Overlay& overlay) {
      return ops::cross_entropy(run(stack, parse_route("0-2"), image_stream(images), {.overlays = {&overlay}}).x(),
                                targets);
    };
    const auto gradient = torch::autograd::grad({loss(start)}, {weight}, {}, std::nullopt, graph)[0];
    moved.replace[name] = weight - 0.7 * gradient;
    return loss(moved);
  };
  Tensor weight = stack.weights.at(name).clone().set_requires_grad(true);
  const Tensor exact = torch::autograd::grad({loss_after_step(weight, true)}, {weight})[0];
  const Tensor direction = random_tensor(weight.sizes(), 20);
  const double step = 1e-5;
  const auto at_offset = [&](double offset) {
    Tensor moved = (weight.detach() + offset * direction).set_requires_grad(true);
    return loss_after_step(moved, false).item<double>();
  };
  const double numeric = (at_offset(step) - at_offset(-step)) / (2 * step),
               analytic = (exact * direction).sum().item<double>();
  EXPECT_NEAR(analytic, numeric, 1e-7 * std::max(1.0, std::abs(numeric)));
}

TEST(Shape, AFusedOperatorRefusesASecondDerivative) {
  Stack stack = make_vit(toys::small_vit(), Random(21));
  for (auto& entry : stack.weights.entries()) entry.value.set_requires_grad(true);
  const Tensor images = random_tensor({2, 1, 8, 8}, 22).to(at::kFloat), targets = at::tensor({1, 3}, at::kLong);
  const Tensor weight = stack.weights.at("blocks.2.mixer.qkv.weight");
  const auto first = [&] {
    const Tensor loss = ops::cross_entropy(run(stack, identity(4), image_stream(images)).x(), targets);
    return torch::autograd::grad({loss}, {weight}, {}, std::nullopt, true)[0].square().sum();
  };
  try {
    first().backward();
    FAIL() << "differentiating a fused operator twice must throw";
  } catch (const std::exception& error) {
    EXPECT_NE(std::string(error.what()).find("can be differentiated once"), std::string::npos) << error.what();
  }
  const ops::CompositeGuard composite;
  EXPECT_NO_THROW(first().backward());
}

// ---- taps, live rows, ragged batches, selections
// ------------------------------------------------------------------------------------------

TEST(Shape, TapsCarryGradients) {
  Stack stack = toys::random_vit(toys::small_vit(), 23);
  const Tensor images = random_tensor({2, 1, 8, 8}, 24);
  for (auto& entry : stack.weights.entries()) entry.value.set_requires_grad(true);
  Taps taps({"slot.1", "slot.2.block.*.mixer.scores", "embed"});
  run(stack, parse_route("3,1,0"), image_stream(images), {.taps = &taps});
  EXPECT_EQ(taps.values().size(), 3u);
  EXPECT_EQ(taps.at("slot.2.block.0.mixer.scores").numel(), 2 * 3 * 5 * 5);
  EXPECT_THROW(taps.at("slot.0"), Error);
  taps.at("slot.1").square().sum().backward();  // an exit loss in the middle
  EXPECT_TRUE(stack.weights.at("blocks.1.ffn.up.weight").grad().defined());
  EXPECT_FALSE(stack.weights.at("blocks.0.ffn.up.weight").grad().defined());
  // Asking changes nothing.
  EXPECT_LT(worst(run(stack, parse_route("3,1,0"), image_stream(images)).x(),
                  [&] {
                    Taps all({"*"});
                    return run(stack, parse_route("3,1,0"), image_stream(images), {.taps = &all}).x();
                  }()),
            1e-12);
}

TEST(Shape, LiveSequencesEqualTheirOwnRoutes) {
  const Stack stack = toys::random_vit(toys::small_vit(), 25);
  const Tensor images = random_tensor({3, 1, 8, 8}, 26);
  const Route route = identity(4);
  RunOptions options;
  const std::vector<std::vector<int>> keep{{1, 0, 1}, {1, 1, 0}, {0, 0, 0}, {1, 1, 1}};  // [slot][sample]
  for (const auto& slot : keep) options.live.push_back({.keep = at::tensor(slot, at::kLong).to(at::kBool)});
  const Tensor y = run(stack, route, image_stream(images), options).x();
  for (int64_t sample = 0; sample < 3; ++sample) {
    std::vector<int32_t> blocks;
    for (int slot = 0; slot < 4; ++slot)
      if (keep[slot][sample]) blocks.push_back(slot);
    EXPECT_LT(worst(y[sample], run(stack, sequence(blocks), image_stream(images.slice(0, sample, sample + 1))).x()[0]),
              1e-12)
        << sample;
  }
}

TEST(Shape, LiveRowsInsideASequence) {
  const Stack stack = stack_of({transformer_block(kSmall)}, {{"x", "token", 8}});
  const Stream x("x", random_tensor({8, 8}, 27), equal_rows(2, 4));
  const Tensor keep = at::tensor({1, 0, 1, 1, 0, 1, 0, 1}, at::kLong).to(at::kBool);
  const auto go = [&](const char* route, Live live) {
    return run(stack, parse_route(route), x, {.live = {std::move(live)}}).x();
  };
  const Tensor all = run(stack, parse_route("0.mixer"), x).x();
  // Others visible as keys: live rows see what they always see, the rest wait.
  EXPECT_LT(worst(go("0.mixer", {.keep = keep, .others_visible = true}), at::where(keep.unsqueeze(1), all, x.x())),
            1e-12);
  // Others hidden: each sequence is what its live rows alone are.
  const Tensor hidden = go("0.mixer", {.keep = keep});
  const Tensor index = at::tensor({0, 2, 3}, at::kLong);
  EXPECT_LT(worst(hidden.index_select(0, index),
                  run(stack, parse_route("0.mixer"), Stream("x", x.x().index_select(0, index), equal_rows(1, 3))).x()),
            1e-12);
  EXPECT_TRUE(at::equal(hidden[1], x.x()[1]));
  // A factor scales what live rows receive.
  const Tensor scaled =
      go("0.mixer", {.keep = keep, .others_visible = true, .factor = at::full({8}, 0.25, at::kDouble)});
  EXPECT_LT(worst(scaled - x.x(), 0.25 * (at::where(keep.unsqueeze(1), all, x.x()) - x.x())), 1e-12);
  EXPECT_THROW(go("0", {.keep = keep.slice(0, 0, 3)}), Error);
}

TEST(Shape, RaggedSequencesAreThemselves) {
  for (const bool causal : {false, true}) {
    TransformerConfig config = kSmall;
    config.causal = causal;
    const Stack stack = stack_of({transformer_block(config), transformer_block(config)}, {{"x", "token", 8}});
    const std::vector<int64_t> lengths{3, 1, 5, 0, 2};
    const Tensor x = random_tensor({11, 8}, 28);
    const Tensor y = run(stack, parse_route("1,0"), Stream("x", x, ragged_rows(lengths))).x();
    int64_t begin = 0;
    for (const int64_t length : lengths) {
      if (length > 0)
        EXPECT_LT(
            worst(y.slice(0, begin, begin + length),
                  run(stack, parse_route("1,0"), Stream("x", x.slice(0, begin, begin + length), equal_rows(1, length)))
                      .x()),
            1e-12);
      begin += length;
    }
  }
}

TEST(Shape, KeptHeadsAndNeuronsEqualZeroedOnes) {
  Stack stack = toys::random_vit(toys::small_vit(), 29);
  const Tensor images = random_tensor({2, 1, 8, 8}, 30);
  const Tensor thinned = run(stack, parse_route("0,1[heads=0,2;neurons=3-10],2-3"), image_stream(images)).x();
  Overlay zeroed;
  Tensor out = stack.weights.at("blocks.1.mixer.out.weight").clone(),
         down = stack.weights.at("blocks.1.ffn.down.weight").clone();
  out.slice(1, 4, 8).zero_();  // head 1 of width 4
  down.slice(1, 0, 3).zero_();
  down.slice(1, 11, 20).zero_();
  zeroed.replace["blocks.1.mixer.out.weight"] = out;
  zeroed.replace["blocks.1.ffn.down.weight"] = down;
  EXPECT_LT(worst(thinned, run(stack, identity(4), image_stream(images), {.overlays = {&zeroed}}).x()), 1e-12);
}

TEST(Shape, CausalBlocksDoNotSeeTheFuture) {
  TransformerConfig config = kSmall;
  config.causal = true;
  const Stack stack = stack_of({transformer_block(config), transformer_block(config)}, {{"x", "token", 8}});
  for (uint64_t seed = 0; seed < 10; ++seed) {
    const int64_t time = 6, cut = 1 + static_cast<int64_t>(seed % 5);
    const Tensor x = random_tensor({time, 8}, 31 + seed);
    Tensor changed = x.clone();
    changed.slice(0, cut).copy_(random_tensor({time - cut, 8}, 131 + seed));
    const auto go = [&](const Tensor& value) {
      return run(stack, parse_route("1,0x2"), Stream("x", value, equal_rows(1, time))).x();
    };
    EXPECT_LT(worst(go(x).slice(0, 0, cut), go(changed).slice(0, 0, cut)), 1e-12) << seed;
  }
}

}  // namespace
}  // namespace strata
