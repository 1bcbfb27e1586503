//! From CEL's syntax tree to what is evaluated: loops expanded, `has` given its meaning, reads and cost noted.
//!
//! CEL's own macros are not used: expanded by the parser they could not tell a loop's variable from a step, and
//! `has(step)` would be a syntax error.

use super::arithmetic::{self, KEPT};
use super::path::no_value;
use super::values::Crossing;
use super::{ENVIRONMENT, ExpressionError, Names, Read, Segment, Shapes};
use crate::source::nearest;
use cel::common::ast::{
    CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, ListExpr, LiteralValue, SelectExpr, SourceInfo,
    operators as op,
};
use cel::{Context, ExecutionError};
use serde_json::Value;
use std::sync::Arc;

/// How deep loops may stand in each other.
const DEPTH_MAX: usize = 2;

/// How many signs an expression may have that each can put one more level into its tree: operators, dots, brackets.
/// Parser, lowering and evaluation all follow the tree by calls of their own, and a chain of `+` is as deep as long.
const SIGNS_MAX: usize = 200;

/// The most work one evaluation may do, in units of one operation or 1 KiB touched: about a second.
const WORK_MAX: u64 = 20_000_000;

/// Functions an expression may call, beside operators.
const FUNCTIONS: [&str; 10] =
    ["size", "contains", "startsWith", "endsWith", "string", "int", "uint", "double", "bool", "dyn"];

/// The loops, called on a list or an object.
const LOOPS: [&str; 5] = ["all", "exists", "exists_one", "map", "filter"];

/// CEL's own name for what a loop has gathered so far; no one can write it.
const GATHERED: &str = "@result";

/// Puts the keys of an object in order before a loop gathers over them: CEL's own order changes from process to
/// process, and a decision must not.
const IN_ORDER: &str = "@in_order";

/// An expression ready for evaluation.
#[derive(Debug)]
pub(super) struct Lowered {
    tree: IdedExpr,
    pub(super) reads: Vec<Read>,
    pub(super) condition: Option<bool>,
    /// Names that have a value wherever this holds.
    pub(super) certain: Vec<String>,
    /// Paths compared with a text written in the expression.
    pub(super) compared: Vec<(Read, String)>,
    /// The paths asked for by `has`, in the order of their variables.
    tests: Vec<Read>,
    work: Work,
    /// Whether it calls what [`arithmetic`] adds.
    computes: bool,
}

/// Lowers CEL source.
pub(super) fn lower(source: &str) -> Result<Lowered, ExpressionError> {
    check_signs(source)?;
    let program = ENVIRONMENT.compile(source).map_err(|errors| syntax(source, &errors))?;
    let mut lowering = Lowering {
        places: program.source_info(),
        source,
        loops: Vec::new(),
        reads: Vec::new(),
        tests: Vec::new(),
        compared: Vec::new(),
        work: Work::default(),
        computes: false,
    };
    let condition = is_condition(program.expression());
    let mut certain = Vec::new();
    note_certain(program.expression(), &mut certain);
    let tree = lowering.expression(program.expression())?;
    let Lowering { reads, tests, compared, work, computes, .. } = lowering;
    Ok(Lowered { tree, reads, condition, certain, compared, tests, work, computes })
}

/// Refuses an expression whose tree could be deeper than a stack, before anything follows it.
pub(super) fn check_signs(source: &str) -> Result<(), ExpressionError> {
    let words = source.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
    // `in` is an operator too, also where it follows a number without a blank.
    let is_in = |word: &&str| {
        *word == "in" || (word.starts_with(|it: char| it.is_ascii_digit()) && word.ends_with("in"))
    };
    let signs =
        source.bytes().zip(source.bytes().skip(1).chain([0])).filter(|(one, next)| is_sign(*one, *next));
    match signs.count() + words.filter(is_in).count() {
        0..=SIGNS_MAX => Ok(()),
        signs => {
            let message = format!(
                "an expression has at most {SIGNS_MAX} operators, dots and opening brackets, this has {signs}"
            );
            Err(ExpressionError::new(message).with_hint("let a skill do the work, it has limits of its own"))
        }
    }
}

/// Whether a letter puts one more level into a tree; of an operator of two letters only the last does. Texts are not
/// told apart: where one begins and ends is for the parser to say, and nothing may hide from the count.
fn is_sign(letter: u8, next: u8) -> bool {
    b"+-*/%<>=!&|?.([{".contains(&letter) && !(b"<>=!&|".contains(&letter) && b"=&|".contains(&next))
}

