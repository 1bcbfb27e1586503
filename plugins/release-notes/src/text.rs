//! What a commit says, made fit to be read: one line, nothing that does not print, nothing that marks.

/// One line in which everything prints: what does not is a space, or gone where it only turns the reading.
pub(crate) fn clean(text: &str) -> String {
    // Nearly every line is clean already, and a log has tens of thousands.
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) && !text.contains("  ") {
        return text.trim_ascii().to_owned();
    }
    let shown = text.chars().filter(|letter| !turns(*letter));
    let shown: String = shown.map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    shown.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Characters that can't be seen and turn, join or hide others.
fn turns(letter: char) -> bool {
    matches!(letter,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// The words of a text in lower case, with single spaces: what makes two items the same.
pub(crate) fn words(text: &str) -> String {
    let text = text.to_lowercase();
    let words = text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

/// A line as Markdown that reads exactly so, wherever a paragraph or an item may begin. Code between single backquotes
/// stays code, in which nothing marks; everything else that could mark is escaped.
pub(crate) fn markdown(line: &str) -> String {
    let parts: Vec<&str> = line.split('`').collect();
    let is_code = |place: usize| place % 2 == 1;
    let pairs = parts.len() % 2 == 1;
    // Two backquotes in a row would be one mark of another kind.
    let apart = parts.iter().enumerate().all(|(place, part)| {
        let inner = place > 0 && place + 1 < parts.len();
        !inner || if is_code(place) { !part.trim().is_empty() } else { !part.is_empty() }
    });
    if !(pairs && apart) {
        return begun(&escaped(line));
    }
    let told = parts.iter().enumerate();
    let told = told.map(|(place, part)| if is_code(place) { format!("`{part}`") } else { escaped(part) });
    begun(&told.collect::<String>())
}

fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len() + 8);
    let mut before = ' ';
    for (at, letter) in text.char_indices() {
        if marks(letter, before, text.get(at..).unwrap_or_default()) {
            safe.push('\\');
        }
        safe.push(letter);
        before = letter;
    }
    safe
}

/// Whether a character could begin or end a mark where it stands.
fn marks(letter: char, before: char, from: &str) -> bool {
    match letter {
        '\\' | '`' | '*' | '[' | ']' | '<' | '>' | '&' | '|' | '~' | '$' => true,
        // Between letters it is part of a name.
        '_' => {
            let after = from.chars().nth(1).unwrap_or(' ');
            !(before.is_alphanumeric() && after.is_alphanumeric())
        }
        // Many readers of Markdown make addresses into links by themselves.
        ':' => from.starts_with("://"),
        '.' => before.eq_ignore_ascii_case(&'w'),
        _ => false,
    }
}

/// A text that begins like a heading, a list or a rule, with that made plain.
fn begun(text: &str) -> String {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = text.split_at(digits);
    let is_list = digits > 0 && rest.starts_with(['.', ')']);
    match is_list || (digits == 0 && (rest.starts_with(['#', '+', '-', '=']) || rest.starts_with(": "))) {
        true => format!("{number}\\{rest}"),
        false => text.to_owned(),
    }
}
