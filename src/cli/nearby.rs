//! Which buses there are, for somebody who asked for one that there is not.

use framebus::bus::{AttachError, Observer};

/// How many buses a sentence names.
const NAMED: usize = 6;

/// Adds the buses that run to an error that says that there is none of a name.
pub(super) fn name_others(error: anyhow::Error) -> anyhow::Error {
    let wanted = error.chain().find_map(|cause| match cause.downcast_ref()? {
        AttachError::NoBus { bus } => Some(bus.to_string()),
        _ => None,
    });
    let Some(wanted) = wanted else {
        return error;
    };
    let buses: Vec<String> = Observer::buses().iter().map(ToString::to_string).collect();
    let Some(hint) = hint(&wanted, &buses) else {
        return error;
    };
    anyhow::anyhow!("{error}; {hint}")
}

/// Says which bus may have been meant, and which there are.
fn hint(wanted: &str, buses: &[String]) -> Option<String> {
    let near = buses
        .iter()
        .map(|bus| (distance(wanted, bus), bus))
        .filter(|(distance, bus)| *distance <= 2 && *distance < bus.len())
        .min();
    if let Some((_, bus)) = near {
        return Some(format!("did you mean {bus}? (--bus {bus})"));
    }
    let named: Vec<&str> = buses.iter().take(NAMED).map(String::as_str).collect();
    let more = buses.len().saturating_sub(NAMED);
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    (!named.is_empty()).then(|| format!("there are: {}{more} (--bus)", named.join(", ")))
}

/// How many letters have to be changed, added or left out (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, a) in a.chars().enumerate() {
        let mut above_left = row[0];
        row[0] = i + 1;
        for (j, b) in b.iter().enumerate() {
            let change = above_left + usize::from(a != *b);
            above_left = row[j + 1];
            row[j + 1] = change.min(above_left + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_near_is_offered_and_else_all_are_named() {
        let buses = ["bunny".to_owned(), "front".to_owned()];
        let said = |wanted| hint(wanted, &buses).unwrap_or_default();
        assert_eq!(said("buny"), "did you mean bunny? (--bus bunny)");
        assert_eq!(said("fromt"), "did you mean front? (--bus front)");
        assert_eq!(said("cam0"), "there are: bunny, front (--bus)");
        assert_eq!(hint("cam0", &[]), None);
        assert_eq!(distance("", "abc"), 3);
    }
}