impl Lowered {
    pub(super) fn evaluate(&self, names: &Names<'_>, shapes: &Shapes<'_>) -> Result<Value, ExpressionError> {
        let mut crossing = Crossing::default();
        let mut context = Context::with_env(Arc::clone(&ENVIRONMENT));
        for (index, test) in self.tests.iter().enumerate() {
            context.add_variable_from_value(test_name(index), test.is_there(names));
        }
        context.add_function(IN_ORDER, in_order).map_err(|error| ExpressionError::new(error.to_string()))?;
        if self.computes {
            arithmetic::add_to(&mut context)?;
        }
        let mut bound: Vec<&str> = Vec::new();
        for read in self.reads.iter().filter(|read| !read.tested) {
            if !bound.contains(&read.name.as_str())
                && let Some(value) = names(&read.name)
            {
                let shape = shapes(&read.name);
                let value = match self.members_read(&read.name) {
                    Some(members) => crossing.enter_members(&value, shape, &members),
                    None => crossing.enter(&value, shape),
                };
                context.add_variable_from_value(read.name.as_str(), value);
                bound.push(&read.name);
            }
        }
        self.work.check(&crossing)?;
        let value = cel::Value::resolve(&self.tree, &context).map_err(|error| plainly(&error))?;
        crossing.leave(&value)
    }
}

impl Lowered {
    /// The members of a value that are read, where it is never read as a whole: a large text beside them costs nothing.
    fn members_read(&self, name: &str) -> Option<Vec<&str>> {
        let reads = self.reads.iter().filter(|read| read.name == name && !read.tested);
        let members = reads.map(|read| match read.way.first() {
            Some(Segment::Field(field)) => Some(field.as_str()),
            _ => None,
        });
        members.collect()
    }
}

fn in_order(range: cel::Value) -> cel::Value {
    let cel::Value::Map(map) = range else { return range };
    let mut keys: Vec<_> = map.map.keys().cloned().collect();
    keys.sort();
    cel::Value::List(Arc::new(keys.into_iter().map(cel::Value::from).collect()))
}

fn test_name(index: usize) -> String {
    format!("@has{index}")
}

/// What an evaluation costs: how often something is done, by how many loops it stands in, and how often the whole
/// of what is read is touched meanwhile.
#[derive(Debug, Default)]
struct Work {
    steps: [u64; DEPTH_MAX + 1],
    touches: [u64; DEPTH_MAX + 1],
    /// Items of the longest list written in the expression, and how often lists are joined.
    written: u64,
    joins: u64,
}

impl Work {
    /// Refuses before anything is computed, so that the answer is the same on every machine.
    fn check(&self, values: &Crossing) -> Result<(), ExpressionError> {
        let longest = values.longest.max(self.written).saturating_mul(1 + self.joins);
        let size = 1 + values.bytes / 1024;
        let at_depth =
            |depth: usize, count: u64| (0..depth).fold(count, |work, _| work.saturating_mul(longest.max(1)));
        let steps = self.steps.iter().enumerate().map(|(depth, count)| at_depth(depth, *count));
        let touches = self.touches.iter().enumerate();
        let touches = touches.map(|(depth, count)| at_depth(depth, *count).saturating_mul(size));
        match steps.chain(touches).fold(0, u64::saturating_add) {
            0..=WORK_MAX => Ok(()),
            _ => Err(ExpressionError::new(format!(
                "the values are too large for this expression: {} KiB, longest list {}",
                values.bytes / 1024,
                values.longest
            ))
            .with_hint("let a skill do the work, it has limits of its own")),
        }
    }
}

struct Lowering<'a> {
    places: &'a SourceInfo,
    source: &'a str,
    /// The variables of the loops around, innermost last, with the path their items come from.
    loops: Vec<(String, Option<Read>)>,
    reads: Vec<Read>,
    tests: Vec<Read>,
    compared: Vec<(Read, String)>,
    work: Work,
    computes: bool,
}

type Lowers = Result<IdedExpr, ExpressionError>;

