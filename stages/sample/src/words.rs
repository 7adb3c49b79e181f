//! The words that things are described with.

/// A kind of thing that a preference is about.
pub(crate) struct Department {
    /// Its name.
    pub(crate) name: &'static str,
    /// The things in it.
    pub(crate) things: [&'static str; 6],
    /// What they are for.
    pub(crate) uses: [&'static str; 3],
}

const fn department(name: &'static str, things: [&'static str; 6], uses: [&'static str; 3]) -> Department {
    Department { name, things, uses }
}

/// The departments, one a preference; with more preferences they come again as [`VARIANTS`].
pub(crate) const DEPARTMENTS: [Department; 12] = [
    department(
        "Guitars",
        ["acoustic guitar", "electric guitar", "guitar strap", "capo", "string set", "guitar stand"],
        ["campfire songs", "blues practice", "the first lessons"],
    ),
    department(
        "Drums",
        ["snare drum", "cymbal", "drum throne", "drumsticks", "practice pad", "bass pedal"],
        ["quiet practice", "the rehearsal room", "marching bands"],
    ),
    department(
        "Keyboards",
        ["digital piano", "synthesizer", "keyboard stand", "sustain pedal", "piano bench", "dust cover"],
        ["piano lessons", "electronic music", "church services"],
    ),
    department(
        "Recording",
        ["condenser microphone", "audio interface", "pop filter", "studio headphones", "mixer", "shock mount"],
        ["podcasts", "a home studio", "field recording"],
    ),
    department(
        "Kitchen",
        ["chef's knife", "cutting board", "frying pan", "stock pot", "whisk", "measuring cup"],
        ["weeknight dinners", "baking bread", "large families"],
    ),
    department(
        "Garden",
        ["pruning shears", "watering can", "raised bed", "seed tray", "garden hose", "trellis"],
        ["tomatoes", "roses", "a small balcony"],
    ),
    department(
        "Camping",
        ["tent", "sleeping bag", "camp stove", "headlamp", "folding chair", "water filter"],
        ["winter hikes", "festivals", "the backcountry"],
    ),
    department(
        "Cycling",
        ["bicycle helmet", "bike light", "saddle bag", "floor pump", "chain lube", "repair stand"],
        ["commuting", "gravel rides", "long tours"],
    ),
    department(
        "Painting",
        ["watercolor set", "easel", "brush roll", "sketch pad", "canvas", "palette knife"],
        ["landscapes", "portraits", "art class"],
    ),
    department(
        "Photography",
        ["tripod", "camera bag", "lens cloth", "flash", "memory card", "light tent"],
        ["product shots", "night skies", "wildlife"],
    ),
    department(
        "Board Games",
        ["strategy game", "card game", "dice set", "expansion pack", "score pad", "game box"],
        ["family evenings", "two players", "long weekends"],
    ),
    department(
        "Sewing",
        ["sewing machine", "fabric scissors", "thread set", "pin cushion", "dress pattern", "quilt batting"],
        ["quilts", "alterations", "children's clothes"],
    ),
];

/// What sets departments of one kind apart when there are more preferences than kinds.
pub(crate) const VARIANTS: [&str; 8] =
    ["", "Vintage", "Travel", "Children's", "Professional", "Budget", "Left-Handed", "Collector's"];

/// What a thing is like.
pub(crate) const ATTRIBUTES: [&str; 16] = [
    "compact",
    "heavy-duty",
    "lightweight",
    "walnut",
    "carbon",
    "blue",
    "red",
    "adjustable",
    "foldable",
    "waterproof",
    "padded",
    "stainless",
    "hand-made",
    "quiet",
    "bright",
    "classic",
];

/// The names of series.
pub(crate) const SERIES: [&str; 24] = [
    "Aurora", "Birch", "Cascade", "Delta", "Ember", "Fjord", "Granite", "Harbor", "Indigo", "Juniper", "Kestrel",
    "Lumen", "Meridian", "Nimbus", "Onyx", "Prairie", "Quarry", "Ridge", "Summit", "Tundra", "Umbra", "Vista",
    "Willow", "Zephyr",
];

/// The names of makers.
pub(crate) const BRANDS: [&str; 10] = [
    "Alder & Sons",
    "Brightwater",
    "Copperline",
    "Dunmore",
    "Eastgate",
    "Fennimore",
    "Goldcrest",
    "Hartwell",
    "Ironbridge",
    "Kingsley",
];

/// What a content buyer says: a summary and a sentence.
pub(crate) const PRAISE: [(&str, &str); 4] = [
    ("Five Stars", "Exactly what I hoped for."),
    ("Great value", "Well made, and it arrived early."),
    ("Love it!", "I use it every day now."),
    ("Works as described", "I would buy it again &amp; again."),
];

/// What a buyer with other preferences says.
pub(crate) const DOUBT: [(&str, &str); 3] = [
    ("Not for me", "It was a gift, and not really my thing."),
    ("It's okay", "It does the job, but I seldom use it."),
    ("Three Stars", "Fine, though I expected more."),
];
