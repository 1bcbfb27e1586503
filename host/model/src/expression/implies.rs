//! Whether one condition is surely at least as strict as another.
//!
//! Conditions in general can't be compared. What can be is enough for what people change: numbers that a value is
//! compared with, parts joined by `&&` and `||`, the same inside `exists` and `all`. Everything else is not shown to
//! be stricter, and whoever asks must take that for looser.

use super::{ENVIRONMENT, lower};
use cel::common::ast::{CallExpr, EntryExpr, Expr, IdedExpr, LiteralValue, operators as op};
use std::cmp::Ordering;

/// Most pairs of parts that are looked at: parts within parts can be paired in very many ways.
const PAIRS_MAX: u32 = 10_000;

/// Whether `wide` surely holds wherever `narrow` holds; false where that can't be shown. Both compile.
#[must_use]
pub fn implies(narrow: &str, wide: &str) -> bool {
    match (tree(narrow), tree(wide)) {
        (Some(narrow), Some(wide)) => Search { pairs: PAIRS_MAX }.follows(&narrow, &wide),
        _ => false,
    }
}

/// The syntax tree without the numbers the parser gives its nodes, so that the same text is the same tree anywhere.
pub(super) fn tree(source: &str) -> Option<IdedExpr> {
    lower::check_signs(source).ok()?;
    let program = ENVIRONMENT.compile(source).ok()?;
    let mut tree = program.expression().clone();
    forget_ids(&mut tree);
    Some(tree)
}

fn forget_ids(node: &mut IdedExpr) {
    node.id = 0;
    match &mut node.expr {
        Expr::Call(call) => {
            call.target.iter_mut().map(|it| &mut **it).chain(&mut call.args).for_each(forget_ids)
        }
        Expr::List(list) => list.elements.iter_mut().for_each(forget_ids),
        Expr::Select(select) => forget_ids(&mut select.operand),
        Expr::Map(map) => {
            for entry in &mut map.entries {
                entry.id = 0;
                if let EntryExpr::MapEntry(entry) = &mut entry.expr {
                    forget_ids(&mut entry.key);
                    forget_ids(&mut entry.value);
                }
            }
        }
        _ => {}
    }
}

/// A search that gives up, and then nothing is shown.
struct Search {
    pairs: u32,
}

impl Search {
    fn follows(&mut self, narrow: &IdedExpr, wide: &IdedExpr) -> bool {
        self.pairs = self.pairs.saturating_sub(1);
        if self.pairs == 0 {
            return false;
        }
        if narrow == wide || is(wide, true) || is(narrow, false) {
            return true;
        }
        let (all, any) = (parts(wide, op::LOGICAL_AND), parts(narrow, op::LOGICAL_OR));
        if all.len() > 1 {
            return all.into_iter().all(|wide| self.follows(narrow, wide));
        }
        if any.len() > 1 {
            return any.into_iter().all(|narrow| self.follows(narrow, wide));
        }
        let (given, wanted) = (parts(narrow, op::LOGICAL_AND), parts(wide, op::LOGICAL_OR));
        if given.len() == 1 && wanted.len() == 1 {
            return self.follows_alone(narrow, wide);
        }
        (given.len() > 1 && given.into_iter().any(|given| self.follows(given, wide)))
            || (wanted.len() > 1 && wanted.into_iter().any(|wanted| self.follows(narrow, wanted)))
    }

    /// Two conditions that are not joined from others.
    fn follows_alone(&mut self, narrow: &IdedExpr, wide: &IdedExpr) -> bool {
        if let (Some(one), Some(other)) = (Bound::of(narrow), Bound::of(wide)) {
            return one.follows(&other);
        }
        let (Expr::Call(one), Expr::Call(other)) = (&narrow.expr, &wide.expr) else { return false };
        match (one.func_name.as_str(), one.args.as_slice(), other.args.as_slice()) {
            (name, ..) if name != other.func_name => false,
            (op::LOGICAL_NOT, [one], [other]) => self.follows(other, one),
            // More items pass a looser condition, so more lists have one that does, or only such.
            (op::EXISTS | op::ALL, [item, one_body], [other_item, other_body]) => {
                item == other_item && one.target == other.target && self.follows(one_body, other_body)
            }
            _ => false,
        }
    }
}

