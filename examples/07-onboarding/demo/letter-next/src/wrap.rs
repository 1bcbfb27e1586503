//! Breaks long lines at spaces; lines that end where their author ended them stay.

/// The text with lines of at most `width` characters; a word longer than that keeps a line of its own.
pub(crate) fn wrap(text: &str, width: usize) -> String {
    text.split('\n').map(|line| broken(line, width)).collect::<Vec<_>>().join("\n")
}

fn broken(line: &str, width: usize) -> String {
    let mut lines = String::new();
    let mut used = 0;
    for (index, word) in line.split(' ').enumerate() {
        let letters = word.chars().count();
        let fits = used + 1 + letters <= width;
        match (index, fits) {
            (0, _) => used = letters,
            (_, true) => {
                lines.push(' ');
                used += 1 + letters;
            }
            (_, false) => {
                lines.push('\n');
                used = letters;
            }
        }
        lines.push_str(word);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_at_the_last_space_that_fits() {
        assert_eq!(wrap("one two three", 7), "one two\nthree");
        assert_eq!(wrap("one two three", 8), "one two\nthree");
        assert_eq!(wrap("one two three", 13), "one two three");
        assert_eq!(wrap("unbreakable two", 4), "unbreakable\ntwo");
        assert_eq!(wrap("a  b\n\nc\n", 72), "a  b\n\nc\n");
        assert_eq!(wrap("", 72), "");
    }
}
