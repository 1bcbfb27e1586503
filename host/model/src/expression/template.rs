//! Templates: values with `${{ }}` in them, parsed and rendered.

use super::{Expression, ExpressionError, Names};
use crate::plan::{Piece, Template};
use serde_json::Value;

const OPEN: &str = "${{";
const CLOSE: &str = "}}";
/// How a text says `${{` and means just that.
const ESCAPED: &str = "$${{";

/// One expression within a text and where it begins, in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed<'a> {
    /// The expression's source, untrimmed.
    pub source: &'a str,
    /// Where the source begins in the text.
    pub offset: usize,
}

impl Template {
    /// Reads a text: the value of one expression if it is nothing else, else text with expressions between.
    /// `$${{` stands for `${{` itself.
    ///
    /// # Errors
    /// When a `${{` is not closed, with its place. Expressions are compiled by whoever checks them.
    pub fn parse(text: &str) -> Result<Self, ExpressionError> {
        let pieces = pieces(text)?;
        Ok(match pieces.as_slice() {
            [] => Template::Literal { value: Value::String(String::new()) },
            [Part::Plain(plain)] => Template::Literal { value: Value::String(plain.clone()) },
            [Part::Expression(placed)] => Template::Expression { source: placed.source.trim().into() },
            _ => Template::Text { pieces: pieces.into_iter().map(Part::into_piece).collect() },
        })
    }

    /// The expressions in a text with their places.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn places(text: &str) -> Result<Vec<Placed<'_>>, ExpressionError> {
        let placed = pieces(text)?.into_iter().filter_map(|part| match part {
            Part::Expression(placed) => Some(placed),
            Part::Plain(_) => None,
        });
        Ok(placed.collect())
    }

    /// The value, its expressions evaluated.
    ///
    /// # Errors
    /// The first expression that cannot be evaluated.
    pub fn render(&self, names: &Names<'_>) -> Result<Value, ExpressionError> {
        Ok(match self {
            Template::Literal { value } => value.clone(),
            Template::Expression { source } => Expression::compile(source)?.evaluate(names)?,
            Template::Text { pieces } => {
                Value::String(pieces.iter().map(|piece| piece.render(names)).collect::<Result<_, _>>()?)
            }
            Template::List { items } => {
                Value::Array(items.iter().map(|item| item.render(names)).collect::<Result<_, _>>()?)
            }
            Template::Object { fields } => {
                let fields = fields.iter().map(|(name, field)| Ok((name.clone(), field.render(names)?)));
                Value::Object(fields.collect::<Result<_, ExpressionError>>()?)
            }
        })
    }

    /// A text as its author could have written it, `${{ }}` and all; of anything else its JSON.
    #[must_use]
    pub fn written(&self) -> String {
        let placed = |source: &str| format!("{OPEN} {} {CLOSE}", source.trim());
        match self {
            Template::Literal { value: Value::String(text) } => text.replace(OPEN, ESCAPED),
            Template::Expression { source } => placed(source),
            Template::Text { pieces } => pieces
                .iter()
                .map(|piece| match piece {
                    Piece::Plain(text) => text.replace(OPEN, ESCAPED),
                    Piece::Expression(source) => placed(source),
                })
                .collect(),
            other => serde_json::to_string(other).unwrap_or_default(),
        }
    }

    /// The value as its author could have written it, `${{ }}` and all: two templates that give other values are
    /// written otherwise.
    #[must_use]
    pub fn authored(&self) -> Value {
        match self {
            Template::Literal { value } => escaped(value),
            Template::Expression { .. } | Template::Text { .. } => Value::String(self.written()),
            Template::List { items } => items.iter().map(Template::authored).collect(),
            Template::Object { fields } => {
                fields.iter().map(|(name, field)| (name.clone(), field.authored())).collect()
            }
        }
    }

    /// The expressions in a value as authored, at whatever depth.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn places_within(value: &Value) -> Result<Vec<Placed<'_>>, ExpressionError> {
        match value {
            Value::String(text) => Self::places(text),
            Value::Array(items) => joined(items.iter().map(Self::places_within)),
            Value::Object(fields) => joined(fields.values().map(Self::places_within)),
            _ => Ok(Vec::new()),
        }
    }

    /// The sources of all expressions in it, in order.
    #[must_use]
    pub fn expressions(&self) -> Vec<&str> {
        match self {
            Template::Literal { .. } => Vec::new(),
            Template::Expression { source } => vec![source],
            Template::Text { pieces } => pieces
                .iter()
                .filter_map(|piece| match piece {
                    Piece::Expression(source) => Some(source.as_str()),
                    Piece::Plain(_) => None,
                })
                .collect(),
            Template::List { items } => items.iter().flat_map(Template::expressions).collect(),
            Template::Object { fields } => fields.values().flat_map(Template::expressions).collect(),
        }
    }
}

