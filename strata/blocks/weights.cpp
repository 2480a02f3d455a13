#include "strata/blocks/weights.h"

#include <algorithm>
#include <cmath>
#include <mutex>

#include "strata/base/error.h"
#include "strata/ops/linear.h"

namespace strata {
namespace {

constexpr std::string_view kShared = "shared.";

std::mutex settling;  // of values into the entries of any catalogue: a moment, once for each weight

}  // namespace

// Copies of a catalogue share it, so whoever asks first reads for all of them.
struct Catalogue::Pending {
  std::once_flag once;
  std::vector<int64_t> shape;
  std::function<Tensor()> load;
  Tensor value;
};

void Catalogue::insert(Entry entry) {
  if (!index_.emplace(entry.name, entries_.size()).second) fail("weights: '", entry.name, "' is there already");
  entries_.push_back(std::move(entry));
  pending_.push_back(nullptr);
}

void Catalogue::insert_pending(Entry entry, std::vector<int64_t> shape, std::function<Tensor()> load) {
  insert(std::move(entry));
  pending_.back() = std::make_shared<Pending>();
  pending_.back()->shape = std::move(shape);
  pending_.back()->load = std::move(load);
}

void Catalogue::settle(size_t index) const {
  if (!pending_[index]) return;
  Pending& pending = *pending_[index];
  std::call_once(pending.once, [&pending] {
    pending.value = pending.load();
    pending.load = nullptr;  // lets go of the file
  });
  const std::lock_guard lock(settling);
  if (!entries_[index].value.defined()) entries_[index].value = pending.value;
}

const std::vector<Catalogue::Entry>& Catalogue::entries() const {
  for (size_t i = 0; i < entries_.size(); ++i) settle(i);
  return entries_;
}

std::vector<Catalogue::Entry>& Catalogue::entries() {
  for (size_t i = 0; i < entries_.size(); ++i) settle(i);
  return entries_;
}

const Catalogue::Entry* Catalogue::find(std::string_view name) const {
  const auto found = index_.find(name);
  if (found == index_.end()) return nullptr;
  settle(found->second);
  return &entries_[found->second];
}

const Tensor& Catalogue::at(std::string_view name) const {
  if (const Entry* entry = find(name)) return entry->value;
  const auto near = index_.lower_bound(name);
  fail("weights: no '", name, "' among ", entries_.size(), " tensors",
       near == index_.end() ? std::string() : "; the next name in order is '" + near->first + "'");
}

void Catalogue::set(std::string_view name, Tensor value) {
  const Tensor& old = at(name);
  if (old.sizes() != value.sizes()) fail("weights: '", name, "' is ", old.sizes(), ", got a tensor of ", value.sizes());
  entries_[index_.find(name)->second].value = std::move(value);
}

int64_t Catalogue::parameters() const {
  int64_t total = 0;
  for (size_t i = 0; i < entries_.size(); ++i) {
    if (!entries_[i].trained) continue;
    const bool waits = pending_[i] && !entries_[i].value.defined();
    total += waits ? c10::multiply_integers(pending_[i]->shape) : entries_[i].value.numel();
  }
  return total;
}

Tensor initial_value(const ParamInfo& info, Random random) {
  Tensor value = at::empty(info.shape, at::kFloat);
  float* out = value.mutable_data_ptr<float>();
  const double scale = info.init.scale;
  for (int64_t i = 0; i < value.numel(); ++i) {
    double draw = 0;
    switch (info.init.kind) {
      case Init::Kind::zeros:
        break;
      case Init::Kind::ones:
        draw = 1;
        break;
      case Init::Kind::normal:
        draw = scale * random.normal();
        break;
      case Init::Kind::truncated_normal:
        do draw = random.normal();
        while (std::abs(draw) > 2);
        draw *= scale;
        break;
      case Init::Kind::uniform:
        draw = scale * (2 * random.uniform() - 1);
        break;
    }
    out[i] = static_cast<float>(draw);
  }
  return value;
}

Tensor Weights::resolve(const std::string& full) const {
  Tensor value;
  for (const Overlay* overlay : overlays_) {
    if (const auto found = overlay->replace.find(full); found != overlay->replace.end()) value = found->second;
    if (const auto found = overlay->add.find(full); found != overlay->add.end())
      value = (value.defined() ? value : catalogue_->at(full)) + found->second;
  }
  return value.defined() ? value : catalogue_->at(full);
}

const LowRank* Weights::low_rank(const std::string& full) const {
  const LowRank* result = nullptr;
  for (const Overlay* overlay : overlays_) {
    const auto found = overlay->low_rank.find(full);
    if (found == overlay->low_rank.end()) continue;
    if (result) fail("weights: two overlays hold a low-rank change of '", full, "'; stack them into one");
    result = &found->second;
  }
  return result;
}

Tensor Weights::operator[](std::string_view name) const {
  const std::string full = prefix_ + std::string(name);
  if (low_rank(full))
    fail("weights: '", full, "' has a low-rank change, which only linear layers can apply; its block reads it whole");
  return resolve(full);
}

bool Weights::has(std::string_view name) const {
  const std::string full = prefix_ + std::string(name);
  return catalogue_->find(full) || std::any_of(overlays_.begin(), overlays_.end(), [&full](const Overlay* overlay) {
           return overlay->replace.count(full) > 0;
         });
}

Tensor Weights::shared(std::string_view name) const {
  return resolve(std::string(kShared) + std::string(name));
}

Weights Weights::child(std::string_view name) const {
  Weights result = *this;
  result.prefix_ += name;
  result.prefix_ += '.';
  return result;
}

Tensor Weights::linear(const Tensor& x, std::string_view name) const {
  return linear(x, name, {}, {});
}

Tensor Weights::linear(const Tensor& x, std::string_view name, const Tensor& out, const Tensor& in) const {
  const std::string full = prefix_ + std::string(name) + ".weight";
  Tensor weight = resolve(full);
  if (x.dim() != 2 || x.size(1) != (in.defined() ? in.numel() : weight.size(1)))
    fail(full, ": expected x [rows, ", in.defined() ? in.numel() : weight.size(1), "], got ", x.sizes());
  if (out.defined()) weight = weight.index_select(0, out);
  if (in.defined()) weight = weight.index_select(1, in);
  Tensor bias;
  if (const std::string bias_name = std::string(name) + ".bias"; has(bias_name)) {
    bias = resolve(prefix_ + bias_name);
    if (out.defined()) bias = bias.index_select(0, out);
  }
  Tensor y = ops::linear(x, weight, bias);
  if (const LowRank* change = low_rank(full)) {
    const Tensor a = in.defined() ? change->a.index_select(-1, in) : change->a;
    const Tensor b = out.defined() ? change->b.index_select(-2, out) : change->b;
    if (!change->choice.defined()) return y + change->scale * at::linear(at::linear(x, a), b);
    const Tensor inner = at::bmm(a.index_select(0, change->choice), x.unsqueeze(2));  // rows in -> rows rank 1
    return y + change->scale * at::bmm(b.index_select(0, change->choice), inner).squeeze(2);
  }
  return y;
}

std::optional<ops::LinearWeights> Weights::linear_weights(std::string_view name) const {
  const std::string full = prefix_ + std::string(name);
  if (low_rank(full + ".weight")) return std::nullopt;
  ops::LinearWeights result{resolve(full + ".weight"), {}};
  if (has(std::string(name) + ".bias")) result.bias = resolve(full + ".bias");
  return result;
}

Tensor Weights::gather(std::string_view name, const Tensor& index) const {
  return at::embedding((*this)[name], index);
}

}  // namespace strata
