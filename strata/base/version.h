#pragma once

namespace strata {

/// "0.1.0": the version of this library, as files it writes carry it.
const char* version();

}  // namespace strata
