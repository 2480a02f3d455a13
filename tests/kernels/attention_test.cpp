#include "strata/kernels/attention.h"

#include <algorithm>
#include <numeric>

#include "tests/kernels/kernel_test.h"

namespace strata {
namespace {

using namespace test;

using Offsets = std::vector<int64_t>;

struct Problem {
  Offsets offsets;
  AttentionShape shape;
  Floats qkv, dout;
  int64_t rows;

  Problem(const Offsets& lengths, int64_t heads, int64_t head_dim, bool causal, float size = 1) {
    offsets = {0};
    for (const int64_t length : lengths) offsets.push_back(offsets.back() + length);
    rows = offsets.back();
    shape = {.sequences = static_cast<int64_t>(lengths.size()), .heads = heads, .head_dim = head_dim, .causal = causal};
    qkv = normals(1, rows * 3 * heads * head_dim, size);
    dout = normals(2, rows * heads * head_dim);
  }
  AttentionShape ragged() const {
    AttentionShape with = shape;
    with.offsets = offsets.data();
    return with;
  }
};

// The definition, in double.
Doubles attention_of(const Problem& problem, const Doubles& qkv) {
  const auto& shape = problem.shape;
  const int64_t dim = shape.head_dim;
  const int64_t row = 3 * shape.heads * dim;
  const double scale = shape.scale > 0 ? shape.scale : 1 / std::sqrt(static_cast<double>(dim));
  Doubles out(problem.rows * shape.heads * dim);
  for (int64_t s = 0; s < shape.sequences; ++s)
    for (int64_t h = 0; h < shape.heads; ++h)
      for (int64_t i = problem.offsets[s]; i < problem.offsets[s + 1]; ++i) {
        const int64_t last = shape.causal ? i + 1 : problem.offsets[s + 1];
        Doubles p;
        for (int64_t j = problem.offsets[s]; j < last; ++j) {
          double score = 0;
          for (int64_t c = 0; c < dim; ++c)
            score += qkv[i * row + h * dim + c] * qkv[j * row + (shape.heads + h) * dim + c];
          p.push_back(scale * score);
        }
        const double top = *std::max_element(p.begin(), p.end());
        double total = 0;
        for (double& x : p) total += x = std::exp(x - top);
        for (int64_t j = problem.offsets[s]; j < last; ++j)
          for (int64_t c = 0; c < dim; ++c)
            out[(i * shape.heads + h) * dim + c] +=
                p[j - problem.offsets[s]] / total * qkv[j * row + (2 * shape.heads + h) * dim + c];
      }
  return out;
}

struct Result {
  Floats out, lse, dqkv;
};
Result run(const Problem& problem, const AttentionShape& shape) {
  Result got{Floats(problem.dout.size()), Floats(problem.rows * shape.heads), Floats(problem.qkv.size())};
  attention_forward({.shape = shape, .qkv = problem.qkv.data(), .out = got.out.data(), .lse = got.lse.data()});
  attention_backward({.shape = shape,
                      .qkv = problem.qkv.data(),
                      .out = got.out.data(),
                      .lse = got.lse.data(),
                      .dout = problem.dout.data(),
                      .dqkv = got.dqkv.data()});
  return got;
}

void expect_forward_matches_definition(const Offsets& lengths, int64_t heads, int64_t head_dim, bool causal) {
  SCOPED_TRACE(testing::Message() << "rows " << testing::PrintToString(lengths) << " head_dim " << head_dim
                                  << " causal " << causal);
  const Problem problem(lengths, heads, head_dim, causal);
  const Doubles want = attention_of(problem, widen(problem.qkv));
  for_each_level([&] { expect_close(want, run(problem, problem.ragged()).out, 1e-5); });
}

TEST(Attention, ForwardMatchesDefinition) {
  for (const bool causal : {false, true}) {
    for (const int64_t head_dim : {1, 7, 8, 15, 16, 17, 24, 32, 64, 80})
      expect_forward_matches_definition({1, 0, 2, 17, 33, 16}, 2, head_dim, causal);
    for (const int64_t time : {0, 63, 64, 65, 129, 257, 520}) expect_forward_matches_definition({time}, 1, 8, causal);
    expect_forward_matches_definition({}, 3, 16, causal);
  }
}

TEST(Attention, BackwardMatchesCentralDifferences) {
  for (const bool causal : {false, true})
    for (const int64_t head_dim : {3, 8}) {
      SCOPED_TRACE(testing::Message() << "head_dim " << head_dim << " causal " << causal);
      const Problem problem({5, 1, 9}, 2, head_dim, causal);
      const auto loss = [&](const Doubles& qkv) {
        const Doubles out = attention_of(problem, qkv);
        return std::inner_product(out.begin(), out.end(), problem.dout.begin(), 0.0);
      };
      const Doubles want = central_differences(loss, widen(problem.qkv));
      for_each_level([&] { expect_close(want, run(problem, problem.ragged()).dqkv, 1e-5); });
    }
}

TEST(Attention, LongBackwardMatchesReference) {
  const Isa before = active_isa();
  for (const bool causal : {false, true})
    for (const auto& [lengths, head_dim] : std::vector<std::pair<Offsets, int64_t>>{
             {{17, 17, 17}, 16}, {{63, 64, 65}, 20}, {{145}, 64}, {{270, 1, 129}, 8}}) {
      SCOPED_TRACE(testing::Message() << "head_dim " << head_dim << " causal " << causal);
      const Problem problem(lengths, 2, head_dim, causal);
      set_isa(Isa::reference);
      const Result want = run(problem, problem.ragged());
      set_isa(before);
      for_each_level([&] {
        const Result got = run(problem, problem.ragged());
        expect_close(want.out, got.out, 1e-5);
        expect_close(want.lse, got.lse, 1e-5);
        expect_close(want.dqkv, got.dqkv, 1e-5);
      });
    }
}

TEST(Attention, EqualLengthsAndOffsetsAgreeBitwise) {
  for_each_level([] {
    const Problem problem({17, 17, 17, 17}, 3, 16, false);
    AttentionShape equal = problem.shape;
    equal.length = 17;
    const Result a = run(problem, equal);
    const Result b = run(problem, problem.ragged());
    EXPECT_EQ(a.out, b.out);
    EXPECT_EQ(a.dqkv, b.dqkv);
  });
}

TEST(Attention, ThreadsAndNeighboursDoNotChangeARow) {
  const int before = threads();
  set_threads(1);
  const Problem problem({300}, 1, 16, true);
  const Result want = run(problem, problem.ragged());
  set_threads(4);  // one long sequence: its queries are cut
  const Result got = run(problem, problem.ragged());
  EXPECT_EQ(want.out, got.out);
  EXPECT_EQ(want.dqkv, got.dqkv);
  set_threads(before);
}

TEST(Attention, CausalRowsIgnoreTheFuture) {
  for_each_level([] {
    Problem problem({270}, 1, 8, true);
    const Result before = run(problem, problem.ragged());
    for (int64_t cut : {1, 8, 100, 256}) {
      Problem changed = problem;
      std::fill(changed.qkv.begin() + cut * 24, changed.qkv.end(), 3.5F);
      const Result after = run(changed, changed.ragged());
      EXPECT_TRUE(std::equal(before.out.begin(), before.out.begin() + cut * 8, after.out.begin())) << "cut " << cut;
    }
  });
}

TEST(Attention, LargeScoresAndSpoiledValues) {
  for_each_level([] {
    Problem large({17, 260}, 1, 8, false, 100);  // scores of several thousand
    expect_close(attention_of(large, widen(large.qkv)), run(large, large.ragged()).out,
                 1e-2);  // a rounded score moves its weight
    Problem problem({17, 17}, 2, 16, false);
    const Floats clean = run(problem, problem.ragged()).out;
    problem.qkv[5 * 96] = NAN;  // q of row 5, head 0
    const Floats spoiled = run(problem, problem.ragged()).out;
    for (size_t i = 0; i < clean.size(); ++i) {
      if (i / 32 == 5 && i % 32 < 16)
        EXPECT_TRUE(std::isnan(spoiled[i])) << i;
      else
        EXPECT_EQ(clean[i], spoiled[i]) << i;
    }
  });
}

TEST(Attention, ScaleIsUsed) {
  for_each_level([] {
    Problem problem({17}, 1, 16, false);
    problem.shape.scale = 0.7F;
    expect_close(attention_of(problem, widen(problem.qkv)), run(problem, problem.ragged()).out, 1e-5);
  });
}

TEST(Attention, RefusesImpossibleShapes) {
  EXPECT_THROW(attention_forward({.shape = {.sequences = 1, .length = 4, .heads = 0, .head_dim = 8}}), Error);
  EXPECT_THROW(attention_forward({.shape = {.sequences = 1, .length = 4, .heads = 1, .head_dim = 8, .scale = NAN}}),
               Error);
  const Offsets falling = {0, 5, 3};
  EXPECT_THROW(attention_backward({.shape = {.sequences = 2, .offsets = falling.data(), .heads = 1, .head_dim = 8}}),
               Error);
}

}  // namespace
}  // namespace strata
