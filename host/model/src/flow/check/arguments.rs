//! What a call is given, held against the operation's types.

use super::super::authored::Used;
use super::super::page::{Kind, Node, Problems, Written};
use super::super::scope::{Scope, Standing, tell_expression};
use crate::expression::Expression;
use crate::plan::Template;
use crate::shape::{Field, Misfit, Operation, Shape};
use crate::source::Source;
use serde_json::Value;
use std::collections::BTreeMap;
use std::ops::Range;

/// The arguments of one call.
pub(super) struct Arguments<'a, 't> {
    pub(super) problems: &'a Problems<'t>,
    pub(super) scope: &'a Scope,
    pub(super) used: &'a Written<Used>,
    pub(super) operation: &'a Operation,
}

type Given = [(Written<String>, Node)];

impl Arguments<'_, '_> {
    /// Every argument the operation needs, and none it does not have.
    pub(super) fn all(&self, given: &Given) -> Option<BTreeMap<String, Template>> {
        let mut complete = true;
        for param in &self.operation.params {
            let is_given = given.iter().any(|(name, _)| self.param(&name.value) == Some(param));
            if !is_given && !matches!(param.shape, Shape::Option { .. }) {
                let message = format!("`{}` needs `{}`: {}", self.operation.name, param.name, param.shape);
                self.problems.tell_with(&self.used.at, message, "give it under `with`");
                complete = false;
            }
        }
        let some = self.some(given);
        complete.then_some(some?)
    }

    /// The arguments given, each held against its type.
    pub(super) fn some(&self, given: &Given) -> Option<BTreeMap<String, Template>> {
        let checked: Vec<_> = given.iter().map(|(name, node)| self.one(name, node)).collect();
        checked.into_iter().collect()
    }

    /// The same without telling anything: for comparing with arguments that were told already.
    pub(super) fn quietly(&self, given: &Given) -> BTreeMap<String, Template> {
        let problems = Problems::new(Source { file: "", text: "" });
        let quiet = Arguments { problems: &problems, ..*self };
        given.iter().filter_map(|(name, node)| quiet.one(name, node)).collect()
    }

    /// WIT's `-` may be written `_`, as in expressions.
    fn param(&self, name: &str) -> Option<&Field> {
        let params = &self.operation.params;
        params.iter().find(|param| param.name == name || param.name.replace('-', "_") == name)
    }

    fn one(&self, name: &Written<String>, node: &Node) -> Option<(String, Template)> {
        let Some(param) = self.param(&name.value) else {
            let message = format!("`{}` has no argument `{}`", self.operation.name, name.value);
            let known: Vec<&str> = self.operation.params.iter().map(|param| param.name.as_str()).collect();
            self.problems.tell_unknown(&name.at, message, &name.value, known.iter().copied());
            return None;
        };
        let template = self.template(node)?;
        self.fit(&param.name, node, &template, &param.shape)?;
        Some((param.name.clone(), template))
    }

    /// A value as written with its expressions checked; one without any is a literal.
    fn template(&self, node: &Node) -> Option<Template> {
        match &node.kind {
            Kind::Text(value) => text(self.problems, self.scope, value, &node.at),
            Kind::List(nodes) => {
                let items = nodes.iter().map(|node| self.template(node)).collect::<Vec<_>>();
                let items = items.into_iter().collect::<Option<Vec<_>>>()?;
                let literals = items.iter().map(literal).collect::<Option<Vec<_>>>();
                Some(
                    literals
                        .map_or(Template::List { items }, |items| Template::Literal { value: items.into() }),
                )
            }
            Kind::Object(nodes) => {
                let fields = nodes.iter().map(|(key, node)| Some((key.value.clone(), self.template(node)?)));
                let fields = fields.collect::<Vec<_>>().into_iter().collect::<Option<BTreeMap<_, _>>>()?;
                let literals = fields.iter().map(|(key, field)| Some((key.clone(), literal(field)?)));
                let literals = literals.collect::<Option<serde_json::Map<_, _>>>();
                Some(
                    literals.map_or(Template::Object { fields }, |fields| Template::Literal {
                        value: fields.into(),
                    }),
                )
            }
            _ => Some(Template::Literal { value: node.json() }),
        }
    }

    /// Whether a value fits as far as its type is known before anything runs.
    fn fit(&self, path: &str, node: &Node, template: &Template, wanted: &Shape) -> Option<()> {
        let fits = match template {
            Template::Literal { value } => wanted.check(value),
            Template::Text { .. } => wanted.accepts(&Shape::String),
            Template::Expression { source } => match self.shape(source) {
                Some(given) if !self.is_said_number(source, &given, wanted) => wanted.accepts(&given),
                _ => Ok(()),
            },
            Template::List { items } => return self.fit_list(path, node, items, wanted),
            Template::Object { fields } => return self.fit_object(path, node, fields, wanted),
        };
        fits.map_err(|misfit| self.tell_misfit(path, node, &misfit)).ok()
    }

    /// A number that a person gives has no width of its own: whether it fits is checked when the step starts.
    fn is_said_number(&self, source: &str, given: &Shape, wanted: &Shape) -> bool {
        let said = Expression::compile(source).is_ok_and(|expression| {
            let read = expression.as_path();
            read.is_some_and(|read| read.name == "inputs" || read.to_string().ends_with(".answer"))
        });
        let fraction = matches!(inside(wanted), Shape::F32 | Shape::F64);
        let whole =
            [Shape::U8, Shape::U16, Shape::U32, Shape::U64, Shape::S8, Shape::S16, Shape::S32, Shape::S64];
        let fits = match given {
            Shape::S64 => fraction || whole.contains(inside(wanted)),
            Shape::F64 => fraction,
            _ => false,
        };
        said && fits
    }

