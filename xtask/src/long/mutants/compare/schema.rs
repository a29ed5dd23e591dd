//! One source text with all its mutants in it, each asleep until its number is called.
//!
//! ```text
//! a < b            (if crate::mutant(7) { a <= b } else { a < b })
//! { body }         { if crate::mutant(8) { return true; } body }
//! X => y,          X if !crate::mutant(9) => y,
//! ```
//!
//! The branch of a mutant holds the original text and no other mutant, since only one is ever awake. What
//! stands in a constant or with a `let` in its condition cannot be written so, and is said to be unwritable.

use super::listed::Mutant;
use anyhow::{Context, Result};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

/// The text with its mutants, and where in it they are.
pub(super) struct Schema {
    pub(super) text: String,
    /// The bytes that only this mutant brought.
    branches: Vec<(Range<usize>, usize)>,
    /// The bytes of everything rewritten, and the mutants in it.
    places: Vec<(Range<usize>, Vec<usize>)>,
    pub(super) unwritable: BTreeSet<usize>,
}

/// What the compiler's complaint at these bytes is about.
pub(super) enum Blame {
    /// A mutant that does not compile.
    Mutant(usize),
    /// Mutants whose form the rest of the text does not bear.
    Form(Vec<usize>),
    Nothing,
}

impl Schema {
    pub(super) fn new(text: &str, mutants: &[&Mutant]) -> Result<Self> {
        let file = syn::parse_file(text).context("the source cannot be parsed")?;
        let mut finder = Finder {
            wanted: BTreeMap::new(),
            pieces: BTreeMap::new(),
            constants: 0,
        };
        for mutant in mutants {
            let edit = mutant.bytes(text)?;
            let key = (mutant.genre.clone(), edit.start);
            let change = (mutant.number, edit, mutant.replacement.clone());
            finder.wanted.entry(key).or_default().push(change);
        }
        finder.visit_file(&file);
        let left = finder.wanted.into_values().flatten();
        let mut schema = Self {
            text: String::new(),
            branches: Vec::new(),
            places: Vec::new(),
            unwritable: left.map(|(number, ..)| number).collect(),
        };
        let pieces: Vec<_> = finder.pieces.into_iter().collect();
        schema.write(text, 0..text.len(), &pieces);
        Ok(schema)
    }

    /// The original text of `range`, with the pieces in it rewritten.
    fn write(&mut self, text: &str, range: Range<usize>, pieces: &[(Place, Piece)]) {
        let mut at = range.start;
        let mut next = 0;
        while let Some((place, piece)) = pieces.get(next) {
            let bytes = place.bytes();
            self.text.push_str(&text[at..bytes.start]);
            let inner = &pieces[next + 1..];
            let held = match piece {
                Piece::Either(_) | Piece::Yields(_) => {
                    inner.partition_point(|(inside, _)| inside.bytes().start < bytes.end)
                }
                _ => 0,
            };
            let begin = self.text.len();
            self.write_piece(text, bytes.clone(), piece, &inner[..held]);
            self.places.push((begin..self.text.len(), piece.numbers()));
            at = bytes.end;
            next += 1 + held;
        }
        self.text.push_str(&text[at..range.end]);
    }

    fn write_piece(
        &mut self,
        text: &str,
        bytes: Range<usize>,
        piece: &Piece,
        inner: &[(Place, Piece)],
    ) {
        match piece {
            Piece::NotConst => {}
            Piece::Returns(changes) => {
                for (number, _, value) in changes {
                    self.branch(
                        *number,
                        &format!("if crate::mutant({number}) {{ return {value}; }} "),
                    );
                }
            }
            Piece::Yields(changes) => {
                self.text.push_str("{ let all = { ");
                self.write(text, bytes, inner);
                self.text.push_str(" }; all");
                self.write_yields(changes);
                self.text.push_str(" }");
            }
            Piece::Without(number) => {
                self.text.push_str(&format!(" if !crate::mutant({number})"));
            }
            Piece::Either(changes) => {
                self.text.push('(');
                for (number, edit, new) in changes {
                    self.text
                        .push_str(&format!("if crate::mutant({number}) {{ "));
                    let [before, after] = [bytes.start..edit.start, edit.end..bytes.end];
                    let changed = format!("{}{new}{}", &text[before], &text[after]);
                    self.branch(*number, &changed);
                    self.text.push_str(" } else ");
                }
                self.text.push_str("{ ");
                self.write(text, bytes, inner);
                self.text.push_str(" })");
            }
        }
    }

