#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "strata/blocks/stream.h"
#include "strata/route/route.h"
#include "strata/surgery/assemble.h"

namespace strata {

/// Linear centred kernel alignment (Kornblith et al. 2019, eq. 4): |Y^T X|^2 / (|X^T X| |Y^T Y|) in Frobenius norms,
/// columns centred. x [rows, a], y [rows, b] -> 0 .. 1; 1 when one is a rotation and scaling of the other; no number when
/// one of them is constant. Blind to the basis: two networks trained from different starts may come close to 1 and still
/// not understand each other.
double linear_cka(const at::Tensor& x, const at::Tensor& y);

/// How a block takes what it now reads, against what it read in the model it comes from.
struct Seam {
  int64_t slot = 0;
  std::string block;      // "b:3"; "head" for what norm and head read
  double norm_then = 0;   // mean length of the rows the block read in its own model
  double norm_now = 0;    // and of those it reads now
  double cka = 0;         // between the two
  double difference = 0;  // mean of |now - then| / |then| over rows: 0 where nothing changed, sees the basis
};

/// Where a block of a model put together from others comes from.
struct Origin {
  std::string source;  // name of the model; empty: the opened one
  const Model* model = nullptr;
  int64_t block = 0;  // as many as the model has: its norm and head
};

/// The origins of the blocks of assemble(model, route, sources), and of its head.
std::vector<Origin> origins_of(const Model& model, const Route& route, const ModelSources& sources);

/// The seams of a model put together from others: every block, and the head, that did not read the block before it in its
/// own model. `origins` are those of its blocks and, last, of its head; its embedding is that of `embed`. `input` is what
/// all the models read: images normalised as the merged model wants them, or tokens.
std::vector<Seam> seams_of(const Model& merged, const Model& embed, const std::vector<Origin>& origins,
                           const Stream& input);

/// The same for a model merged by parameters: what each of its blocks and its head read, against what the same block of
/// `source` reads there. Both have one depth, or this throws Error.
std::vector<Seam> seams_between(const Model& merged, const std::string& name, const Model& source, const Stream& input);

/// Cosine of the angle between the block matrices of two models, block by block and name by name, as one long vector:
/// near 0 for models that started from different random numbers, well above for descendants of one start. No number when
/// they share no matrix. Throws Error when matrices of one name have different shapes.
double kinship(const Model& a, const Model& b);

/// Below this kinship two models plainly do not descend from one start. On Fashion-MNIST, after 300 steps at full rate,
/// two seeds measure 0.004 and two ways of training one start 0.96.
inline constexpr double kLeastKinship = 0.2;

/// Below this CKA on images two models whose blocks keep their places do not fit. On Fashion-MNIST (models of
/// merges/fashion, seed 0) the worst seam of ten merges of descendants of one start is 0.87 or more; of strangers 0.56 to
/// 0.86, those below 0.63 at half of their sources' accuracy. It says nothing where blocks change places: models trained
/// for that work at 0.34 (init_std 0.15).
inline constexpr double kLeastCka = 0.6;

}  // namespace strata
