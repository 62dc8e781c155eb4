//! The valid keys nearest to one that was mistyped.

const SUGGESTIONS_MAX: usize = 3;

/// Up to three of `valid` that look like `unknown` (`section.key`), nearest first.
pub(super) fn nearest<'a>(unknown: &str, valid: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let unknown_key = last_part(unknown);
    let mut near: Vec<(usize, &str)> = valid
        .filter_map(|candidate| {
            let distance = if last_part(candidate) == unknown_key { 0 } else { edit_distance(unknown, candidate) };
            (distance <= 1 + unknown_key.len() / 4).then_some((distance, candidate))
        })
        .collect();
    near.sort();
    near.into_iter().take(SUGGESTIONS_MAX).map(|(_, candidate)| candidate).collect()
}

fn last_part(key: &str) -> &str {
    key.rsplit('.').next().unwrap_or(key)
}

/// Levenshtein distance in bytes: keys are ASCII.
fn edit_distance(left: &str, right: &str) -> usize {
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in right.bytes().enumerate() {
            let above = row[j + 1];
            row[j + 1] = (diagonal + usize::from(a != b)).min(above + 1).min(row[j] + 1);
            diagonal = above;
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_and_a_wrong_section_both_find_the_key() {
        let valid = ["server.listen", "server.idle_secs", "runs.heartbeat_secs"];

        assert_eq!(nearest("server.lisen", valid.into_iter()), ["server.listen"]);
        assert_eq!(nearest("data.listen", valid.into_iter()), ["server.listen"]);
        assert!(nearest("colour", valid.into_iter()).is_empty());
    }
}