    fn shape(&self, source: &str) -> Option<Shape> {
        self.scope.shape_of(&Expression::compile(source).ok()?)
    }

    fn tell_misfit(&self, path: &str, node: &Node, misfit: &Misfit) {
        let inside = misfit.path.strip_prefix("value").unwrap_or(&misfit.path);
        let dot = if inside.is_empty() || inside.starts_with('[') { "" } else { "." };
        let message = match misfit.found.as_str() {
            "nothing" => format!("`{path}{dot}{inside}` is missing: {}", misfit.expected),
            found => format!("`{path}{dot}{inside}` takes {}, not {found}", misfit.expected),
        };
        self.problems.tell(&part(node, &misfit.path).at, message);
    }

    fn fit_list(&self, path: &str, node: &Node, items: &[Template], wanted: &Shape) -> Option<()> {
        let Kind::List(nodes) = &node.kind else { return Some(()) };
        let each: Vec<&Shape> = match inside(wanted) {
            Shape::List { of } if !wanted.is_bytes() => items.iter().map(|_| of.as_ref()).collect(),
            Shape::FixedList { of, length } if *length as usize == items.len() => {
                items.iter().map(|_| of.as_ref()).collect()
            }
            Shape::Tuple { of } if of.len() == items.len() => of.iter().collect(),
            // Pairs and flags are held against their types when the step starts.
            Shape::Map { .. } | Shape::Flags { .. } => return Some(()),
            _ => return self.tell_kind(path, node, wanted, &format!("a list of {}", items.len())),
        };
        let all = nodes.iter().zip(items).zip(each).enumerate();
        let wrong = all.filter(|(index, ((node, item), shape))| {
            self.fit(&format!("{path}[{index}]"), node, item, shape).is_none()
        });
        (wrong.count() == 0).then_some(())
    }

    fn fit_object(
        &self,
        path: &str,
        node: &Node,
        fields: &BTreeMap<String, Template>,
        wanted: &Shape,
    ) -> Option<()> {
        let Kind::Object(nodes) = &node.kind else { return Some(()) };
        let known = match inside(wanted) {
            Shape::Record { fields, .. } => fields,
            Shape::Map { key, value } if **key == Shape::String => {
                let wrong = nodes.iter().filter(|(key, node)| {
                    let template = fields.get(&key.value);
                    template.is_some_and(|template| {
                        self.fit(&format!("{path}.{}", key.value), node, template, value).is_none()
                    })
                });
                return (wrong.count() == 0).then_some(());
            }
            // A case is only known with its tag: held against its type when the step starts.
            Shape::Variant { .. } | Shape::Result { .. } => return Some(()),
            _ => return self.tell_kind(path, node, wanted, "an object"),
        };
        let missing = known.iter().filter(|field| {
            let missing = !fields.contains_key(&field.name) && !matches!(field.shape, Shape::Option { .. });
            if missing {
                self.problems.tell(&node.at, format!("`{path}` has no `{}`: {}", field.name, field.shape));
            }
            missing
        });
        let missing = missing.count();
        let wrong =
            nodes.iter().filter(|(key, node)| self.fit_field(path, key, node, fields, known).is_none());
        (wrong.count() + missing == 0).then_some(())
    }

    fn fit_field(
        &self,
        path: &str,
        key: &Written<String>,
        node: &Node,
        fields: &BTreeMap<String, Template>,
        known: &[Field],
    ) -> Option<()> {
        let Some(field) = known.iter().find(|field| field.name == key.value) else {
            let message = format!("`{path}` has no field `{}`", key.value);
            let names: Vec<&str> = known.iter().map(|field| field.name.as_str()).collect();
            self.problems.tell_unknown(&key.at, message, &key.value, names.iter().copied());
            return None;
        };
        self.fit(&format!("{path}.{}", key.value), node, fields.get(&key.value)?, &field.shape)
    }

    fn tell_kind(&self, path: &str, node: &Node, wanted: &Shape, found: &str) -> Option<()> {
        self.problems.tell(&node.at, format!("`{path}` takes {wanted}, not {found}"));
        None
    }
}

/// A text with `${{ }}` in it, its expressions checked.
pub(super) fn text(
    problems: &Problems<'_>,
    scope: &Scope,
    text: &str,
    at: &Range<usize>,
) -> Option<Template> {
    let standing = |offset| Standing { text, at, offset };
    let parsed = Template::parse(text).and_then(|template| Ok((template, Template::places(text)?)));
    let (template, places) = parsed.map_err(|error| tell_expression(problems, standing(0), &error)).ok()?;
    let wrong =
        places.iter().filter(|place| scope.check(problems, standing(place.offset), place.source).is_none());
    (wrong.count() == 0).then_some(template)
}

fn literal(template: &Template) -> Option<Value> {
    match template {
        Template::Literal { value } => Some(value.clone()),
        _ => None,
    }
}

/// The shape a plain value has in an option.
fn inside(shape: &Shape) -> &Shape {
    match shape {
        Shape::Option { of } if !matches!(**of, Shape::Option { .. }) => of,
        other => other,
    }
}

/// The part of a value that a misfit's path names, as far as it is written.
fn part<'n>(node: &'n Node, path: &str) -> &'n Node {
    let words = path.split(['.', '[', ']']).filter(|word| !word.is_empty());
    let mut here = node;
    for word in words {
        let next = match &here.kind {
            Kind::Object(fields) => fields.iter().find(|(key, _)| key.value == word).map(|(_, node)| node),
            Kind::List(items) => word.parse().ok().and_then(|index: usize| items.get(index)),
            _ => None,
        };
        match next {
            Some(next) => here = next,
            None if word == "value" => {}
            None => return here,
        }
    }
    here
}