impl Lowering<'_> {
    fn expression(&mut self, node: &IdedExpr) -> Lowers {
        self.count_step();
        let expr = match &node.expr {
            Expr::Literal(LiteralValue::Bytes(_)) => {
                return Err(self.error(node, "byte texts have no JSON form"));
            }
            Expr::Literal(_) => node.expr.clone(),
            Expr::Ident(_) | Expr::Select(SelectExpr { test: false, .. }) => return self.selection(node),
            Expr::Call(call) => return self.call(node, call),
            Expr::List(list) => self.list(list)?,
            Expr::Map(map) => {
                let mut map = map.clone();
                for entry in &mut map.entries {
                    if let EntryExpr::MapEntry(entry) = &mut entry.expr {
                        entry.key = self.expression(&entry.key)?;
                        entry.value = self.kept(&entry.value)?;
                        self.count_touch();
                    }
                }
                Expr::Map(map)
            }
            _ => return Err(self.error(node, "this form of CEL is not used in flows")),
        };
        Ok(IdedExpr { id: node.id, expr })
    }

    /// The same for what goes into a list or an object, and is counted there where it can be large.
    fn kept(&mut self, node: &IdedExpr) -> Lowers {
        self.computes = true;
        let lowered = self.expression(node)?;
        Ok(metered(node, lowered))
    }

    fn list(&mut self, list: &ListExpr) -> Result<Expr, ExpressionError> {
        self.work.written = self.work.written.max(list.elements.len() as u64);
        let elements = list.elements.iter().map(|element| {
            self.count_touch();
            self.kept(element)
        });
        Ok(Expr::List(ListExpr::new(elements.collect::<Result<_, _>>()?)))
    }

    /// A name, or fields of something.
    fn selection(&mut self, node: &IdedExpr) -> Lowers {
        if let Some(read) = self.path(node) {
            self.note(read)?;
            return Ok(node.clone());
        }
        match &node.expr {
            Expr::Select(select) => {
                let operand = Box::new(self.expression(&select.operand)?);
                Ok(made(node, Expr::Select(SelectExpr { operand, ..select.clone() })))
            }
            _ => Ok(node.clone()),
        }
    }

    fn note(&mut self, read: Read) -> Result<(), ExpressionError> {
        if read.name.starts_with('@') || read.name.starts_with('.') {
            let message = format!("`{}` is not a name", read.name);
            return Err(ExpressionError::new(message).at(read.offset, read.name.len()));
        }
        self.reads.push(read);
        Ok(())
    }

    /// The path a node spells from a name outside, through the loops around; none for anything else.
    fn path(&self, node: &IdedExpr) -> Option<Read> {
        match &node.expr {
            Expr::Ident(name) => match self.loops.iter().rev().find(|(variable, _)| variable == name) {
                // The item is meant where it is used, not where its loop begins.
                Some((_, items)) => items.clone().map(|items| Read { offset: self.place(node), ..items }),
                None => Some(Read {
                    name: name.clone(),
                    way: Vec::new(),
                    tested: false,
                    offset: self.place(node),
                }),
            },
            Expr::Select(select) if !select.test => {
                let mut read = self.path(&select.operand)?;
                read.way.push(Segment::Field(select.field.clone()));
                Some(read)
            }
            // What passes a filter are items of what went in.
            Expr::Call(CallExpr { func_name, target: Some(target), .. }) if func_name == op::FILTER => {
                self.path(target)
            }
            _ => None,
        }
    }

    /// Whether a path is rooted in a loop's variable.
    fn is_looped(&self, node: &IdedExpr) -> bool {
        match &node.expr {
            Expr::Ident(name) => self.loops.iter().any(|(variable, _)| variable == name),
            Expr::Select(select) => self.is_looped(&select.operand),
            Expr::Call(call) => call.target.iter().any(|target| self.is_looped(target)),
            _ => false,
        }
    }

    fn call(&mut self, node: &IdedExpr, call: &CallExpr) -> Lowers {
        match (call.func_name.as_str(), &call.target, call.args.as_slice()) {
            (op::HAS, None, [what]) => self.has(node, what),
            (name, Some(range), [variable, body @ ..]) if LOOPS.contains(&name) => {
                self.repeat(node, name, range, variable, body)
            }
            (name, target, args) => {
                self.check_function(node, name)?;
                self.weigh(name, args);
                self.note_compared(name, args);
                let target = target.iter().map(|target| self.expression(target).map(Box::new)).next();
                let args = args.iter().map(|arg| self.expression(arg)).collect::<Result<_, _>>()?;
                let computed = arithmetic::computed(name);
                self.computes |= computed.is_some();
                let func_name = computed.unwrap_or(name).into();
                let call = CallExpr { func_name, target: target.transpose()?, args };
                Ok(made(node, Expr::Call(call)))
            }
        }
    }

    fn note_compared(&mut self, name: &str, args: &[IdedExpr]) {
        let [one, other] = args else { return };
        for (path, text) in [(one, other), (other, one)] {
            if let (op::EQUALS | op::NOT_EQUALS, Expr::Literal(LiteralValue::String(text))) =
                (name, &text.expr)
                && let Some(read) = self.path(path)
            {
                self.compared.push((read, text.inner().into()));
            }
        }
    }

    fn check_function(&self, node: &IdedExpr, name: &str) -> Result<(), ExpressionError> {
        let is_operator = !name.starts_with(|first: char| first.is_alphabetic());
        if is_operator || FUNCTIONS.contains(&name) {
            return Ok(());
        }
        let known = FUNCTIONS.iter().chain(&LOOPS).copied().chain([op::HAS]);
        let error = self.error(node, format!("there is no function `{name}`"));
        let offset = self.source.find(name).unwrap_or(error.offset);
        let error = error.at(offset, name.len());
        Err(match nearest(name, known.clone()) {
            _ if LOOPS.contains(&name) || name == op::HAS => error.with_hint(usage(name)),
            Some(near) => error.with_hint(format!("did you mean `{near}`?")),
            None => error.with_hint(format!("there are {}", known.collect::<Vec<_>>().join(", "))),
        })
    }

    /// `has(a.b)`: there and not null. Rooted outside it is answered from the JSON, in a loop by CEL.
    fn has(&mut self, node: &IdedExpr, what: &IdedExpr) -> Lowers {
        if self.is_looped(what) {
            let Expr::Select(select) = &what.expr else {
                return Err(self.error(what, "an item of a loop is always there"));
            };
            let value = self.expression(what)?;
            let there = made(node, Expr::Select(SelectExpr { test: true, ..select.clone() }));
            let null = made(node, Expr::Literal(LiteralValue::Null));
            let not_null = made(node, plain_call(op::NOT_EQUALS, vec![value, null]));
            return Ok(made(node, plain_call(op::LOGICAL_AND, vec![there, not_null])));
        }
        let path = self.path(what).filter(|read| read.way.iter().all(|way| matches!(way, Segment::Field(_))));
        let path =
            path.ok_or_else(|| self.error(node, "`has` takes a path such as `has(facts.customer)`"))?;
        let variable = test_name(self.tests.len());
        self.tests.push(path.clone());
        self.note(Read { tested: true, ..path })?;
        Ok(made(node, Expr::Ident(variable)))
    }

    fn repeat(
        &mut self,
        node: &IdedExpr,
        name: &str,
        range: &IdedExpr,
        variable: &IdedExpr,
        body: &[IdedExpr],
    ) -> Lowers {
        let Expr::Ident(variable) = &variable.expr else {
            return Err(self
                .error(variable, "a loop begins with the name of its variable")
                .with_hint(usage(name)));
        };
        let (range, body) = self.looped(node, name, range, variable, body)?;
        let shape = expand(node, name, variable, body);
        let shape = shape
            .ok_or_else(|| self.error(node, format!("`{name}` has other arguments")).with_hint(usage(name)));
        let Gathering { init, condition, step, result } = shape?;
        Ok(made(
            node,
            Expr::Comprehension(Box::new(ComprehensionExpr {
                iter_range: range,
                iter_var: variable.clone(),
                iter_var2: None,
                accu_var: GATHERED.into(),
                accu_init: init,
                loop_cond: condition,
                loop_step: step,
                result,
            })),
        ))
    }

    /// What a loop goes over and what it does, lowered where its variable means an item.
    fn looped(
        &mut self,
        node: &IdedExpr,
        name: &str,
        range: &IdedExpr,
        variable: &str,
        body: &[IdedExpr],
    ) -> Result<(IdedExpr, Vec<IdedExpr>), ExpressionError> {
        let items = self.path(range).map(|mut items| {
            items.way.push(Segment::Item);
            items
        });
        let gathers = matches!(name, op::MAP | op::FILTER);
        let mut range = self.expression(range)?;
        if gathers {
            self.computes = true;
            self.count_touch();
            range = made(node, plain_call(IN_ORDER, vec![range]));
        }
        if self.loops.len() == DEPTH_MAX {
            let error = self.error(node, format!("loops stand {DEPTH_MAX} deep at most"));
            return Err(error.with_hint("let a skill do the work, it has limits of its own"));
        }
        self.loops.push((variable.into(), items));
        let body = body.iter().map(|part| self.expression(part)).collect::<Result<Vec<_>, _>>();
        if gathers {
            self.count_item();
        }
        self.loops.pop();
        Ok((range, body?))
    }

    fn count_step(&mut self) {
        if let Some(count) = self.work.steps.get_mut(self.loops.len()) {
            *count += 1;
        }
    }

    /// The whole of what is read may be touched or copied here.
    fn count_touch(&mut self) {
        if let Some(count) = self.work.touches.get_mut(self.loops.len()) {
            *count += 1;
        }
    }

    /// One item of the innermost loop is touched: over the whole loop that is the whole of what is read.
    fn count_item(&mut self) {
        if let Some(count) = self.work.touches.get_mut(self.loops.len().saturating_sub(1)) {
            *count += 1;
        }
    }

    /// Notes what a call may cost beyond one step: texts and lists are compared, searched and joined.
    fn weigh(&mut self, name: &str, args: &[IdedExpr]) {
        let light = [
            op::LOGICAL_AND,
            op::LOGICAL_OR,
            op::LOGICAL_NOT,
            op::CONDITIONAL,
            op::INDEX,
            op::NEGATE,
            op::SUBSTRACT,
            op::MULTIPLY,
            op::DIVIDE,
            op::MODULO,
        ];
        let with_literal = args.iter().any(|arg| matches!(arg.expr, Expr::Literal(_)));
        match name {
            _ if light.contains(&name) => {}
            op::ADD => {
                self.work.joins += 1;
                (0..=self.work.joins).for_each(|_| self.count_touch());
            }
            op::EQUALS | op::NOT_EQUALS if with_literal => {}
            _ if args.iter().all(|arg| matches!(arg.expr, Expr::Literal(_)) || self.is_innermost(arg)) => {
                self.count_item();
            }
            _ => self.count_touch(),
        }
    }

    fn is_innermost(&self, node: &IdedExpr) -> bool {
        match &node.expr {
            Expr::Ident(name) => self.loops.last().is_some_and(|(variable, _)| variable == name),
            Expr::Select(select) => self.is_innermost(&select.operand),
            _ => false,
        }
    }

    fn place(&self, node: &IdedExpr) -> usize {
        let letters = self.places.offset_for(node.id).map_or(0, |(start, _)| start as usize);
        self.source.char_indices().nth(letters).map_or(0, |(index, _)| index)
    }

    fn error(&self, node: &IdedExpr, message: impl Into<String>) -> ExpressionError {
        ExpressionError::new(message).at(self.place(node), 1)
    }
}

