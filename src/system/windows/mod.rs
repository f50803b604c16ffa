//! Windows: threads that read and write pipes, events, consoles.

mod file;
mod input;
mod names;
mod program;
mod socket;
mod terminal;

pub(crate) use file::{is_file, is_same_file, nameless_file};
pub use input::{StandardInput, standard_input};
pub(crate) use names::{
    adapt, groups, host_name, machine_settings, set_send_buffer, user_settings,
};
pub(crate) use program::{NOT_RUN, apart, find_program, shell};
pub(crate) use socket::{sign, wait_for_sign, wait_readable, wait_writable};
pub(crate) use terminal::{is_background, on_trigger, terminal_size};
