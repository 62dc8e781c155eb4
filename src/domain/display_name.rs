//! Names that people can say, for runs that were given none.

const ADJECTIVES: [&str; 48] = [
    "amber", "balanced", "bold", "brave", "bright", "brisk", "calm", "careful", "clear", "copper", "crisp", "curious",
    "deep", "distant", "eager", "early", "even", "fair", "fine", "fresh", "gentle", "golden", "grand", "happy",
    "heavy", "honest", "keen", "kind", "light", "lively", "lucky", "mellow", "mild", "noble", "patient", "plain",
    "proud", "quick", "quiet", "rapid", "silver", "smooth", "solid", "steady", "sturdy", "swift", "warm", "wise",
];

const NOUNS: [&str; 48] = [
    "anchor",
    "balance",
    "barge",
    "beacon",
    "bell",
    "bridge",
    "brook",
    "canal",
    "cargo",
    "cedar",
    "compass",
    "crane",
    "dawn",
    "delta",
    "ferry",
    "field",
    "forest",
    "gate",
    "grain",
    "harbour",
    "hill",
    "island",
    "lantern",
    "ledger",
    "lever",
    "lighthouse",
    "meadow",
    "measure",
    "mill",
    "moon",
    "oak",
    "orchard",
    "pier",
    "plume",
    "quay",
    "rain",
    "river",
    "sail",
    "scale",
    "shore",
    "sloop",
    "spring",
    "stone",
    "tide",
    "tower",
    "valley",
    "wharf",
    "wind",
];

/// `quiet-harbour-7`: two random bytes choose the words, the number is the run's in its project.
pub fn display_name(random: [u8; 2], number: u64) -> String {
    let word = |words: &[&'static str; 48], byte: u8| words[usize::from(byte) % words.len()];
    format!("{}-{}-{number}", word(&ADJECTIVES, random[0]), word(&NOUNS, random[1]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_ends_in_the_number_of_its_run() {
        assert_eq!(display_name([0, 255], 7), "amber-field-7");
    }
}
