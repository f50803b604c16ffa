//! Linux: poll, memfd, termios, signals.

mod file;
mod names;
mod program;
mod stream;
mod terminal;

pub(crate) use file::{is_file, is_same_file, nameless_file};
pub(crate) use names::{
    adapt, groups, host_name, machine_settings, set_send_buffer, user_settings,
};
pub(crate) use program::{NOT_RUN, apart, find_program, shell};
pub use stream::{StandardInput, standard_input};
pub(crate) use stream::{sign, wait_for_sign, wait_readable, wait_writable};
pub(crate) use terminal::{is_background, on_trigger, terminal_size};
