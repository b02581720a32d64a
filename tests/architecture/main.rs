//! The house itself: its layers, its examples, and that no test is forgotten.

mod examples;
mod files;
mod layers;
