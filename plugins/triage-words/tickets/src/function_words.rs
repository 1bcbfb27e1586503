//! Words that say nothing of what a text is about.

use std::sync::LazyLock;

/// They hold a sentence together, in order.
const JOINTS: &str = "about above also although always am an and another are around as at be because been being below between \
    both but by came come do doing during for from further get gets getting give given go goes going got \
    had has have having he hello her here hers herself hi him himself his however id if ill im in into is \
    it its itself ive just let lets like made make makes me must my myself now of off on onto or our ours \
    ourselves out over own please pls quite rather really say says see shall she should than thank thanks \
    that thats the their theirs them themselves these they theyre this those though through thus to under \
    up upon us use used using very via want wants was way we well went were will with within without would \
    you youd youll your youre yours yourself";

/// They say how it is put: as a question, of how many, that it is not so, and when; in order.
const FORMS: &str = "\
    after again against ago all almost already any anybody anyone anything arent back before can cannot cant \
    could couldnt day days did didnt does doesnt done dont each either else ever every few hadnt happen \
    happened happening happens hasnt havent help how instead isnt last look looks many may maybe might more \
    most much need needs neither never next no nor not often once one only other others perhaps said same seem \
    seems shouldnt since so some somebody someone something still such then there theres thing things time \
    times today tomorrow too two until wasnt week weeks werent what whats when where wheres which while who \
    whom whose why wont wouldnt yes yesterday yet";

static LISTED: LazyLock<[Vec<&str>; 2]> =
    LazyLock::new(|| [JOINTS, FORMS].map(|words| words.split_ascii_whitespace().collect()));

/// Whether a word, in lower case and without apostrophes, only holds a sentence together: it is evidence of nothing.
#[must_use]
pub fn is_joint(word: &str) -> bool {
    let [joints, _] = &*LISTED;
    word.len() == 1 || joints.binary_search(&word).is_ok()
}

/// Whether a word says what a text is about. Numbers don't: they stand in texts of every kind.
#[must_use]
pub fn is_telling(word: &str) -> bool {
    let [_, forms] = &*LISTED;
    word.chars().any(char::is_alphabetic) && !is_joint(word) && forms.binary_search(&word).is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_stand_in_order_and_once() {
        for words in &*LISTED {
            assert!(words.is_sorted_by(|one, next| one < next), "{words:?}");
        }
    }

    #[test]
    fn what_a_text_is_about_is_told_apart_from_how_it_is_put() {
        assert!(["we", "were", "i", "the", "for", "please"].into_iter().all(is_joint));
        assert!(!["how", "nobody", "cant", "all", "invoice"].into_iter().any(is_joint));
        assert!(["invoice", "down", "hacked", "work", "page"].into_iter().all(is_telling));
        assert!(!["we", "how", "not", "all", "2026", ""].into_iter().any(is_telling));
    }
}
