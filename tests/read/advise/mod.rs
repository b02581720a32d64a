//! What `inventory --advise` says, and what it does not say.

mod memory;
