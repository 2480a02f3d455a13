#pragma once

#include <string>
#include <vector>

#include "strata/data/images.h"

namespace strata {

/// What classes called `names` are among classes called `known`.
struct ClassMap {
  std::vector<int64_t> to;  // for each of `names`, its number in `known`
  std::string warning;      // where the names say nothing, and the numbers were taken as they are
};

/// Whether classes are called LABEL_0, LABEL_1, ... or nothing: what is called so has no names.
bool nameless(const std::vector<std::string>& classes);

/// Finds every name among the known ones, compared letter by letter; '_' may stand for '/', which no folder's name can
/// hold. Where one side has no names, or as many classes as the other and no name in common, classes keep their
/// numbers, with a warning. Throws Error, beginning with `who`, when names are not found otherwise, and when one stands
/// for several of the known classes; `whose` says whose these are: "the model's classes".
ClassMap map_classes(const std::string& who, const std::vector<std::string>& names, const std::string& whose,
                     const std::vector<std::string>& known);

/// The set with labels that are a model's numbers of its classes, and their names. `warning` gets map_classes'. Throws
/// as map_classes does.
ImageSet labelled_for(const std::vector<std::string>& known, ImageSet set, std::string& warning);

}  // namespace strata
