#include "strata/data/classes.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <map>
#include <numeric>

#include "strata/base/error.h"
#include "strata/base/suggest.h"

namespace strata {
namespace {

std::string quoted(const std::vector<std::string>& names, size_t most = 5) {
  std::vector<std::string> shown;
  for (size_t i = 0; i < std::min(names.size(), most + 1); ++i) shown.push_back(in_quotes(names[i]));
  return join_names(shown, most);
}

std::vector<int64_t> by_number(size_t count) {
  std::vector<int64_t> to(count);
  std::iota(to.begin(), to.end(), 0);
  return to;
}

}  // namespace

bool nameless(const std::vector<std::string>& classes) {
  for (size_t i = 0; i < classes.size(); ++i)
    if (classes[i] != "LABEL_" + std::to_string(i)) return false;
  return true;
}

ClassMap map_classes(const std::string& who, const std::vector<std::string>& names, const std::string& whose,
                     const std::vector<std::string>& known) {
  if (names == known) return {by_number(names.size()), ""};
  std::map<std::string, std::vector<int64_t>> places, written;
  for (size_t i = 0; i < known.size(); ++i) {
    places[known[i]].push_back(static_cast<int64_t>(i));
    std::string text = known[i];
    std::replace(text.begin(), text.end(), '/', '_');
    written[text].push_back(static_cast<int64_t>(i));
  }
  places.merge(written);  // where no class is called so itself
  ClassMap map;
  std::vector<std::string> missing;
  for (const auto& name : names) {
    const auto found = places.find(name);
    if (found == places.end()) {
      missing.push_back(name);
      continue;
    }
    if (found->second.size() > 1)
      fail(who, ": expected class ", in_quotes(name), " to be one of ", whose, ", found classes ", found->second[0],
           " and ", found->second[1], " of that name; give them different names");
    map.to.push_back(found->second.front());
  }
  if (missing.empty()) return map;
  const std::string both = whose + " are called " + quoted(known);
  const bool unnamed = nameless(names) || nameless(known);
  if (names.size() == known.size() ? unnamed || map.to.empty() : nameless(names) && names.size() < known.size())
    return {by_number(names.size()),
            detail::concatenate(who, ": its classes are called ", quoted(names), ", ", both,
                                ": no name says which is which, so class 0 is taken for class 0, and so on; what comes "
                                "out means something only if both count the same classes in the same order")};
  fail(who, ": expected its classes to be among ", whose, ", found ", missing.size(), " of ", names.size(),
       " that are not: ", quoted(missing), "; ", both, "; ",
       nameless(known) ? "name them in config.json (id2label)"
                       : "rename them (names are compared letter by letter) or leave them out");
}

ImageSet labelled_for(const std::vector<std::string>& known, ImageSet set, std::string& warning) {
  if (known.empty() || set.classes.empty()) return set;  // nothing to go by
  ClassMap map = map_classes("data set '" + set.name + "'", set.classes, "the model's classes", known);
  warning = std::move(map.warning);
  if (map.to != by_number(map.to.size())) {
    if (set.size() > 0 &&
        (set.labels.min().item<int64_t>() < 0 || set.labels.max().item<int64_t>() >= std::ssize(map.to)))
      fail("data set '", set.name, "': expected labels from 0 to ", map.to.size() - 1, ", its classes, found others");
    set.labels = at::tensor(map.to, at::kLong).index_select(0, set.labels);
  }
  // Names are taken over where they are the same, and where only the model has any.
  if (warning.empty() || nameless(set.classes)) set.classes = known;
  return set;
}

}  // namespace strata