fn joined<T, E>(parts: impl Iterator<Item = Result<Vec<T>, E>>) -> Result<Vec<T>, E> {
    Ok(parts.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

/// A plain value whose texts mean just what they say.
fn escaped(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(text.replace(OPEN, ESCAPED)),
        Value::Array(items) => items.iter().map(escaped).collect(),
        Value::Object(fields) => fields.iter().map(|(name, field)| (name.clone(), escaped(field))).collect(),
        other => other.clone(),
    }
}

impl Piece {
    fn render(&self, names: &Names<'_>) -> Result<String, ExpressionError> {
        match self {
            Piece::Plain(text) => Ok(text.clone()),
            Piece::Expression(source) => Ok(match Expression::compile(source)?.evaluate(names)? {
                Value::String(text) => text,
                other => other.to_string(),
            }),
        }
    }
}

enum Part<'a> {
    Plain(String),
    Expression(Placed<'a>),
}

impl Part<'_> {
    fn into_piece(self) -> Piece {
        match self {
            Part::Plain(text) => Piece::Plain(text),
            Part::Expression(placed) => Piece::Expression(placed.source.trim().into()),
        }
    }
}

fn pieces(text: &str) -> Result<Vec<Part<'_>>, ExpressionError> {
    let mut parts = Vec::new();
    let mut plain = String::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with(ESCAPED) {
            plain.push_str(OPEN);
            at += ESCAPED.len();
        } else if let Some(inside) = rest.strip_prefix(OPEN) {
            let length = closing(inside).ok_or_else(|| unclosed(at))?;
            if !plain.is_empty() {
                parts.push(Part::Plain(std::mem::take(&mut plain)));
            }
            let offset = at + OPEN.len();
            parts.push(Part::Expression(Placed { source: inside.get(..length).unwrap_or_default(), offset }));
            at = offset + length + CLOSE.len();
        } else {
            let next = rest.char_indices().skip(1).find(|(_, letter)| *letter == '$');
            let end = next.map_or(rest.len(), |(index, _)| index);
            plain.push_str(rest.get(..end).unwrap_or_default());
            at += end;
        }
    }
    if !plain.is_empty() {
        parts.push(Part::Plain(plain));
    }
    Ok(parts)
}

fn unclosed(at: usize) -> ExpressionError {
    ExpressionError::new("`${{` is not closed")
        .at(at, OPEN.len())
        .with_hint("close it with `}}`, or write `$${{` for the three characters themselves")
}

/// The length up to the closing `}}`; quotes and CEL's own braces may hold others.
fn closing(inside: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut quote = None;
    let mut letters = inside.char_indices();
    while let Some((index, letter)) = letters.next() {
        match (quote, letter) {
            (Some(_), '\\') => drop(letters.next()),
            (Some(open), _) if open == letter => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(letter),
            (None, '{') => depth += 1,
            (None, '}') if depth > 0 => depth -= 1,
            (None, '}') if inside.get(index..)?.starts_with(CLOSE) => return Some(index),
            _ => {}
        }
    }
    None
}
