#include <algorithm>
#include <charconv>
#include <cmath>

#include "engine/names.h"
#include "mixup/policies.h"

namespace mixup {
namespace {

double parse_number(const std::string& text, const std::string& list) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  ENSURE(error == std::errc() && end == text.data() + text.size(), "policies '", list, "': '", text,
         "' is not a number");
  return value;
}

/// "name@alpha:weight", the latter two if they are there.
Choice parse_choice(const std::string& item, const std::string& list, const PolicyOptions& options) {
  const size_t colon = std::min(item.find(':'), item.size()), at = std::min(item.find('@'), colon);
  Choice choice{&engine::find_named(policies(), "policy", item.substr(0, at)), 0, 1};
  choice.alpha = choice.entry->alphas[static_cast<size_t>(options.family)];
  if (choice.entry->has_alpha() && options.alpha) choice.alpha = *options.alpha;
  if (at < colon) {
    ENSURE(choice.entry->has_alpha(), "policies '", list, "': ", choice.entry->name, " has no alpha");
    choice.alpha = parse_number(item.substr(at + 1, colon - at - 1), list);
  }
  if (colon < item.size()) choice.weight = parse_number(item.substr(colon + 1), list);
  ENSURE(!choice.entry->has_alpha() || (choice.alpha >= 1e-3 && choice.alpha <= 1e6), "mix-alpha: ", choice.alpha,
         " is not from 0.001 to 1e6");
  ENSURE(choice.weight > 0 && std::isfinite(choice.weight), "policies '", list, "': weight ", choice.weight,
         " is not above 0");
  return choice;
}

}  // namespace

std::vector<Choice> parse_policies(const std::string& list, const PolicyOptions& options) {
  std::vector<Choice> choices;
  for (size_t begin = 0; begin <= list.size();) {
    const size_t end = std::min(list.find('+', begin), list.size());
    choices.push_back(parse_choice(list.substr(begin, end - begin), list, options));
    begin = end + 1;
  }
  ENSURE(!options.alpha || std::any_of(choices.begin(), choices.end(),
                                       [](const Choice& choice) { return choice.entry->has_alpha(); }),
         "mix-alpha: ", list, " has no alpha");
  if (options.switch_prob) {
    ENSURE(choices.size() == 2 && list.find(':') == std::string::npos,
           "mix-switch-prob: for two policies without weights, not '", list, "'");
    ENSURE(*options.switch_prob > 0 && *options.switch_prob < 1, "mix-switch-prob: ", *options.switch_prob,
           " is not between 0 and 1");
    choices[0].weight = 1 - *options.switch_prob;
    choices[1].weight = *options.switch_prob;
  }
  return choices;
}

std::string list_of(const std::vector<Choice>& choices) {
  std::string list;
  for (const Choice& choice : choices) {
    list += engine::text(list.empty() ? "" : "+", choice.entry->name);
    if (choice.entry->has_alpha()) list += engine::text("@", engine::exact(choice.alpha));
    if (choices.size() > 1) list += engine::text(":", engine::exact(choice.weight));
  }
  return list;
}

}  // namespace mixup
