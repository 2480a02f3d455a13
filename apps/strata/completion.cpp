#include <sstream>

#include "apps/strata/tree.h"
#include "apps/strata/verbs.h"
#include "strata/base/error.h"

namespace strata::cli {
namespace {

std::string joined(const std::vector<std::string>& words, const char* between = " ") {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : between) + word;
  return text;
}

// Text inside single quotes of a shell; fish and zsh take the same form.
std::string quoted(const std::string& text) {
  std::string result = "'";
  for (const char c : text) result += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return result + "'";
}

// What bash offers for a value: a list of words, files, folders or recipes.
std::string bash_values(const TreeOption& option) {
  if (!option.choices.empty()) return "COMPREPLY=($(compgen -W " + quoted(joined(option.choices)) + " -- \"$word\"))";
  if (option.type == "FILE") return "_strata_paths -f";
  if (option.type == "FOLDER") return "_strata_paths -d";
  if (option.type == "RECIPE")
    return "COMPREPLY=($(compgen -W \"$(strata recipes --names 2>/dev/null)\" -- \"$word\")); [ ${#COMPREPLY[@]} -gt 0 "
           "] || _strata_paths -f";
  return "COMPREPLY=()";
}

std::string bash(const std::vector<TreeVerb>& verbs) {
  std::ostringstream out;
  std::vector<std::string> names;
  for (const auto& verb : verbs) names.push_back(verb.name);
  out << "# bash completion of strata; made by: strata completion bash\n"
         "_strata_paths() { compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen \"$1\" -- \"$word\"); "
         "}\n"
         "_strata() {\n"
         "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n"
         "  COMPREPLY=()\n"
         "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
         "    COMPREPLY=($(compgen -W "
      << quoted(joined(names) + " --help --version")
      << " -- \"$word\"))\n"
         "    return\n"
         "  fi\n"
         "  case ${COMP_WORDS[1]} in\n";
  for (const auto& verb : verbs) {
    std::vector<std::string> flags;
    std::string positional = "COMPREPLY=()";
    out << "    " << verb.name << ")\n      case $before in\n";
    for (const auto& option : verb.options) {
      if (option.positional) {
        positional = bash_values(option);
        continue;
      }
      flags.insert(flags.end(), option.names.begin(), option.names.end());
      if (!option.type.empty())
        out << "        " << joined(option.names, " | ") << ") " << bash_values(option) << "; return ;;\n";
    }
    out << "      esac\n"
           "      case $word in\n"
           "        -*) COMPREPLY=($(compgen -W "
        << quoted(joined(flags)) << " -- \"$word\")) ;;\n        *) " << positional << " ;;\n      esac\n      ;;\n";
  }
  out << "  esac\n}\ncomplete -F _strata strata\n";
  return out.str();
}

// zsh's _arguments reads [text] and :message:action; brackets and colons inside need a backslash.
std::string zsh_text(const std::string& text) {
  std::string result;
  for (const char c : text) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') result += '\\';
    result += c;
  }
  return result;
}

std::string zsh_action(const TreeOption& option) {
  if (!option.choices.empty()) return "(" + joined(option.choices) + ")";
  if (option.type == "FILE") return "_files";
  if (option.type == "FOLDER") return "_files -/";
  if (option.type == "RECIPE") return "_strata_recipes";
  return " ";
}

std::string zsh(const std::vector<TreeVerb>& verbs) {
  std::ostringstream out;
  out << "#compdef strata\n"
         "# zsh completion of strata; made by: strata completion zsh\n"
         "_strata_recipes() { local names; names=(${(f)\"$(strata recipes --names 2>/dev/null)\"}); compadd -a names; "
         "_files; }\n"
         "_strata() {\n  local -a verbs\n  verbs=(\n";
  for (const auto& verb : verbs) out << "    " << quoted(verb.name + ":" + zsh_text(verb.what)) << "\n";
  out << "  )\n"
         "  if (( CURRENT == 2 )); then\n    _describe verb verbs\n    return\n  fi\n"
         "  local verb=$words[2]\n  shift words\n  (( CURRENT-- ))\n"
         "  case $verb in\n";
  for (const auto& verb : verbs) {
    out << "    " << verb.name << ") _arguments";
    for (const auto& option : verb.options) {
      const std::string action = ":" + option.type + ":" + zsh_action(option);
      if (option.positional) {
        out << " \\\n      "
            << quoted((option.several ? "*" : "") + std::string(":") + option.names.front() + ":" + zsh_action(option));
        continue;
      }
      for (const auto& name : option.names)
        out << " \\\n      "
            << quoted((option.several ? "*" : "") + name + "[" + zsh_text(option.what) + "]" +
                      (option.type.empty() ? "" : action));
    }
    out << " ;;\n";
  }
  out << "  esac\n}\nif [ \"$funcstack[1]\" = _strata ]; then _strata \"$@\"; else compdef _strata strata; fi\n";
  return out.str();
}

std::string fish(const std::vector<TreeVerb>& verbs) {
  std::ostringstream out;
  out << "# fish completion of strata; made by: strata completion fish\ncomplete -c strata -f\n";
  for (const auto& verb : verbs)
    out << "complete -c strata -n __fish_use_subcommand -a " << verb.name << " -d " << quoted(verb.what) << "\n";
  for (const auto& verb : verbs) {
    for (const auto& option : verb.options) {
      out << "complete -c strata -n " << quoted("__fish_seen_subcommand_from " + verb.name);
      if (!option.positional)
        for (const auto& name : option.names)
          out << (name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1));
      if (!option.positional && !option.type.empty()) out << " -r";
      if (!option.choices.empty()) out << " -a " << quoted(joined(option.choices));
      if (option.type == "FILE") out << " -F";
      if (option.type == "FOLDER") out << " -a '(__fish_complete_directories)'";
      if (option.type == "RECIPE") out << " -F -a '(strata recipes --names 2>/dev/null)'";
      if (!option.positional) out << " -d " << quoted(option.what);
      out << "\n";
    }
  }
  return out.str();
}

}  // namespace

std::string completion(const CLI::App& app, const std::string& shell) {
  const auto verbs = walk(app);
  if (shell == "bash") return bash(verbs);
  if (shell == "zsh") return zsh(verbs);
  if (shell == "fish") return fish(verbs);
  fail_usage("expected the shell bash, zsh or fish, got '", shell, "'");
}

}  // namespace strata::cli