/// How a loop gathers its result: as CEL's own macros write it, so that CEL's evaluator knows the forms.
struct Gathering {
    init: IdedExpr,
    condition: IdedExpr,
    step: IdedExpr,
    result: IdedExpr,
}

fn expand(node: &IdedExpr, name: &str, variable: &str, mut body: Vec<IdedExpr>) -> Option<Gathering> {
    let last = body.pop()?;
    let guard = body.pop();
    if !body.is_empty() || (guard.is_some() && name != op::MAP) {
        return None;
    }
    let write = Writer { node };
    let step = match (name, guard) {
        (op::ALL, _) => write.call(op::LOGICAL_AND, vec![write.gathered(), last]),
        (op::EXISTS, _) => write.call(op::LOGICAL_OR, vec![write.gathered(), last]),
        (op::EXISTS_ONE, _) => {
            let one_more =
                write.call(op::ADD, vec![write.gathered(), write.literal(LiteralValue::Int(1.into()))]);
            write.guarded(last, one_more)
        }
        (op::FILTER, _) => write.guarded(last, write.append(write.ident(variable))),
        (_, Some(guard)) => write.guarded(guard, write.append(last)),
        (_, None) => write.append(last),
    };
    Some(write.gathering(name, step))
}

/// Writes the forms loops have in common.
struct Writer<'a> {
    node: &'a IdedExpr,
}