fn is(node: &IdedExpr, value: bool) -> bool {
    matches!(&node.expr, Expr::Literal(LiteralValue::Boolean(it)) if *it.inner() == value)
}

/// What an operator joins, however it is bracketed.
fn parts<'n>(node: &'n IdedExpr, joined_by: &str) -> Vec<&'n IdedExpr> {
    match &node.expr {
        Expr::Call(CallExpr { func_name, target: None, args }) if func_name == joined_by => {
            args.iter().flat_map(|arg| parts(arg, joined_by)).collect()
        }
        _ => vec![node],
    }
}

/// A value compared with a number.
pub(super) struct Bound<'n> {
    pub(super) value: &'n IdedExpr,
    pub(super) how: Compared,
    number: Number,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Compared {
    Less,
    AtMost,
    Equal,
    Unequal,
    AtLeast,
    More,
}

#[derive(Clone, Copy)]
enum Number {
    Whole(i128),
    Fraction(f64),
}

impl<'n> Bound<'n> {
    pub(super) fn of(node: &'n IdedExpr) -> Option<Self> {
        let Expr::Call(CallExpr { func_name, target: None, args }) = &node.expr else { return None };
        let [left, right] = args.as_slice() else { return None };
        let how = Compared::of(func_name)?;
        match (Number::of(left), Number::of(right)) {
            (None, Some(number)) => Some(Self { value: left, how, number }),
            (Some(number), None) => Some(Self { value: right, how: how.turned(), number }),
            _ => None,
        }
    }

    fn follows(&self, wide: &Self) -> bool {
        use Compared::{AtLeast, AtMost, Equal, Less, More, Unequal};
        let Some(order) = self.number.compare(wide.number).filter(|_| self.value == wide.value) else {
            return false;
        };
        match (self.how, wide.how) {
            (More, More | AtLeast | Unequal) | (AtLeast, AtLeast) => order.is_ge(),
            (AtLeast, More | Unequal) => order.is_gt(),
            (Less, Less | AtMost | Unequal) | (AtMost, AtMost) => order.is_le(),
            (AtMost, Less | Unequal) => order.is_lt(),
            (Equal, Equal) | (Unequal, Unequal) => order.is_eq(),
            (Equal, Unequal) => order.is_ne(),
            (Equal, More) => order.is_gt(),
            (Equal, AtLeast) => order.is_ge(),
            (Equal, Less) => order.is_lt(),
            (Equal, AtMost) => order.is_le(),
            _ => false,
        }
    }
}

impl Compared {
    fn of(operator: &str) -> Option<Self> {
        Some(match operator {
            op::LESS => Compared::Less,
            op::LESS_EQUALS => Compared::AtMost,
            op::EQUALS => Compared::Equal,
            op::NOT_EQUALS => Compared::Unequal,
            op::GREATER_EQUALS => Compared::AtLeast,
            op::GREATER => Compared::More,
            _ => return None,
        })
    }

    /// The same with the sides exchanged.
    const fn turned(self) -> Self {
        match self {
            Compared::Less => Compared::More,
            Compared::AtMost => Compared::AtLeast,
            Compared::AtLeast => Compared::AtMost,
            Compared::More => Compared::Less,
            same => same,
        }
    }
}

