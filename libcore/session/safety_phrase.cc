#include "libcore/session/safety_phrase.h"

#include <array>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace p2pd::session {
namespace {

// Short, plain, hard to mishear for one another; in the order of the alphabet, one for each byte.
constexpr std::array<absl::string_view, 256> kWords = {
    "acorn",    "actor",   "amber",    "anchor",  "angle",    "apple",   "apron",   "arrow",
    "autumn",   "badge",   "bagel",    "baker",   "bamboo",   "banjo",   "barley",  "barn",
    "basket",   "beach",   "beacon",   "beaver",  "bell",     "berry",   "bicycle", "birch",
    "bishop",   "blanket", "blossom",  "bottle",  "bracket",  "bramble", "bridge",  "bronze",
    "brush",    "bucket",  "buffalo",  "butter",  "button",   "cabin",   "cable",   "cactus",
    "camel",    "canal",   "candle",   "canyon",  "carbon",   "carpet",  "castle",  "cavern",
    "cedar",    "cellar",  "cement",   "chalk",   "cherry",   "chess",   "chimney", "cider",
    "circle",   "clay",    "clover",   "cobalt",  "coffee",   "comet",   "compass", "copper",
    "coral",    "cotton",  "cradle",   "crane",   "crater",   "cricket", "crystal", "curtain",
    "daisy",    "dancer",  "delta",    "desert",  "diamond",  "dinner",  "doctor",  "dolphin",
    "donkey",   "dragon",  "drum",     "eagle",   "earth",    "easel",   "echo",    "elbow",
    "elephant", "elm",     "ember",    "engine",  "falcon",   "farmer",  "feather", "fence",
    "ferry",    "fiddle",  "field",    "finger",  "flag",     "flute",   "forest",  "fossil",
    "fountain", "fox",     "frost",    "galaxy",  "garden",   "garlic",  "giant",   "ginger",
    "glacier",  "glove",   "goose",    "granite", "grape",    "gravel",  "guitar",  "hammer",
    "harbor",   "harvest", "hazel",    "heron",   "hill",     "honey",   "horse",   "hotel",
    "island",   "ivory",   "jacket",   "jaguar",  "jasmine",  "jelly",   "jigsaw",  "jungle",
    "kettle",   "kitten",  "ladder",   "lagoon",  "lantern",  "lemon",   "lentil",  "library",
    "lily",     "lion",    "lizard",   "lobster", "locket",   "lotus",   "lumber",  "magnet",
    "mango",    "maple",   "marble",   "market",  "meadow",   "melon",   "mirror",  "mitten",
    "monkey",   "moon",    "mosaic",   "motor",   "mountain", "museum",  "mustard", "napkin",
    "needle",   "nickel",  "noodle",   "oasis",   "oatmeal",  "ocean",   "olive",   "onion",
    "orange",   "orchid",  "otter",    "oven",    "owl",      "oyster",  "paddle",  "painter",
    "palace",   "panda",   "paper",    "parrot",  "pasture",  "peach",   "pebble",  "pelican",
    "pencil",   "pepper",  "piano",    "pigeon",  "pillow",   "pine",    "planet",  "plaza",
    "pocket",   "pond",    "poppy",    "potato",  "prairie",  "pumpkin", "puppet",  "puzzle",
    "quartz",   "rabbit",  "radio",    "raft",    "rainbow",  "raven",   "ribbon",  "river",
    "robin",    "rocket",  "rope",     "ruby",    "saddle",   "salmon",  "sandal",  "scarf",
    "school",   "shadow",  "shell",    "silver",  "singer",   "sister",  "sketch",  "snow",
    "sparrow",  "spider",  "spoon",    "spring",  "squirrel", "stable",  "statue",  "summer",
    "sunset",   "table",   "teapot",   "temple",  "tiger",    "timber",  "tractor", "tulip",
    "tunnel",   "turtle",  "umbrella", "valley",  "velvet",   "violin",  "walnut",  "whale",
};

}  // namespace

absl::string_view SafetyWord(uint8_t byte) { return kWords[byte]; }

std::string SafetyPhrase(ByteView bytes) {
  return absl::StrJoin(
      bytes, " ", [](std::string* out, uint8_t byte) { absl::StrAppend(out, SafetyWord(byte)); });
}

}  // namespace p2pd::session