impl Writer<'_> {
    fn ident(&self, name: &str) -> IdedExpr {
        made(self.node, Expr::Ident(name.into()))
    }

    fn literal(&self, value: LiteralValue) -> IdedExpr {
        made(self.node, Expr::Literal(value))
    }

    fn call(&self, name: &str, args: Vec<IdedExpr>) -> IdedExpr {
        made(self.node, plain_call(name, args))
    }

    fn gathered(&self) -> IdedExpr {
        self.ident(GATHERED)
    }

    fn append(&self, item: IdedExpr) -> IdedExpr {
        let item = made(self.node, Expr::List(ListExpr::new(vec![metered(self.node, item)])));
        self.call(op::ADD, vec![self.gathered(), item])
    }

    /// Takes the step where the guard holds.
    fn guarded(&self, guard: IdedExpr, step: IdedExpr) -> IdedExpr {
        self.call(op::CONDITIONAL, vec![guard, step, self.gathered()])
    }

    fn gathering(&self, name: &str, step: IdedExpr) -> Gathering {
        let one = || self.literal(LiteralValue::Int(1.into()));
        let boolean = |value: bool| self.literal(LiteralValue::Boolean(value.into()));
        let goes_on = |condition| self.call(op::NOT_STRICTLY_FALSE, vec![condition]);
        let (init, condition) = match name {
            op::ALL => (boolean(true), goes_on(self.gathered())),
            op::EXISTS => (boolean(false), goes_on(self.call(op::LOGICAL_NOT, vec![self.gathered()]))),
            op::EXISTS_ONE => (self.literal(LiteralValue::Int(0.into())), boolean(true)),
            _ => (made(self.node, Expr::List(ListExpr::new(Vec::new()))), boolean(true)),
        };
        let result = match name {
            op::EXISTS_ONE => self.call(op::EQUALS, vec![self.gathered(), one()]),
            _ => self.gathered(),
        };
        Gathering { init, condition, step, result }
    }
}

