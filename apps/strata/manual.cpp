#include <sstream>

#include "apps/strata/tree.h"
#include "apps/strata/verbs.h"

namespace strata::cli {
namespace {

// scdoc reads _ and * as markup.
std::string plain(const std::string& text) {
  std::string result;
  for (const char c : text) {
    if (c == '_' || c == '*' || c == '\\' || c == '<' || c == '#' || c == '~' || c == '.') result += '\\';
    result += c;
  }
  return result;
}

std::string heading(const TreeOption& option) {
  std::string text;
  for (const auto& name : option.names) text += (text.empty() ? "*" : ", *") + plain(name) + "*";
  if (!option.type.empty() && !option.positional) text += " " + plain(option.type);
  if (option.several) text += " ...";
  return text;
}

}  // namespace

std::string manual(const CLI::App& app) {
  std::ostringstream out;
  out << "strata(1)\n\n# NAME\n\nstrata - train, rewire and run neural networks whose layers can be skipped and "
         "reordered\n\n"
         "# SYNOPSIS\n\n*strata* VERB [OPTIONS] [ARGUMENTS]\n\n# DESCRIPTION\n\n"
      << plain(app.get_description())
      << "\n\nA _route_ says which blocks of a model run, in which order and which of them side by side: *0-5* is "
         "blocks 0 to 5, *3,1,2,0* another "
         "order, *0-3,5* leaves one out, *0,1+2,3* runs two side by side, *0-2x2* repeats three blocks\\.\n\n# VERBS\n";
  for (const auto& verb : walk(app)) {
    out << "\n## strata " << verb.name;
    for (const auto& option : verb.options)
      if (option.positional)
        out << (option.required ? " " : " [") << option.names.front() << (option.several ? "..." : "")
            << (option.required ? "" : "]");
    out << "\n\n" << plain(verb.what) << "\\.\n";
    for (const auto& option : verb.options) {
      out << "\n" << heading(option) << "\n\t" << plain(option.what);
      if (!option.choices.empty() && option.positional) {
        out << ": ";
        for (size_t i = 0; i < option.choices.size(); ++i) out << (i > 0 ? ", " : "") << option.choices[i];
      }
      if (!option.fallback.empty()) out << " (" << plain(option.fallback) << ")";
      out << "\n";
    }
  }
  out << "\n# ENVIRONMENT\n\n"
         "*STRATA_NUM_THREADS*\n\tthreads to use, when *--threads* does not say; else OMP\\_NUM\\_THREADS, else what "
         "affinity and control groups allow\n\n"
         "*STRATA_DATA*\n\tfolder that holds data sets\n\n"
         "*STRATA_RECIPES*\n\tfolder that holds recipes\n\n"
         "*STRATA_ISA*\n\tinstruction set of the kernels: reference, avx2 or avx512\n\n"
         "*STRATA_ALLOCATOR*\n\tsystem: take tensors from the C library instead of the pool of kept blocks\n\n"
         "*NO_COLOR*\n\tno colours\n\n"
         "# EXIT STATUS\n\n0 done, 1 failed, 2 wrong usage\\. Errors are one sentence on standard error\\.\n";
  return out.str();
}

}  // namespace strata::cli