impl Number {
    fn of(node: &IdedExpr) -> Option<Self> {
        match &node.expr {
            Expr::Literal(LiteralValue::Int(it)) => Some(Number::Whole((*it.inner()).into())),
            Expr::Literal(LiteralValue::UInt(it)) => Some(Number::Whole((*it.inner()).into())),
            Expr::Literal(LiteralValue::Double(it)) => Some(Number::Fraction(*it.inner())),
            Expr::Call(CallExpr { func_name, target: None, args }) if func_name == op::NEGATE => {
                match Number::of(args.first()?)? {
                    Number::Whole(it) => Some(Number::Whole(-it)),
                    Number::Fraction(it) => Some(Number::Fraction(-it)),
                }
            }
            _ => None,
        }
    }

    /// Exactly; none where a whole number is too large to have an equal among fractions.
    fn compare(self, other: Self) -> Option<Ordering> {
        match (self, other) {
            (Number::Whole(one), Number::Whole(other)) => Some(one.cmp(&other)),
            (Number::Fraction(one), Number::Fraction(other)) => one.partial_cmp(&other),
            (Number::Whole(one), Number::Fraction(other)) => exact(one)?.partial_cmp(&other),
            (Number::Fraction(one), Number::Whole(other)) => one.partial_cmp(&exact(other)?),
        }
    }
}

fn exact(whole: i128) -> Option<f64> {
    let whole = i32::try_from(whole).ok()?;
    Some(whole.into())
}

#[cfg(test)]
mod tests {
    use super::implies;

    /// Each pair in both directions, so that nothing is called stricter that is looser.
    #[test]
    fn only_what_is_surely_stricter_is() {
        let cases = [
            ("a > 1000", "a > 500"),
            ("a > 1000", "a >= 1000"),
            ("a >= 1000.5", "a > 1000"),
            ("a > 9007199254740993", "a > 9007199254740992"),
            ("a == 7", "a > 5"),
            ("a > 5", "a != 5"),
            ("a < -2", "a < -1"),
            ("500 < a", "400 < a"),
            ("a > 5", "a > 5 || b.c == 'x'"),
            ("a > 5 && b.c == 'x'", "b.c == 'x'"),
            ("a > 9 && (b || c)", "(c || b) && a > 5"),
            ("a == 1 || a == 2", "a < 3"),
            ("!(a > 5)", "!(a > 9)"),
            ("t.exists(d, d.weight == 'major' && d.n > 3)", "t.exists(d, d.n > 2)"),
            ("t.all(d, d.n > 3)", "t.all(d, d.n > 2)"),
            ("false", "a > 5"),
            ("a > 5", "true"),
        ];
        for (narrow, wide) in cases {
            assert!(implies(narrow, wide), "{narrow} implies {wide}");
            assert!(!implies(wide, narrow), "{wide} does not imply {narrow}");
            assert!(implies(narrow, narrow) && implies(wide, wide));
        }
        assert!(implies(" a>5 ", "a > 5") && implies("5 < a", "a > 5") && implies("(a > 5)", "a > 5"));
    }

    #[test]
    fn what_can_not_be_compared_is_not_stricter() {
        let cases = [
            ("a > 1000", "b > 500"),
            ("size(a) > 3", "size(b) > 2"),
            ("a > b", "a >= b"),
            ("f.exists(d, d.n > 3)", "g.exists(d, d.n > 2)"),
            ("f.exists(d, d.n > 3)", "f.all(d, d.n > 3)"),
            ("a == 'x'", "a != 'y'"),
            ("a > 9007199254740993", "a > 9007199254740992.0"),
        ];
        for (one, other) in cases {
            assert!(!implies(one, other) && !implies(other, one), "{one} and {other}");
        }
    }

    /// Two conditions that could be paired for ever are given up on.
    #[test]
    fn the_search_ends() {
        let nested = |letter: char| {
            let mut text = format!("{letter}");
            for level in 0..45 {
                let (inner, outer) = if level % 2 == 0 { ("&&", "||") } else { ("||", "&&") };
                text = format!("({text} {inner} {letter}{level}) {outer} {letter}x{level}");
            }
            text
        };
        assert!(!implies(&nested('a'), &nested('b')));
    }
}