fn made(place: &IdedExpr, expr: Expr) -> IdedExpr {
    IdedExpr { id: place.id, expr }
}

/// A value as it is counted when it is copied; what is one value whatever it is made of needs no counting.
fn metered(place: &IdedExpr, value: IdedExpr) -> IdedExpr {
    let is_small = match &value.expr {
        Expr::Literal(_) => true,
        Expr::Call(call) => call.func_name == KEPT || is_condition(&value) == Some(true),
        _ => false,
    };
    match is_small {
        true => value,
        false => made(place, plain_call(KEPT, vec![value])),
    }
}

fn plain_call(name: &str, args: Vec<IdedExpr>) -> Expr {
    Expr::Call(CallExpr { func_name: name.into(), target: None, args })
}

fn usage(name: &str) -> String {
    match name {
        op::HAS => "`has` takes a path such as `has(facts.customer)`".into(),
        op::MAP => "write `list.map(item, what becomes of it)`".into(),
        _ => format!("write `list.{name}(item, condition)`"),
    }
}

/// Whether the root of an expression is true or false by its form.
fn is_condition(node: &IdedExpr) -> Option<bool> {
    const CONDITIONS: [&str; 16] = [
        op::LOGICAL_AND,
        op::LOGICAL_OR,
        op::LOGICAL_NOT,
        op::EQUALS,
        op::NOT_EQUALS,
        op::GREATER,
        op::GREATER_EQUALS,
        op::LESS,
        op::LESS_EQUALS,
        op::IN,
        op::HAS,
        op::ALL,
        op::EXISTS,
        op::EXISTS_ONE,
        "contains",
        "startsWith",
    ];
    const VALUES: [&str; 10] = [
        "size",
        "string",
        "int",
        "uint",
        "double",
        op::ADD,
        op::SUBSTRACT,
        op::MULTIPLY,
        op::MAP,
        op::FILTER,
    ];
    match &node.expr {
        Expr::Literal(literal) => Some(matches!(literal, LiteralValue::Boolean(_))),
        Expr::List(_) | Expr::Map(_) => Some(false),
        Expr::Call(call) if CONDITIONS.contains(&call.func_name.as_str()) => Some(true),
        Expr::Call(call) if VALUES.contains(&call.func_name.as_str()) => Some(false),
        _ => None,
    }
}

