//! The key map: what a key does and what the help screen says of it come from this one table.

use super::input::Key;

/// What a key asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub(crate) enum Action {
    Quit,
    QuitKeep,
    Suspend,
    Redraw,
    Help,
    Back,
    Open,
    NextScreen,
    PreviousScreen,
    Screen(Screen),
    Up,
    Down,
    Left,
    Right,
    PageUp,
    PageDown,
    Top,
    Bottom,
    NextBus,
    PreviousBus,
    Freeze,
    Filter,
    Sort,
    Reverse,
    OnlyFindings,
    Zero,
    Unzero,
    Faster,
    Slower,
    Thumbnails,
    Export,
    WritePng,
    Mouse,
    Theme,
    Renderer,
    Colour,
    AutoRange,
    Invert,
    ZoomIn,
    ZoomOut,
    ResetView,
    NextSlot,
    PreviousSlot,
}

/// A screen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub(crate) enum Screen {
    Buses,
    #[default]
    Overview,
    Consumers,
    Slots,
    View,
    Log,
}

impl Screen {
    /// The screens, in their order: all buses, then what there is of one.
    pub(crate) const ALL: [Screen; 6] = [
        Self::Buses,
        Self::Overview,
        Self::Consumers,
        Self::Slots,
        Self::View,
        Self::Log,
    ];

    /// Returns its name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Buses => "Buses",
            Self::Overview => "Overview",
            Self::Consumers => "Consumers",
            Self::Slots => "Slots",
            Self::View => "View",
            Self::Log => "Log",
        }
    }

    /// Returns the key that goes to it.
    pub(crate) const fn key(self) -> char {
        match self {
            Self::Buses => 'b',
            Self::Overview => '1',
            Self::Consumers => '2',
            Self::Slots => '3',
            Self::View => '4',
            Self::Log => '5',
        }
    }

    /// Returns the screen `step` further on, round and round.
    pub(crate) fn step(self, step: usize) -> Screen {
        let at = Self::ALL
            .iter()
            .position(|screen| *screen == self)
            .unwrap_or(0);
        Self::ALL[(at + step) % Self::ALL.len()]
    }
}

/// Keys that do the same.
#[derive(Debug)]
pub(crate) struct Binding {
    pub(crate) keys: &'static [Key],
    pub(crate) action: Action,
    /// How the keys are written; empty where another line says it.
    pub(crate) label: &'static str,
    pub(crate) help: &'static str,
    pub(crate) group: Group,
}

/// A part of the help screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Group {
    /// Moving about.
    Move,
    /// What is shown.
    Show,
    /// Pictures.
    Picture,
    /// The program.
    Program,
}

