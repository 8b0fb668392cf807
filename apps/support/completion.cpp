#include "apps/support/completion.h"

#include <cctype>
#include <cstring>
#include <utility>

#include "apps/support/format.h"
#include "engine/error.h"
#include "engine/names.h"

namespace apps {
namespace {

using engine::joined;
using engine::text;

/// The text with a backslash before each of some characters.
std::string escaped(const std::string& plain, const std::string& characters) {
  std::string escaped;
  for (const char c : plain) {
    if (characters.find(c) != std::string::npos) escaped += '\\';
    escaped += c;
  }
  return escaped;
}

bool takes_file(const Flag& flag) { return flag.value == "FILE" || flag.value == "PATH"; }

std::string quoted_for_fish(const std::string& plain) { return text("'", escaped(plain, "\\'"), "'"); }

/// Of each flag `names` are offered, joined by + where `list` is set, and the files or folders that `paths` finds.
constexpr const char* bash_template = R"(# bash completion for @program@
_demix_@program@() {
  COMPREPLY=()
  # Bash splits arguments at = : and @ and replaces only what is behind; here they are whole again.
  local argument='' before='' behind='' word i
  for ((i = 1; i <= COMP_CWORD; ++i)); do
    word=${COMP_WORDS[i]}
    if [[ $word == [=:@]* || ($argument == *[=:@] && $word != --*) ]]; then
      argument+=$word
    else
      before=$argument argument=$word
    fi
    behind=$word
  done
  [[ $behind == [=:@]* ]] && behind=''

  local flag=$before value=$argument names=() list='' paths=''
  case $argument in
    --*=*) flag=${argument%%=*} value=${argument#*=} ;;
    -*) flag='' ;;
  esac
  [[ $flag == --* ]] && flag=${flag//_/-}
  case $flag in
@values@    '' | [!-]*@switches@)
      [[ $argument == --*=* ]] && return
      if [[ $argument == -* ]]; then names=(@flags@); else @arguments@; fi ;;
    *) return ;;
  esac

  local head='' kept=${argument%"$behind"} candidates=()
  if [[ $list ]]; then
    head=${value%"${value##*+}"}
    compopt -o nospace 2> /dev/null
  fi
  for word in "${names[@]}"; do
    [[ $head$word == "$value"* ]] && candidates+=("${argument%"$value"}$head$word")
  done
  if [[ $paths ]]; then
    compopt -o filenames 2> /dev/null
    while IFS= read -r word; do
      candidates+=("${argument%"$value"}$word")
    done < <(compgen "$paths" -- "$value")
  fi
  COMPREPLY=("${candidates[@]#"$kept"}")
}
complete -F _demix_@program@ @program@
)";

std::string bash_script(const Manual& m) {
  std::vector<std::string> flags;
  std::string values, switches, arguments;
  for (const Manual::Group& group : m.groups) {
    for (const Flag& flag : group.flags) {
      std::string found = text("names=(", joined(flag.known, " "), ")");
      if (flag.value == "LIST") found += " list=1";
      if (takes_file(flag)) found += " paths=-f";
      if (flag.value == "FOLDER") found += " paths=-d";
      if (flag.names.empty()) arguments = found;
      else if (flag.value.empty()) switches += text(" | ", joined(flag.names, " | "));
      else values += text("    ", joined(flag.names, " | "), ") ", found, " ;;\n");
      flags.insert(flags.end(), flag.names.begin(), flag.names.end());
    }
  }
  if (arguments.empty()) arguments = text("names=(", joined(flags, " "), ")");
  std::string script = bash_template;
  for (const auto& [place, filling] : {std::pair{"@program@", m.program},
                                       {"@values@", values},
                                       {"@switches@", switches},
                                       {"@flags@", joined(flags, " ")},
                                       {"@arguments@", arguments}}) {
    for (size_t at = 0; (at = script.find(place)) != std::string::npos;) {
      script.replace(at, std::strlen(place), filling);
    }
  }
  return script;
}

/// A specification of _arguments for each name of a flag, with the names that it excludes.
std::string zsh_script(const Manual& m) {
  std::string specifications;
  for (const Manual::Group& group : m.groups) {
    for (const Flag& flag : group.flags) {
      std::string what;
      for (const char c : flag.value) what += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
      const std::string known = joined(flag.known, " ");
      std::string action = text("(", known, ")");
      if (flag.value == "LIST") action = text("{compset -P \"*+\"; compadd -S \"\" -- ", known, "}");
      else if (takes_file(flag) || flag.value == "FOLDER")
        action = text(known.empty() ? "" : text("{compadd -- ", known, "; "), takes_file(flag) ? "_files" : "_files -/",
                      known.empty() ? "" : "}");
      else if (known.empty()) action = " ";
      const std::string taken = flag.value.empty() ? "" : text(":", what, ":", action);
      if (flag.names.empty()) specifications += " \\\n    " + shell_word(text("*", taken));
      for (const std::string& name : flag.names) {
        const char* joint = taken.empty() ? "" : name.starts_with("--") ? "=" : "+";
        specifications += " \\\n    " + shell_word(text("(", joined(flag.names, " "), ")", name, joint, "[",
                                                        escaped(flag.help, "\\[]:"), "]", taken));
      }
    }
  }
  return text("#compdef ", m.program, "\n_", m.program, "() {\n  _arguments -S", specifications, "\n}\n",
              "# Loaded by zsh as a function of this name it is called, and evaluated it is only made known.\n",
              "if [[ ${funcstack[1]} == _", m.program, " ]]; then\n  _", m.program, " \"$@\"\nelse\n  compdef _",
              m.program, " ", m.program, "\nfi\n");
}

/// A line for each flag. What is in brackets is run by fish when it completes; it knows the word as a whole, with the
/// flag before = in it.
std::string fish_script(const Manual& m) {
  const std::string command = text("complete -c ", m.program),
                    folders = "(__fish_complete_directories (string replace -r '^--[^=]*=' '' -- (commandline -ct)))";
  std::string script = text("# fish completion for ", m.program, "\n", command, " -f\n");
  for (const Manual::Group& group : m.groups) {
    for (const Flag& flag : group.flags) {
      std::string line = command;
      for (const std::string& name : flag.names) {
        line += name.starts_with("--") ? text(" -l ", name.substr(2)) : text(" -s ", name.substr(1));
      }
      std::string offered = joined(flag.known, " ");
      if (flag.value == "LIST") offered = text("(__fish_complete_list + \"printf '%s\\n' ", offered, "\")");
      if (flag.value == "FOLDER") offered += text(offered.empty() ? "" : " ", folders);
      if (takes_file(flag)) line += " -r -F";
      else if (!flag.value.empty()) line += " -x";
      if (!offered.empty()) line += " -a " + quoted_for_fish(offered);
      script += line + " -d " + quoted_for_fish(flag.help) + "\n";
    }
  }
  return script;
}

}  // namespace

std::string completion_script(const Manual& manual, const std::string& shell) {
  if (shell == "bash") return bash_script(manual);
  if (shell == "zsh") return zsh_script(manual);
  ENSURE(shell == "fish", "no completion for ", shell);
  return fish_script(manual);
}

}  // namespace apps
