//! Linux: files by their mode, poll, termios, exec.

mod file;
mod program;
mod terminal;

pub(crate) use file::{is_null, open_at_once, what_it_is};
pub(crate) use program::{call_it, has_no_reader, leave, no_helper, replace, where_it_is};
pub(crate) use terminal::{can_rewrite, columns, has_the_terminal, takes_a_line};
