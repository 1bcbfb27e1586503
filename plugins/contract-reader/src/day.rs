//! Days as people write them, where they can be read in one way only.

use jiff::civil::Date;

/// Every form is one that all readers take for the same day; `02/03/2026` is not among them.
const FORMS: [&str; 7] =
    ["%Y-%m-%d", "%d %B %Y", "%B %d, %Y", "%B %d %Y", "%d %b %Y", "%b %d, %Y", "%d.%m.%Y"];

/// The day as `YYYY-MM-DD`, or why it can't be told.
pub(crate) fn day(printed: &str) -> Result<String, String> {
    let plain = without_ordinals(printed);
    let found = FORMS.iter().find_map(|form| Date::strptime(form, &plain).ok());
    // `March 2026` would be the 20th of March of the year 26.
    let found = found.filter(|day| day.year() >= 1900);
    match found {
        Some(day) => Ok(day.to_string()),
        None if plain.contains('/') => {
            Err("day and month can be taken for each other; write 2026-03-01".into())
        }
        None => Err("it is no day of the calendar; write 2026-03-01".into()),
    }
}

/// `1st of March 2026` as `1 March 2026`.
fn without_ordinals(printed: &str) -> String {
    let bare = |word: &str| {
        let stem = ["st", "nd", "rd", "th"].iter().find_map(|end| word.strip_suffix(end));
        match stem {
            Some(stem) if !stem.is_empty() && stem.chars().all(|character| character.is_ascii_digit()) => {
                stem.to_owned()
            }
            _ => word.to_owned(),
        }
    };
    let words = printed.split_whitespace().filter(|word| !matches!(*word, "of" | "the"));
    words
        .map(|word| word.strip_suffix(',').map_or_else(|| bare(word), |word| bare(word) + ","))
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_with_one_meaning_are_read() {
        for printed in
            ["2026-03-01", "1 March 2026", "March 1, 2026", "1st of March 2026", "01.03.2026", "1 Mar 2026"]
        {
            assert_eq!(day(printed).as_deref(), Ok("2026-03-01"), "{printed}");
        }
    }

    #[test]
    fn days_with_two_meanings_or_none_are_not() {
        for printed in ["02/03/2026", "2026-02-30", "on signature", "March 2026", ""] {
            assert!(day(printed).is_err(), "{printed}");
        }
    }
}
