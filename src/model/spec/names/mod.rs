//! Names: one language for keys, members and values, which builds them and reads them.
//!
//! A text is parsed once into [`Part`](parse::Part)s: a [`Template`](template::Template), or a
//! [`Pattern`](pattern::Pattern) where globs may stand. A [`Form`](form::Form) is compiled from parts and reads names.

pub mod capture;
pub mod filter;
pub mod form;
pub mod glob;
mod matcher;
pub mod parse;
pub mod path;
pub mod pattern;
pub mod template;

pub use matcher::Reading;

#[cfg(test)]
mod tests;
