#include "strata/blocks/given.h"

#include "strata/base/error.h"

namespace strata {
namespace {

const Given::Value& lookup(const Given& given, std::string_view name) {
  if (const auto found = given.values.find(name); found != given.values.end()) return found->second;
  std::string known;
  for (const auto& [key, value] : given.values) known += (known.empty() ? "" : ", ") + key;
  fail("given: no '", name, "'; given: ", known.empty() ? "nothing" : known);
}

}  // namespace

const Tensor& Given::tensor(std::string_view name) const {
  if (const auto* value = std::get_if<Tensor>(&lookup(*this, name))) return *value;
  fail("given: '", name, "' is a stream, expected a tensor");
}

const Stream& Given::stream(std::string_view name) const {
  if (const auto* value = std::get_if<Stream>(&lookup(*this, name))) return *value;
  fail("given: '", name, "' is a tensor, expected a stream");
}

void check_given(const Given& given, const Need& need, std::string_view who, int64_t sequences) {
  const auto found = given.values.find(need.name);
  if (found == given.values.end()) fail(who, ": needs '", need.name, "' beside its stream, which was not given");
  const bool is_stream = std::holds_alternative<Stream>(found->second);
  if (is_stream != (need.kind == Need::Kind::stream))
    fail(who, ": '", need.name, "' must be a ", is_stream ? "tensor, got a stream" : "stream, got a tensor");
  if (is_stream && std::get<Stream>(found->second).tracks.empty())
    fail(who, ": the stream '", need.name, "' has no tracks");
  const Tensor& value = is_stream ? std::get<Stream>(found->second).x() : std::get<Tensor>(found->second);
  bool fits = value.defined() && value.dim() == static_cast<int64_t>(need.shape.size());
  for (size_t axis = 0; fits && axis < need.shape.size(); ++axis)
    fits = need.shape[axis] < 0 || need.shape[axis] == value.size(static_cast<int64_t>(axis));
  if (!fits)
    fail(who, ": expected '", need.name, "' ", at::IntArrayRef(need.shape), " (-1: any), got ",
         value.defined() ? detail::concatenate(value.sizes()) : std::string("an undefined tensor"));
  if (!need.per_sequence) return;
  const int64_t got = is_stream ? std::get<Stream>(found->second).rows()->sequences : value.size(0);
  if (got != sequences) fail(who, ": expected '", need.name, "' for ", sequences, " sequences, got ", got);
}

}  // namespace strata
