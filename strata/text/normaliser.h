#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "strata/text/pattern.h"

namespace strata {

/// One change that a tokenizer makes to text before cutting it.
struct NormaliserStep {
  enum class Kind { nfc, nfd, nfkc, nfkd, lowercase, strip_accents, strip, prepend, replace, byte_level };

  Kind kind = Kind::nfc;
  std::string text;                // prepend: what; replace: by what
  Pattern pattern;                 // replace
  bool left = true, right = true;  // strip: at which ends
};

/// All steps, one after the other. Ill-formed bytes pass unchanged.
std::string normalise(const std::vector<NormaliserStep>& steps, std::string_view text);

}  // namespace strata
