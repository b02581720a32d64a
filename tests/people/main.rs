//! What people see: help, mistakes, the terminal, pages, and what strangers wrote in a dump.

#[path = "../support/mod.rs"]
mod support;

mod docs;
mod help;
mod mistakes;
mod release;
mod review;
mod scripts;
mod show;
mod strangers;
mod terminal;
