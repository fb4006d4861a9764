#include "clients/cli/completion.h"

#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"

namespace p2pd::cli {
namespace {

struct Word {
  std::string text;
  std::string help;
  bool takes_value = false;
};

// The words that may follow each path of commands ("", "call", "call dial", …), options included.
using Tree = std::map<std::string, std::vector<Word>>;

void Walk(const CLI::App& app, const std::string& path, Tree& tree) {
  std::vector<Word>& words = tree[path];
  for (const CLI::App* child : app.get_subcommands([](const CLI::App*) { return true; })) {
    words.push_back({child->get_name(), child->get_description(), false});
    Walk(*child, path.empty() ? child->get_name() : path + " " + child->get_name(), tree);
  }
  for (const CLI::Option* option : app.get_options()) {
    if (option->nonpositional()) {
      words.push_back({"--" + option->get_lnames().front(), option->get_description(),
                       option->get_items_expected_max() > 0});
    }
  }
}

std::string Quoted(std::string text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

void PrintBash(const Tree& tree) {
  std::puts("# p2pctl completion for bash: source <(p2pctl completion bash)");
  std::puts("declare -gA _p2pctl_words=(");
  for (const auto& [path, words] : tree) {
    std::string line;
    for (const Word& word : words) line += (line.empty() ? "" : " ") + word.text;
    std::printf("  [%s]=%s\n", Quoted("." + path).c_str(), Quoted(line).c_str());
  }
  std::puts(R"()
_p2pctl() {
  local path="." word next
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    next="$path"
    if [[ $path == . ]]; then next=".$word"; else next="$path $word"; fi
    [[ -n ${_p2pctl_words[$next]+set} ]] && path="$next"
  done
  COMPREPLY=($(compgen -W "${_p2pctl_words[$path]}" -- "${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _p2pctl p2pctl)");
}

void PrintZsh(const Tree& tree) {
  std::puts("#compdef p2pctl");
  std::puts("# p2pctl completion for zsh: put this file as _p2pctl into a folder of $fpath");
  std::puts("_p2pctl() {");
  std::puts("  local -A known=(");
  for (const auto& [path, words] : tree) {
    std::string line;
    for (const Word& word : words) line += (line.empty() ? "" : " ") + word.text;
    std::printf("    %s %s\n", Quoted("." + path).c_str(), Quoted(line).c_str());
  }
  std::puts(R"(  )
  local here="." word next
  for word in ${words[2,CURRENT-1]}; do
    if [[ $here == . ]]; then next=".$word"; else next="$here $word"; fi
    (( ${+known[$next]} )) && here="$next"
  done
  compadd -- ${(s: :)known[$here]} || _files
}
_p2pctl "$@")");
}

void PrintFish(const Tree& tree) {
  std::puts("# p2pctl completion for fish: p2pctl completion fish | source");
  std::puts("complete -c p2pctl -f");
  for (const auto& [path, words] : tree) {
    std::string condition = "__fish_use_subcommand";
    if (!path.empty()) {
      condition = "string match -q -- '*" + path + "*' (string join ' ' (commandline -opc))";
    }
    for (const Word& word : words) {
      const bool option = word.text.rfind("--", 0) == 0;
      std::printf("complete -c p2pctl -n %s %s %s%s -d %s\n", Quoted(condition).c_str(),
                  option ? "-l" : "-a", Quoted(option ? word.text.substr(2) : word.text).c_str(),
                  word.takes_value && option ? " -r -F" : "", Quoted(word.help).c_str());
    }
  }
}

}  // namespace

bool PrintCompletion(const CLI::App& app, const std::string& shell) {
  Tree tree;
  Walk(app, "", tree);
  if (shell == "bash") {
    PrintBash(tree);
  } else if (shell == "zsh") {
    PrintZsh(tree);
  } else if (shell == "fish") {
    PrintFish(tree);
  } else {
    return false;
  }
  return true;
}

}  // namespace p2pd::cli