impl Group {
    /// The parts in their order, with what stands over them.
    pub(crate) const ALL: [(Group, &'static str); 4] = [
        (Group::Move, "MOVE"),
        (Group::Show, "SHOW"),
        (Group::Picture, "PICTURE"),
        (Group::Program, "PROGRAM"),
    ];
}

const fn bind(
    keys: &'static [Key],
    action: Action,
    group: Group,
    label: &'static str,
    help: &'static str,
) -> Binding {
    Binding {
        keys,
        action,
        label,
        help,
        group,
    }
}

use Group::{Move, Picture, Program, Show};
use Key::{Char, Ctrl};

/// Every key, one a line.
#[rustfmt::skip]
pub(crate) static KEYS: &[Binding] = &[
    bind(&[Key::Tab], Action::NextScreen, Move, "Tab", "next screen"),
    bind(&[Key::BackTab], Action::PreviousScreen, Move, "Shift-Tab", "previous screen"),
    bind(&[Char('b')], Action::Screen(Screen::Buses), Move, "b", "Buses: all of them, a line each"),
    bind(&[Char('1')], Action::Screen(Screen::Overview), Move, "1", "Overview: everything at a glance"),
    bind(&[Char('2')], Action::Screen(Screen::Consumers), Move, "2", "Consumers: the whole table"),
    bind(&[Char('3')], Action::Screen(Screen::Slots), Move, "3", "Slots: use over 60 s and every picture"),
    bind(&[Char('4'), Char('v')], Action::Screen(Screen::View), Move, "4 v", "View: a frame over the whole screen"),
    bind(&[Char('5')], Action::Screen(Screen::Log), Move, "5", "Log: what happened, with times"),
    bind(&[Key::Up, Char('k')], Action::Up, Move, "Up k", "row up; View: move up"),
    bind(&[Key::Down, Char('j')], Action::Down, Move, "Down j", "row down; View: move down"),
    bind(&[Key::Left, Char('h')], Action::Left, Move, "Left h", "previous screen; View: move left"),
    bind(&[Key::Right, Char('l')], Action::Right, Move, "Right l", "next screen; View: move right"),
    bind(&[Key::PageUp], Action::PageUp, Move, "PgUp", "ten rows up"),
    bind(&[Key::PageDown], Action::PageDown, Move, "PgDn", "ten rows down"),
    bind(&[Key::Home, Char('g')], Action::Top, Move, "Home g", "first row"),
    bind(&[Key::End, Char('G')], Action::Bottom, Move, "End G", "last row"),
    bind(&[Key::Enter], Action::Open, Move, "Enter", "open the bus, the consumer or the slot"),
    bind(&[Key::Esc], Action::Back, Move, "Esc", "back; clear the filter"),
    bind(&[Char(']')], Action::NextBus, Move, "]", "next bus"),
    bind(&[Char('[')], Action::PreviousBus, Move, "[", "previous bus"),
    bind(&[Char(' '), Char('f')], Action::Freeze, Show, "Space f", "freeze; the counters go on"),
    bind(&[Char('/')], Action::Filter, Show, "/", "filter by name, language, state or pid"),
    bind(&[Char('s')], Action::Sort, Show, "s", "sort by the next column"),
    bind(&[Char('r')], Action::Reverse, Show, "r", "reverse the order"),
    bind(&[Char('x')], Action::OnlyFindings, Show, "x", "only consumers with findings"),
    bind(&[Char('c')], Action::Zero, Show, "c", "zero the counters of this view, from now on"),
    bind(&[Char('u')], Action::Unzero, Show, "u", "undo zeroing: counters from the start"),
    bind(&[Char('+'), Char('=')], Action::Faster, Show, "+", "sample more often (to 0.1 s)"),
    bind(&[Char('-')], Action::Slower, Show, "-", "sample less often (to 10 s)"),
    bind(&[Char('t')], Action::Thumbnails, Picture, "t", "thumbnails on or off"),
    bind(&[Char('R')], Action::Renderer, Picture, "R", "ramp, half block, quadrant, braille"),
    bind(&[Char('C')], Action::Colour, Picture, "C", "colour or gray, in blocks (View)"),
    bind(&[Char('a')], Action::AutoRange, Picture, "a", "stretch the contrast, or not"),
    bind(&[Char('i')], Action::Invert, Picture, "i", "invert"),
    bind(&[Char('z')], Action::ZoomIn, Picture, "z", "zoom in (View)"),
    bind(&[Char('Z')], Action::ZoomOut, Picture, "Z", "zoom out (View)"),
    bind(&[Char('0')], Action::ResetView, Picture, "0", "whole picture, newest frame"),
    bind(&[Char('>'), Char('.')], Action::NextSlot, Picture, ">", "next slot (View)"),
    bind(&[Char('<'), Char(',')], Action::PreviousSlot, Picture, "<", "previous slot (View)"),
    bind(&[Char('w')], Action::WritePng, Picture, "w", "write the picture as PNG"),
    bind(&[Char('e')], Action::Export, Program, "e", "export the snapshot as JSON"),
    bind(&[Char('m')], Action::Mouse, Program, "m", "mouse on or off"),
    bind(&[Char('T')], Action::Theme, Program, "T", "theme: dark, light, none"),
    bind(&[Ctrl('l')], Action::Redraw, Program, "Ctrl-L", "draw everything again"),
    bind(&[Ctrl('z')], Action::Suspend, Program, "Ctrl-Z", "suspend; fg comes back"),
    bind(&[Char('?')], Action::Help, Program, "?", "this help"),
    bind(&[Char('Q')], Action::QuitKeep, Program, "Q", "quit and leave this screen behind"),
    bind(&[Char('q'), Ctrl('c')], Action::Quit, Program, "q Ctrl-C", "quit"),
];

/// Returns what a key asks for.
pub(crate) fn action(key: Key) -> Option<Action> {
    KEYS.iter()
        .find(|binding| binding.keys.contains(&key))
        .map(|binding| binding.action)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_stands_in_the_map_once_and_every_line_says_what_it_does() {
        let mut keys: Vec<_> = KEYS.iter().flat_map(|binding| binding.keys).collect();
        let all = keys.len();
        keys.sort_by_key(|key| format!("{key:?}"));
        keys.dedup();
        assert_eq!(keys.len(), all);
        for binding in KEYS {
            assert!(
                !binding.label.is_empty() && !binding.help.is_empty(),
                "{:?}",
                binding.action
            );
            assert!(
                binding.label.len() <= 9 && binding.help.len() <= 43,
                "{}",
                binding.help
            );
        }
    }

    #[test]
    fn the_label_of_a_key_names_it() {
        for binding in KEYS {
            for key in &binding.keys[..1] {
                if let Char(c) = key {
                    assert!(*c == ' ' || binding.label.contains(*c), "{}", binding.label);
                }
            }
        }
    }

    #[test]
    fn screens_go_round() {
        assert_eq!(Screen::Log.step(1), Screen::Buses);
        assert_eq!(Screen::Overview.step(5), Screen::Buses);
        assert_eq!(Screen::Buses.step(5), Screen::Log);
    }

    #[test]
    fn the_key_of_a_screen_goes_there() {
        for screen in Screen::ALL {
            assert_eq!(action(Char(screen.key())), Some(Action::Screen(screen)));
        }
    }
}