/// What a condition has asked for by `has` when it holds: through `&&`, not through anything else.
fn note_certain(node: &IdedExpr, names: &mut Vec<String>) {
    let Expr::Call(call) = &node.expr else { return };
    match (call.func_name.as_str(), call.args.as_slice()) {
        (op::LOGICAL_AND, args) => args.iter().for_each(|arg| note_certain(arg, names)),
        (op::HAS, [what]) => names.extend(root(what)),
        _ => {}
    }
}

fn root(node: &IdedExpr) -> Option<String> {
    match &node.expr {
        Expr::Ident(name) => Some(name.clone()),
        Expr::Select(select) => root(&select.operand),
        _ => None,
    }
}

/// CEL's parser says what it expected as a grammar does; people get its first sentence and the place.
fn syntax(source: &str, errors: &cel::ParseErrors) -> ExpressionError {
    let first = errors.errors.first();
    let offset = first.map_or(0, |error| offset(source, error.pos));
    let error = ExpressionError::new(first.map_or_else(String::new, |error| said(&error.msg))).at(offset, 1);
    match source {
        _ if source.contains("${{") => {
            error.with_hint("this key takes the bare expression, without `${{ }}`")
        }
        _ => error,
    }
}

/// The grammar's words for what a person sees at that place.
fn said(message: &str) -> String {
    let quoted = message.find('\'').and_then(|start| message.get(start + 1..)?.rsplit_once('\''));
    let quoted = quoted.map(|(text, _)| text.split("' expecting ").next().unwrap_or(text));
    match quoted {
        Some("<EOF>") => "the expression ends too early".into(),
        Some(text) => format!("`{text}` is not expected here"),
        None => format!("this is not CEL: {}", message.trim_start_matches("Syntax error: ")),
    }
}

/// The byte offset of a line (from 1) and column (from 0) of the parser's.
fn offset(source: &str, (line, column): (isize, isize)) -> usize {
    let line = usize::try_from(line).unwrap_or(1).saturating_sub(1);
    let column = usize::try_from(column).unwrap_or(0).saturating_sub(1);
    let before: usize = source.split_inclusive('\n').take(line).map(str::len).sum();
    let rest = source.get(before..).unwrap_or_default();
    let within = rest.char_indices().nth(column).map_or(rest.len(), |(index, _)| index);
    (before + within).min(source.len())
}

/// CEL prints the values it stumbles over in full; a decision's error names kinds and fields only.
fn plainly(error: &ExecutionError) -> ExpressionError {
    match error {
        ExecutionError::NoSuchKey(key) => ExpressionError::new(format!("there is no field `{key}`")),
        ExecutionError::UndeclaredReference(name) => no_value(name),
        ExecutionError::NoSuchOverload(overload) => {
            let function = overload.function().trim_matches(['_', '@']).replace("[_]", "[]");
            let kinds = overload.argument_types().join(" and ");
            if function.starts_with(['<', '>']) && kinds == "double and double" {
                return ExpressionError::new(format!("`{function}` does not apply to NaN"));
            }
            ExpressionError::new(format!("`{function}` does not apply to {kinds}"))
        }
        ExecutionError::UnsupportedBinaryOperator(name, one, other) => {
            let sign = arithmetic::sign(name);
            let kinds = format!("{} and {}", one.type_of(), other.type_of()).replace("float", "double");
            ExpressionError::new(format!("`{sign}` does not apply to {kinds}"))
        }
        ExecutionError::FunctionError { function, message } if function == KEPT => {
            ExpressionError::new(message.clone())
                .with_hint("let a skill do the work, it has limits of its own")
        }
        ExecutionError::UnexpectedType { got, want } => {
            ExpressionError::new(format!("expected {want}, found {got}"))
        }
        ExecutionError::ValuesNotComparable(..) => ExpressionError::new("these values can't be compared"),
        ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_) => {
            ExpressionError::new("division by zero")
        }
        ExecutionError::Overflow(..) => ExpressionError::new("the number is too large"),
        ExecutionError::IndexOutOfBounds(_) => ExpressionError::new("the list has no such item"),
        ExecutionError::UnsupportedKeyType(_) => ExpressionError::new("the keys of an object are texts"),
        other => {
            let said: String = other.to_string().chars().take(120).collect();
            ExpressionError::new(said)
        }
    }
}