    /// Nothing of what there was, and perhaps one thing else.
    fn write_yields(&mut self, changes: &[Change]) {
        for (number, _, value) in changes {
            let awake = format!("crate::mutant({number})");
            let taken = format!(".take(if {awake} {{ 0 }} else {{ usize::MAX }})");
            self.text.push_str(&taken);
            let once = value.strip_prefix("::std::iter::once(");
            if let Some(item) = once.and_then(|rest| rest.strip_suffix(')')) {
                let added = format!(".chain(if {awake} {{ Some({item}) }} else {{ None }})");
                self.branch(*number, &added);
            }
        }
    }

    fn branch(&mut self, number: usize, text: &str) {
        let begin = self.text.len();
        self.text.push_str(text);
        self.branches.push((begin..self.text.len(), number));
    }

    /// Who is to blame for what the compiler says of these bytes.
    pub(super) fn blame(&self, bytes: &Range<usize>) -> Blame {
        let holds = |range: &Range<usize>| range.start <= bytes.start && bytes.end <= range.end;
        if let Some((_, number)) = self.branches.iter().find(|(range, _)| holds(range)) {
            return Blame::Mutant(*number);
        }
        let around = self
            .places
            .iter()
            .filter(|(range, numbers)| holds(range) && !numbers.is_empty());
        match around.min_by_key(|(range, _)| range.len()) {
            Some((_, numbers)) => Blame::Form(numbers.clone()),
            None => Blame::Nothing,
        }
    }
}

/// A mutant's number, the bytes it replaces, and by what.
type Change = (usize, Range<usize>, String);

/// Where a piece stands: insertions before what begins at the same byte, the larger before the smaller.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Place(usize, bool, Reverse<usize>);

impl Place {
    const fn insertion(at: usize) -> Self {
        Self(at, false, Reverse(at))
    }

    fn over(range: Range<usize>) -> Self {
        Self(range.start, true, Reverse(range.end))
    }

    fn bytes(&self) -> Range<usize> {
        self.0..self.2.0
    }
}

enum Piece {
    /// A `const` that goes, since no constant can ask who is awake.
    NotConst,
    /// The function returns at once.
    Returns(Vec<Change>),
    /// It returns an iterator of a type that has no name: what that gives is replaced.
    Yields(Vec<Change>),
    /// The arm is not taken.
    Without(usize),
    /// The expression, or one of its mutants.
    Either(Vec<Change>),
}

impl Piece {
    fn numbers(&self) -> Vec<usize> {
        match self {
            Self::NotConst => Vec::new(),
            Self::Without(number) => vec![*number],
            Self::Returns(changes) | Self::Yields(changes) | Self::Either(changes) => {
                changes.iter().map(|(number, ..)| *number).collect()
            }
        }
    }
}

struct Finder {
    /// By genre and first byte.
    wanted: BTreeMap<(String, usize), Vec<Change>>,
    pieces: BTreeMap<Place, Piece>,
    /// How many constants we are inside of.
    constants: usize,
}

impl Finder {
    fn take(&mut self, genre: &str, at: usize) -> Vec<Change> {
        if self.constants > 0 {
            return Vec::new();
        }
        self.wanted
            .remove(&(genre.to_owned(), at))
            .unwrap_or_default()
    }

    fn either(&mut self, whole: Range<usize>, changes: Vec<Change>) {
        if changes.is_empty() {
            return;
        }
        let place = Place::over(whole);
        match self.pieces.get_mut(&place) {
            Some(Piece::Either(there)) => there.extend(changes),
            _ => drop(self.pieces.insert(place, Piece::Either(changes))),
        }
    }

    fn function(&mut self, signature: &syn::Signature, block: &syn::Block) {
        if let Some(word) = &signature.constness {
            let place = Place::over(word.span.byte_range());
            self.pieces.insert(place, Piece::NotConst);
        }
        let (Some(first), Some(last)) = (block.stmts.first(), block.stmts.last()) else {
            return;
        };
        let body = first.span().byte_range().start..last.span().byte_range().end;
        let changes = self.take("FnValue", body.start);
        if changes.is_empty() {
            return;
        }
        let is_opaque = matches!(&signature.output, syn::ReturnType::Type(_, kind)
            if matches!(**kind, syn::Type::ImplTrait(_)));
        if is_opaque {
            self.pieces
                .insert(Place::over(body), Piece::Yields(changes));
        } else {
            self.pieces
                .insert(Place::insertion(body.start), Piece::Returns(changes));
        }
    }

    fn constant(&mut self, inside: impl FnOnce(&mut Self)) {
        self.constants += 1;
        inside(self);
        self.constants -= 1;
    }
}

impl<'ast> Visit<'ast> for Finder {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.function(&item.sig, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.function(&item.sig, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_item_const(&mut self, item: &'ast syn::ItemConst) {
        self.constant(|inside| visit::visit_item_const(inside, item));
    }

    fn visit_impl_item_const(&mut self, item: &'ast syn::ImplItemConst) {
        self.constant(|inside| visit::visit_impl_item_const(inside, item));
    }

    fn visit_item_static(&mut self, item: &'ast syn::ItemStatic) {
        self.constant(|inside| visit::visit_item_static(inside, item));
    }

    fn visit_type_array(&mut self, array: &'ast syn::TypeArray) {
        self.constant(|inside| visit::visit_type_array(inside, array));
    }

    fn visit_expr_binary(&mut self, binary: &'ast syn::ExprBinary) {
        if !has_let(&binary.left) && !has_let(&binary.right) {
            let changes = self.take("BinaryOperator", binary.op.span().byte_range().start);
            self.either(binary.span().byte_range(), changes);
        }
        visit::visit_expr_binary(self, binary);
    }

    fn visit_expr_unary(&mut self, unary: &'ast syn::ExprUnary) {
        let changes = self.take("UnaryOperator", unary.op.span().byte_range().start);
        self.either(unary.span().byte_range(), changes);
        visit::visit_expr_unary(self, unary);
    }

    fn visit_expr_struct(&mut self, literal: &'ast syn::ExprStruct) {
        for field in &literal.fields {
            let changes = self.take("StructField", field.span().byte_range().start);
            self.either(literal.span().byte_range(), changes);
        }
        visit::visit_expr_struct(self, literal);
    }

    fn visit_expr_match(&mut self, choice: &'ast syn::ExprMatch) {
        let takes_all =
            |arm: &syn::Arm| matches!(arm.pat, syn::Pat::Wild(_)) && arm.guard.is_none();
        // An arm with a guard covers nothing for certain.
        if choice.arms.iter().any(takes_all) {
            for arm in &choice.arms {
                for (number, ..) in self.take("MatchArm", arm.span().byte_range().start) {
                    let end = arm.pat.span().byte_range().end;
                    self.pieces
                        .insert(Place::insertion(end), Piece::Without(number));
                }
            }
        }
        visit::visit_expr_match(self, choice);
    }

    fn visit_arm(&mut self, arm: &'ast syn::Arm) {
        if let Some((_, guard)) = &arm.guard
            && !has_let(guard)
        {
            let bytes = guard.span().byte_range();
            let changes = self.take("MatchArmGuard", bytes.start);
            self.either(bytes, changes);
        }
        visit::visit_arm(self, arm);
    }
}

/// Whether a condition binds names, which brackets around it would forbid.
fn has_let(condition: &syn::Expr) -> bool {
    match condition {
        syn::Expr::Let(_) => true,
        syn::Expr::Binary(binary) => has_let(&binary.left) || has_let(&binary.right),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mutant(number: usize, genre: &str, line: usize, columns: [usize; 2], new: &str) -> Mutant {
        Mutant {
            number,
            name: format!("mutant {number}"),
            file: "a.rs".to_owned(),
            genre: genre.to_owned(),
            replacement: new.to_owned(),
            start: (line, columns[0]),
            end: (line, columns[1]),
        }
    }

    #[test]
    fn each_mutant_is_a_branch_of_its_own() {
        let text = "const fn f(a: u8) -> bool { a < 1 && a > 0 }\n";
        let mutants = [
            mutant(0, "FnValue", 1, [29, 43], "true"),
            mutant(1, "BinaryOperator", 1, [31, 32], "<="),
            mutant(2, "BinaryOperator", 1, [35, 37], "||"),
        ];
        let schema = Schema::new(text, &mutants.each_ref()).expect("it parses");
        assert_eq!(
            schema.text,
            " fn f(a: u8) -> bool { if crate::mutant(0) { return true; } \
             (if crate::mutant(2) { a < 1 || a > 0 } else { \
             (if crate::mutant(1) { a <= 1 } else { a < 1 }) && a > 0 }) }\n"
        );
        let at = schema.text.find("a <= 1").expect("the branch");
        assert!(matches!(schema.blame(&(at..at + 1)), Blame::Mutant(1)));
        let at = schema.text.find("a < 1 })").expect("the original");
        assert!(matches!(schema.blame(&(at..at + 1)), Blame::Form(numbers) if numbers == [1]));
        assert!(matches!(schema.blame(&(0..1)), Blame::Nothing));
    }

    #[test]
    fn arms_are_guarded_and_guards_replaced() {
        let text = "fn f(a: u8) -> u8 { match a { 1 => 2, n if n > 5 => 3, _ => 4 } }\n";
        let mutants = [
            mutant(0, "MatchArm", 1, [31, 38], ""),
            mutant(1, "MatchArmGuard", 1, [44, 49], "true"),
            mutant(2, "BinaryOperator", 1, [46, 47], "<"),
        ];
        let schema = Schema::new(text, &mutants.each_ref()).expect("it parses");
        assert_eq!(
            schema.text,
            "fn f(a: u8) -> u8 { match a { 1 if !crate::mutant(0) => 2, n if \
             (if crate::mutant(1) { true } else if crate::mutant(2) { n < 5 } else { n > 5 }) \
             => 3, _ => 4 } }\n"
        );
    }

    #[test]
    fn an_iterator_without_a_name_is_emptied_and_filled() {
        let text = "fn f() -> impl Iterator<Item = u8> { 0..3 }\n";
        let mutants = [
            mutant(0, "FnValue", 1, [38, 42], "::std::iter::empty()"),
            mutant(1, "FnValue", 1, [38, 42], "::std::iter::once(1)"),
        ];
        let schema = Schema::new(text, &mutants.each_ref()).expect("it parses");
        assert_eq!(
            schema.text,
            "fn f() -> impl Iterator<Item = u8> { { let all = { 0..3 }; all\
             .take(if crate::mutant(0) { 0 } else { usize::MAX })\
             .take(if crate::mutant(1) { 0 } else { usize::MAX })\
             .chain(if crate::mutant(1) { Some(1) } else { None }) } }\n"
        );
    }

    #[test]
    fn what_cannot_be_written_is_said() {
        let text = "const A: u8 = 1 + 2;\nfn f(a: Option<u8>) { if let Some(b) = a && b > 1 {} }\n";
        let mutants = [
            mutant(0, "BinaryOperator", 1, [17, 18], "-"),
            mutant(1, "BinaryOperator", 2, [41, 43], "||"),
        ];
        let schema = Schema::new(text, &mutants.each_ref()).expect("it parses");
        assert_eq!(schema.text, text);
        assert_eq!(schema.unwritable, BTreeSet::from([0, 1]));
    }
}
